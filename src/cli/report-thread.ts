import { parentPort, workerData } from "node:worker_threads";
import { reportHtml } from "./report.js";

/* A report is made in a thread of its own, as the reading and drawing would keep a server from answering for seconds. */

const { folder } = workerData as { readonly folder: string };
parentPort?.postMessage(await reportHtml(folder, () => undefined));
