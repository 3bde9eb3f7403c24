import { parentPort, workerData } from "node:worker_threads";
import { runReportHtml } from "../report/run-report/page.js";
import { readRunReport } from "../report/run-report/read.js";

/* A report is made in a thread of its own, as the reading and drawing would keep a server from answering for seconds. */

const { folder, dataDir } = workerData as { readonly folder: string; readonly dataDir: string };
parentPort?.postMessage(await runReportHtml(await readRunReport(folder, { dataDir })));
