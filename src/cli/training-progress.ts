import type { StepReport } from "../methods/method.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { prepareNativeLibraries, requestedDevice, studentDevice, threadCount } from "../runtime/device.js";
import { compileRefusal } from "../runtime/compiled.js";
import { tf } from "../runtime/tensorflow.js";
import { canTrace } from "../runtime/tracer.js";
import { prepareRun } from "../training/prepare.js";
import { firstStepWarnings } from "../training/first-step.js";
import { type MeasuredStudent, settingsOfEpoch, train, type TrainingSummary } from "../training/train.js";
import type { InitRequest } from "../training/initial-student.js";
import type { InitialWeights, Schedule } from "../run/run-directory.js";
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
  readonly init?: InitRequest | undefined;
  readonly tensorboard?: boolean;
  /** What to say of the run when it begins. */
  readonly notes?: readonly string[];
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
  const warn = (text: string): void => {
    line.clear();
    log(`warning: ${text}`);
  };
  try {
    log(`student ${settings.student} on ${runsOn} (libtensorflow)${teachersText(run.trainee)}`);
    log(
      `${settings.method} on ${settings.dataset}, ${settings.epochs} ${settings.epochs === 1 ? "epoch" : "epochs"}, best chosen on ${settings.selection} images`,
    );
    for (const note of places.notes ?? []) log(`note: ${note}`);
    if (run.init && !run.resumed) for (const text of [initText(run.init), ...run.initNotes]) log(text);
    if (run.finishedBy) log(furtherText(run.finishedBy, settings));
    for (const repair of run.repairs) log(`warning: ${repair}`);
    if (run.resumed) log(`resumed from ${places.folder} after step ${run.step}`);
    const total = settings.epochs * run.batches.stepsPerEpoch;
    const meter = trainingMeter(run.step, total);
    let looking: { averaged: boolean; meter: (done: number) => string } | null = null;
    let steps = 0;
    return await train(
      run,
      {
        onStep({ epoch, step, images, report }) {
          const warnings = [
            ...(steps++ === 0 ? uncompiledWarnings() : []),
            ...firstStepWarnings(step, run.trainee.method, report),
          ];
          for (const warning of warnings) warn(warning);
          const place = `epoch ${epoch}/${settings.epochs}  step ${step}/${total}`;
          line.show(`${place}  ${meter(step, images)}  ${describe(report)}`);
        },
        onEvaluationProgress({ epoch, done, total, averaged }) {
          if (looking?.averaged !== averaged) looking = { averaged, meter: evaluationMeter(done, total) };
          const weights = averaged ? " with averaged weights" : "";
          const place = `epoch ${epoch}/${settings.epochs}  evaluating ${done}/${total} images${weights}`;
          line.show(`${place}${looking.meter(done)}`);
        },
        onEvaluation({ epoch, averaged, ...raw }) {
          line.clear();
          looking = null;
          log(`epoch ${epoch}: ${measuredText(raw)}`);
          if (averaged) log(`epoch ${epoch}, averaged weights: ${measuredText(averaged)}`);
        },
        onWarning: warn,
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

function measuredText({ clean, robust, wRobust, best }: MeasuredStudent): string {
  const [c, r, w] = [clean, robust, wRobust].map((value) => `${(100 * value).toFixed(2)}%`);
  return `clean ${c}, PGD-trades ${r}, W-Robust ${w}${best ? ", the best so far" : ""}`;
}

/** What to say where passes are not compiled though nobody asked for that; the first step has tried. */
function uncompiledWarnings(): string[] {
  const refusal = canTrace() ? compileRefusal() : "set-up's binding knows no functions: mtard setup";
  return refusal === null ? [] : [`passes run operation by operation, which is slower: ${refusal}`];
}

function initText({ from, sha256, head }: InitialWeights): string {
  const classifier = head === "new" ? ", with a fresh classifier" : "";
  return `starts from the weights of ${from} (sha256 ${sha256.slice(0, 8)})${classifier}`;
}

/** Says how the schedule of a finished run moves, and at which rate it goes on. */
function furtherText(before: Schedule, settings: TrainingSettings): string {
  const { epochs, milestones, evaluateEvery } = settings;
  const listed = (epochsOf: readonly number[]): string => epochsOf.join(", ") || "none";
  const { learningRate } = settingsOfEpoch(settings, before.epochs + 1).sgd;
  return [
    `the run had ${before.epochs} ${before.epochs === 1 ? "epoch" : "epochs"}; goes on to ${epochs}`,
    listed(milestones) === listed(before.milestones)
      ? `milestones stay ${listed(milestones)}`
      : `milestones now ${listed(milestones)} (were ${listed(before.milestones)})`,
    ...(evaluateEvery === before.evaluateEvery
      ? []
      : [`evaluateEvery now ${evaluateEvery} (was ${before.evaluateEvery})`]),
    `learning rate in epoch ${before.epochs + 1}: ${Number(learningRate.toPrecision(6))}`,
  ].join("; ");
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
function trainingMeter(firstStep: number, totalSteps: number): (step: number, images: number) => string {
  const started = performance.now();
  let seen = 0;
  return (step, images) => {
    seen += images;
    const seconds = (performance.now() - started) / 1000;
    const left = (seconds / (step - firstStep)) * (totalSteps - step);
    return `${(seen / seconds).toFixed(0)} images/s, ${formatDuration(left)} left`;
  };
}

/** The same for the images of an evaluation; nothing before there is a rate. */
function evaluationMeter(first: number, total: number): (done: number) => string {
  const started = performance.now();
  return (done) => {
    const rate = (done - first) / ((performance.now() - started) / 1000);
    if (!(rate > 0 && Number.isFinite(rate))) return "";
    return `  ${rate.toFixed(0)} images/s, ${formatDuration((total - done) / rate)} left`;
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
