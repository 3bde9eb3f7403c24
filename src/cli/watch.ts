import { once } from "node:events";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { spawn } from "node:child_process";
import { InputError } from "../errors.js";
import { kindOf } from "../files/kind.js";
import { parseQuantity } from "../recipes/settings.js";
import { servePages } from "../watch/server.js";
import { watchFolder } from "../watch/watcher.js";
import { examples } from "./options.js";
import { type GlobalArguments, log, printResult, suggest } from "./output.js";
import type { CommandBody } from "./usages.js";

interface WatchArguments extends GlobalArguments {
  folder: string | undefined;
  port: unknown;
  open: boolean;
}

/** The first port that is tried where none is named. */
const USUAL_PORT = 6827;

/** `mtard watch [FOLDER]`: a page that shows runs while they are trained. */
export const watchCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("folder", {
        type: "string",
        default: "runs",
        describe: "a folder with runs in it, however deep",
      })
      .option("port", {
        requiresArg: true,
        describe: "the port on this machine; 0 for any",
        defaultDescription: `${USUAL_PORT}, or the next one that is free`,
      })
      .option("open", { type: "boolean", default: false, describe: "open the page in a browser" })
      .epilogue(
        examples({
          "all runs below runs/": "mtard watch",
          "another folder, and the page at once": "mtard watch /data/my-runs --open",
          "from another machine, then http://localhost:6827": "ssh -L 6827:127.0.0.1:6827 HOST",
        }),
      ),
  handler: (args) => runWatch(args as unknown as WatchArguments),
};

async function runWatch(args: WatchArguments): Promise<void> {
  const { folder = "runs" } = args;
  if (kindOf(folder) !== "folder")
    throw new InputError(`there is no folder ${folder}`, {
      expected: "a folder with runs in it",
      found: kindOf(folder) === null ? "nothing" : "a file",
      fix: "mtard train makes a run in runs/",
    });
  const isOnly = args.port !== undefined;
  const port = isOnly
    ? parseQuantity("--port", args.port, { minimum: 0, maximum: 65_535, whole: true })
    : USUAL_PORT;
  const watcher = watchFolder(resolve(folder));
  await watcher.begin();
  const served = await servePages({
    folder: resolve(folder),
    ...{ watcher, port, isOnly },
    report: (run) => reportInThread(run, args.dataDir),
  });
  const stopped = signalled();
  printResult(args, { folder: resolve(folder), address: served.address, port: served.port }, served.address);
  suggest(
    `open ${served.address} in a browser; Ctrl-C ends it`,
    `from another machine: ssh -L ${served.port}:127.0.0.1:${served.port} ${hostname()}, and the same address there`,
  );
  if (args.open) openBrowser(served.address);
  await stopped;
  watcher.end();
  await served.end();
}

/** Resolves when this process is asked to end; a second time ends it at once. */
async function signalled(): Promise<void> {
  const ended = new AbortController();
  await Promise.race(
    ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => once(process, signal, { signal: ended.signal })),
  );
  ended.abort();
}

/** The report of a run, made in a thread of its own. */
async function reportInThread(folder: string, dataDir: string): Promise<string> {
  const worker = new Worker(new URL("report-thread.js", import.meta.url), {
    workerData: { folder, dataDir },
  });
  const [html] = (await once(worker, "message")) as [string];
  await worker.terminate();
  return html;
}

function openBrowser(address: string): void {
  const child = spawn("xdg-open", [address], { stdio: "ignore", detached: true });
  child.on("error", () => log(`note: there is no xdg-open on this machine; open ${address} yourself`));
  child.unref();
}
