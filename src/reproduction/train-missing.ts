import { join } from "node:path";
import { InputError } from "../errors.js";
import { isThere } from "../files/kind.js";
import { type HeldLock, waitForLock, workingLock } from "../files/lock.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { type InitialWeights, readRun, RUN_FILES } from "../run/run-directory.js";
import { type PreparedRun, prepareRun } from "../training/prepare.js";
import { firstStepWarnings } from "../training/first-step.js";
import { SELECTION_ATTACK } from "../training/schedule.js";
import { train } from "../training/train.js";
import type { TrainingJob } from "./job.js";
import { evaluatedSince, evaluationCost, trainingCost } from "./ledger.js";
import { isTrained } from "./is-trained.js";
import { imagesOf, Stopped, stopIfAsked, type RunPlace, type WorkSession } from "./session.js";

/** Seconds between checkpoints, besides the one after every epoch. */
const CHECKPOINT_SECONDS = 120;

/**
 * Trains a run to its end, or until an epoch, from where it stopped, and reports progress over all the work. Where another process trains
 * it, this one waits, and finds it done.
 *
 * @returns Whether anything was left to train.
 * @throws {Stopped} when asked to stop; then everything is saved.
 */
export async function trainMissing(
  folder: string,
  settings: TrainingSettings,
  { name, looks: allotted, until, inputs }: TrainingJob,
  place: RunPlace,
  session: WorkSession,
): Promise<boolean> {
  const { events, ledger, record } = session;
  const lock = await waitForLock(
    workingLock(folder),
    (holder) => events.onMessage(`waiting for another mtard that works in ${folder} (${holder})`),
    () => stopIfAsked(events),
  );
  if (isDone(folder, until, lock)) {
    lock.release();
    return false;
  }
  const images = imagesOf(settings, record);
  const cost = trainingCost(settings);
  let accounted = 0;
  let lastStep: number | null = null;
  let imagesPerSecond: number | null = null;
  const all = { settings, folder, until, init: inputs.init, lock };
  await trainRun(all, session, (progress) => {
    const { step, steps, epoch, evaluated } = progress;
    if (lastStep === null) {
      accounted = allotted * Math.min(1, step / (until === null ? steps : (steps * until) / settings.epochs));
      ledger.strike(accounted);
      if (step > 0) events.onMessage(`resumed after step ${step} of ${steps}`);
    } else {
      const imagesPerStep = (images.train * settings.epochs) / steps;
      const looks = (step - lastStep) * imagesPerStep * cost + evaluated * evaluationCost(SELECTION_ATTACK);
      accounted += looks;
      ledger.work(looks);
    }
    lastStep = step;
    imagesPerSecond = progress.imagesPerSecond ?? imagesPerSecond;
    const doing =
      evaluated > 0 ? `choosing the best of epoch ${epoch}/${settings.epochs}` : `step ${step}/${steps}`;
    events.onProgress({
      ...place,
      doing: `${name}: ${doing}`,
      imagesPerSecond,
      secondsLeft: ledger.secondsLeft(),
    });
  });
  ledger.strike(allotted - accounted);
  return true;
}

/** Whether another process has trained the run as far as it should be; the lock is given back if that cannot be read. */
function isDone(folder: string, until: number | null, lock: HeldLock): boolean {
  try {
    return isTrained(folder, until);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** How far a run's training has got. */
interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly imagesPerSecond: number | null;
  /** Images evaluated since the last event. */
  readonly evaluated: number;
}

interface RunToTrain {
  readonly settings: TrainingSettings;
  readonly folder: string;
  readonly until: number | null;
  readonly init: InitialWeights | undefined;
  /** The lock of the folder, which goes with the run. */
  readonly lock: HeldLock;
}

async function trainRun(
  { settings, folder, until, init: origin, lock }: RunToTrain,
  { places, events }: WorkSession,
  onProgress: (progress: TrainingProgress) => void,
): Promise<void> {
  const { dataDir, teachersDir, device } = places;
  const run = await openRun().catch((error: unknown) => {
    lock.release();
    throw error;
  });
  async function openRun(): Promise<PreparedRun> {
    const resume = isThere(join(folder, RUN_FILES.settings));
    const whole = resume ? asBegun(settings, folder) : settings;
    const init = origin && { from: origin.from, head: origin.head, key: origin.key };
    return prepareRun(whole, { folder, dataDir, teachersDir, device, resume, init, lock });
  }
  try {
    for (const repair of run.repairs) events.onMessage(repair);
    const steps = settings.epochs * run.batches.stepsPerEpoch;
    const started = performance.now();
    let [images, evaluated, lastEpoch] = [0, 0, 0];
    let step = run.step;
    const pause = { reached: false };
    onProgress({ step, steps, epoch: lastEpoch, imagesPerSecond: null, evaluated: 0 });
    const { status } = await train(
      run,
      {
        onStep(event) {
          ({ step } = event);
          for (const warning of firstStepWarnings(step, run.trainee.method, event.report))
            events.onMessage(`warning: ${warning}`);
          lastEpoch = event.epoch;
          images += event.images;
          const imagesPerSecond = images / ((performance.now() - started) / 1000);
          onProgress({ step, steps, epoch: lastEpoch, imagesPerSecond, evaluated: 0 });
        },
        onEvaluationProgress({ epoch, done }) {
          const since = evaluatedSince(done, evaluated);
          evaluated = done;
          onProgress({ step, steps, epoch, imagesPerSecond: null, evaluated: since });
        },
        onEvaluation({ epoch }) {
          evaluated = 0;
          pause.reached ||= until !== null && epoch >= until;
        },
        onWarning: (text) => events.onMessage(`warning: ${text}`),
        stopRequested: () => pause.reached || events.stopRequested(),
      },
      CHECKPOINT_SECONDS,
    );
    if (status === "stopped" && !pause.reached) throw new Stopped();
  } finally {
    await run.close();
  }
}

/**
 * The settings a run was begun with, except for its teachers, which may have moved since; by its key, the results are the same.
 *
 * @throws {InputError} if the folder's run cannot be read.
 */
function asBegun({ cleanTeacher, robustTeacher }: TrainingSettings, folder: string): TrainingSettings {
  try {
    return { ...readRun(folder).settings, cleanTeacher, robustTeacher };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const fix = `move ${folder} away, and the run is trained again`;
    throw new InputError(error.message, { ...error.detail, fix, cause: error });
  }
}
