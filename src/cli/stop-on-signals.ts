import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { messages } from "./channels.js";
import { logAlways } from "./output.js";
import type { ProgressLine } from "./progress.js";

const WATCHER = fileURLToPath(new URL("interrupt-watcher.js", import.meta.url));

/**
 * Takes the first SIGINT, SIGTERM or SIGHUP (the terminal was closed) as a request to stop, and says so; a second one ends the program at
 * once, as usual. On a terminal Ctrl-C is answered at once, in the middle of an engine's call too.
 *
 * @param unit What is done to its end before the program stops.
 */
export function stopOnSignals(
  line: Pick<ProgressLine, "clear">,
  unit: "step" | "batch" = "step",
): { readonly requested: boolean; forget(): void } {
  const watcher = messages.isTTY === true && process.stdin.isTTY ? startWatcher(unit) : null;
  const state = { requested: false, forget };
  function onSignal(signal: NodeJS.Signals): void {
    state.requested = true;
    line.clear();
    const answered = signal === "SIGINT" && watcher !== null && watcher.answers;
    if (!answered)
      logAlways(`${signal}: saving and stopping after this ${unit}; a second one stops now without saving`);
    unhear();
  }
  function unhear(): void {
    for (const signal of signals) process.off(signal, onSignal);
  }
  function forget(): void {
    unhear();
    watcher?.end();
  }
  for (const signal of signals) process.on(signal, onSignal);
  return state;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Starts the process that answers Ctrl-C; it ends with this one. */
function startWatcher(unit: string): { readonly answers: boolean; end(): void } {
  const state = { answers: false, end: () => void child.stdin.end() };
  const child = spawn(process.execPath, [WATCHER, String(process.pid), unit], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Where it cannot run, or not yet, Ctrl-C is answered when this process hears of it.
  child.stdout.once("data", () => (state.answers = true));
  child.on("error", () => undefined).on("exit", () => (state.answers = false));
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as { unref(): void }).unref();
  return state;
}
