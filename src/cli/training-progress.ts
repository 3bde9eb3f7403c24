import type { StepReport } from "../methods/method.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { prepareNativeLibraries, requestedDevice, studentDevice, threadCount } from "../runtime/device.js";
import { tf } from "../runtime/tensorflow.js";
import { prepareRun } from "../training/prepare.js";
import { train, type TrainingSummary } from "../training/train.js";
import { log } from "./output.js";
import { formatDuration, ProgressLine } from "./progress.js";
import { stopOnSignals } from "./stop-on-signals.js";

/** Where a run's files are and what it should run on, as the command line gives them. */
export interface TrainingPlaces {
  readonly folder: string;
  readonly dataDir: string;
  readonly teachersDir: string;
  readonly resume: boolean;
  readonly device: string | undefined;
}

/** Trains with one progress line on a terminal and one log line per evaluation; SIGINT and SIGTERM save and stop. */
export async function trainWithProgress(
  settings: TrainingSettings,
  places: TrainingPlaces,
  checkpointSeconds: number,
): Promise<TrainingSummary> {
  const device = requestedDevice(places.device);
  prepareNativeLibraries(device, threadCount());
  const runsOn = studentDevice(tf, device);
  const run = await prepareRun(settings, { ...places, device });
  const line = new ProgressLine();
  const stop = stopOnSignals(line);
  try {
    log(`student ${settings.student} on ${runsOn} (libtensorflow)${teachersText(run.trainee)}`);
    log(
      `${settings.method} on ${settings.dataset}, ${settings.epochs} ${settings.epochs === 1 ? "epoch" : "epochs"}, best chosen on ${settings.selection} images`,
    );
    if (run.resumed) log(`resumed from ${places.folder} after step ${run.step}`);
    const total = settings.epochs * run.batches.stepsPerEpoch;
    const meter = createMeter(run.step, total);
    return await train(
      run,
      {
        onStep({ epoch, step, images, report }) {
          const place = `epoch ${epoch}/${settings.epochs}  step ${step}/${total}`;
          line.show(`${place}  ${meter(step, images)}  ${describe(report)}`);
        },
        onEvaluationProgress: ({ epoch, done, total: images }) =>
          line.show(`epoch ${epoch}: evaluating ${done}/${images}`),
        onEvaluation({ epoch, clean, robust, wRobust, best }) {
          line.clear();
          const [c, r, w] = [clean, robust, wRobust].map((value) => `${(100 * value).toFixed(2)}%`);
          log(`epoch ${epoch}: clean ${c}, PGD-trades ${r}, W-Robust ${w}${best ? ", the best so far" : ""}`);
        },
        stopRequested: () => stop.requested,
      },
      checkpointSeconds,
    );
  } finally {
    line.clear();
    stop.forget();
    await run.close();
  }
}

interface OpenTeachers {
  readonly cleanTeacher: { manifest: { name: string }; device: string } | null;
  readonly robustTeacher: { manifest: { name: string }; device: string } | null;
}

function teachersText({ cleanTeacher, robustTeacher }: OpenTeachers): string {
  const parts = [
    cleanTeacher && `clean teacher ${cleanTeacher.manifest.name} on ${cleanTeacher.device}`,
    robustTeacher && `robust teacher ${robustTeacher.manifest.name} on ${robustTeacher.device}`,
  ].filter((part) => part !== null);
  return parts.map((part) => `, ${part} (ONNX Runtime)`).join("");
}

/** Makes a text of the rate and the time left, from the steps of this session. */
function createMeter(firstStep: number, totalSteps: number): (step: number, images: number) => string {
  const started = performance.now();
  let seen = 0;
  return (step, images) => {
    seen += images;
    const seconds = (performance.now() - started) / 1000;
    const left = (seconds / (step - firstStep)) * (totalSteps - step);
    return `${(seen / seconds).toFixed(0)} images/s, ${formatDuration(left)} left`;
  };
}

const SHOWN: readonly (readonly [label: string, names: readonly string[], digits: number])[] = [
  ["loss", ["lossNat", "lossAdv"], 4],
  ["temperature", ["temperatureNat", "temperatureAdv"], 3],
  ["weight", ["weightNat", "weightAdv"], 3],
];

function describe(report: StepReport): string {
  return SHOWN.flatMap(([label, names, digits]) => {
    const values = names.map((name) => report[name]).filter((value) => value !== undefined);
    return values.length === 0 ? [] : [`${label} ${values.map((value) => value.toFixed(digits)).join("/")}`];
  }).join("  ");
}
