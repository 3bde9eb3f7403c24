import type { EvaluationPass } from "../evaluation/progress.js";
import type { AttackedModel } from "./open-models.js";
import { log } from "./output.js";
import { ProgressLine } from "./progress.js";
import { stopOnSignals } from "./stop-on-signals.js";

/** What a command that measures has while it does. */
export interface MeasuringSession {
  readonly line: ProgressLine;
  /** Says a line above the progress. */
  readonly say: (text: string) => void;
  /** Ends the work between two batches, when all that was found is on the disk, if a signal asked for it. */
  readonly stopIfAsked: (progress: { readonly pass: Pick<EvaluationPass, "step"> }) => void;
}

class Stopped extends Error {}

/** Measures opened models, with progress, until it is done or a signal stops it, which ends the program with 1; then the models are disposed of. */
export async function whileMeasuring(
  opened: AttackedModel,
  work: (session: MeasuringSession) => Promise<void>,
): Promise<void> {
  const line = new ProgressLine();
  const stop = stopOnSignals(line, "batch");
  try {
    await work({
      line,
      say(text) {
        line.clear();
        log(text);
      },
      stopIfAsked({ pass }) {
        if (stop.requested && pass.step === null) throw new Stopped();
      },
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    line.clear();
    log("stopped; everything so far is kept, and the same call goes on");
    process.exitCode = 1;
  } finally {
    stop.forget();
    line.clear();
    opened.dispose();
  }
}
