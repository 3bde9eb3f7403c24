import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { logAlways } from "./output.js";
import type { ProgressLine } from "./progress.js";

const WATCHER = fileURLToPath(new URL("interrupt-watcher.js", import.meta.url));

/**
 * Takes the first SIGINT or SIGTERM as a request to stop, and says so; a second one ends the program at once, as usual. On a terminal
 * Ctrl-C is answered at once, in the middle of an engine's call too.
 */
export function stopOnSignals(line: ProgressLine): { readonly requested: boolean; forget(): void } {
  const watcher = process.stderr.isTTY && process.stdin.isTTY ? startWatcher() : null;
  const state = { requested: false, forget };
  function onSignal(signal: NodeJS.Signals): void {
    state.requested = true;
    line.clear();
    const answered = signal === "SIGINT" && watcher?.exitCode === null;
    if (!answered)
      logAlways(`${signal}: saving and stopping after this step; a second one stops now without saving`);
    unhear();
  }
  function unhear(): void {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
  function forget(): void {
    unhear();
    watcher?.stdin?.end();
  }
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return state;
}

/** Starts the process that answers Ctrl-C; it ends with this one. */
function startWatcher(): ChildProcess {
  const watcher = spawn(process.execPath, [WATCHER, String(process.pid)], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  // Without it, Ctrl-C is answered when this process hears of it.
  watcher.on("error", () => undefined);
  watcher.unref();
  (watcher.stdin as (NodeJS.WritableStream & { unref?(): void }) | null)?.unref?.();
  return watcher;
}
