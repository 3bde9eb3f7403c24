import { log } from "./output.js";
import type { ProgressLine } from "./progress.js";

/** Takes the first SIGINT or SIGTERM as a request to stop; a second one ends the program at once, as usual. */
export function stopOnSignals(line: ProgressLine): { readonly requested: boolean; forget(): void } {
  const state = { requested: false, forget };
  function onSignal(signal: NodeJS.Signals): void {
    state.requested = true;
    line.clear();
    log(`${signal}: saving and stopping`);
    forget();
  }
  function forget(): void {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return state;
}
