import { createNetwork } from "#mtard/networks/networks.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import { plainRun } from "#mtard/paper/plan.js";
import { paperDatasets } from "#mtard/paper/paper.js";
import { paperStudents } from "#mtard/recipes/teachers.js";
import { estimateMeasurement, estimateTraining } from "#mtard/reproduction/estimate.js";
import { attackPasses, evaluationCount, passCost, selectionPasses } from "#mtard/reproduction/operations.js";
import { ASSUMED_H100 } from "#mtard/reproduction/speed.js";
import {
  meanBatch,
  partSeconds,
  stepOperations,
  stepParts,
  stepsPerEpoch,
} from "#mtard/reproduction/step-cost.js";
import { markdown, hours, least, number, share } from "./cost-format.mjs";
import { shapeOf, trainingOf } from "./paper-work.mjs";

/* The tables of docs/scaling.md about one run. */

/**
 * @typedef {import("./paper-work.mjs").Training} Training
 * @typedef {import("#mtard/reproduction/speed.js").Speed} Speed
 */

/** @type {import("#mtard/reproduction/estimate.js").Ground} */
export const H100 = { device: "cuda", past: { trainings: [], attacks: [] }, assumed: ASSUMED_H100 };
/** The H200's step of ResNet-18 without teachers took 94 ms in tf32 (docs/performance.md). @type {Speed} */
const TF32 = { ...ASSUMED_H100, operationsPerSecond: (26 * 2 * 555_422_720 * 128) / 0.094 };
/** Steps measured on two cores of an EPYC (docs/performance.md), with the benchmark's small teachers. */
const EPYC = [
  { student: "resnet-18", side: 32, batch: 32, teachers: ["resnet-56", "resnet-20"], seconds: 4.14 },
  { student: "mobilenet-v2", side: 32, batch: 32, teachers: ["resnet-56", "resnet-20"], seconds: 1.53 },
  {
    student: "preact-resnet-18",
    side: 64,
    batch: 32,
    teachers: ["preact-resnet-34", "preact-resnet-34"],
    seconds: 19.7,
  },
];

/** B-MTARD with each of the paper's students. @returns {Training[]} */
function students() {
  return paperDatasets.flatMap((dataset) =>
    (paperStudents[dataset] ?? []).map((student) => trainingOf(plainRun("b-mtard"), dataset, student)),
  );
}

/** Operations a second of two cores of the EPYC on a student. @param {string} student */
function epycSpeed(student) {
  const measured = EPYC.find((each) => each.student === student);
  if (!measured) throw new Error(`no step of ${student} was measured`);
  const shape = { image: { height: measured.side, width: measured.side, channels: 3 }, classes: 10 };
  const cost = (/** @type {string} */ id) => passCost(id, shape)?.operations ?? NaN;
  const passes = 26 * cost(student) + measured.teachers.reduce((sum, id) => sum + cost(id), 0);
  return {
    operationsPerSecond: (passes * measured.batch) / measured.seconds,
    convolutionSeconds: 0,
    of: "EPYC",
  };
}

/** The parts of a step and their seconds. @param {Training} training @param {Speed} speed @param {number} [gpus] */
function secondsOf({ work }, speed, gpus = 1) {
  const batch = meanBatch(work) / gpus;
  return Object.fromEntries(
    (stepParts(work) ?? []).map((part) => [part.name, partSeconds(part, batch, speed)]),
  );
}

/** @param {Readonly<Record<string, number>>} parts */
const sum = (parts) => Object.values(parts).reduce((total, each) => total + each, 0);

/** A step on two cores of the EPYC: teachers at the speed of ResNet-18, as no large one was measured. @param {Training} training */
function epycStep(training) {
  const { student } = training.work.settings;
  const [own, others] = [epycSpeed(student), epycSpeed("resnet-18")].map((speed) =>
    secondsOf(training, speed),
  );
  return sum({ ...others, attack: own?.["attack"] ?? NaN, learning: own?.["learning"] ?? NaN });
}

/** A step in tf32: the student's passes, with teachers as they were. @param {Training} training */
function tf32Step(training) {
  const [single, half] = [secondsOf(training, ASSUMED_H100), secondsOf(training, TF32)];
  return sum({ ...single, attack: half["attack"] ?? 0, learning: half["learning"] ?? 0 });
}

/** What a step computes, and how long it takes. */
export function stepTable() {
  const rows = students().map((training) => {
    const { work } = training;
    const parts = (stepParts(work) ?? []).map(
      ({ name, passes, cost }) => /** @type {const} */ ([name, passes * cost.operations]),
    );
    const operations = Object.fromEntries(parts);
    const all = sum(operations);
    const seconds = secondsOf(training, ASSUMED_H100);
    const { dataset, settings, teachers } = { ...training, ...work };
    return [
      `${dataset}, ${settings.student}, ${settings.batchSize}`,
      `${teachers.clean?.network ?? ""}, ${teachers.robust?.network ?? ""}`,
      number((stepOperations(work) ?? NaN) / 1e12),
      ...["attack", "learning", "cleanTeacher", "robustTeacher"].map((name) =>
        share((operations[name] ?? 0) / all),
      ),
      `${(1000 * sum(seconds)).toFixed(0)} ms`,
      `${(1000 * tf32Step(training)).toFixed(0)} ms`,
      `${epycStep(training).toFixed(0)} s`,
    ];
  });
  const heading = [
    "data, student, batch",
    "teachers",
    "TFLOP",
    "attack",
    "learning",
    "clean teacher",
    "robust teacher",
    "H100, float32",
    "tf32",
    "two cores",
  ];
  return markdown(heading, rows, 2);
}

/** What a run computes, and how long it takes. */
export function runTable() {
  const rows = students().map((training) => {
    const { work } = training;
    const { settings, images, shape } = work;
    const steps = stepsPerEpoch(work) * settings.epochs;
    const looks = evaluationCount(settings) * images.selection * selectionPasses(settings);
    const evaluating = looks * (passCost(settings.student, shape)?.operations ?? NaN);
    const seconds = estimateTraining(work, H100).seconds ?? NaN;
    const step = sum(secondsOf(training, ASSUMED_H100));
    const operations = steps * (stepOperations(work) ?? NaN) + evaluating;
    const slow = steps * epycStep(training);
    return [
      `${training.dataset}, ${settings.student}`,
      String(settings.epochs),
      steps.toLocaleString("en"),
      String(evaluationCount(settings)),
      number(operations / 1e15),
      `${((step * steps) / settings.epochs).toFixed(0)} s`,
      hours(seconds),
      hours(seconds - step * steps),
      hours(steps * tf32Step(training) + (seconds - step * steps)),
      `${(slow / 86_400).toFixed(0)} days`,
    ];
  });
  const heading = [
    "data, student",
    "epochs",
    "steps",
    "evaluations",
    "PFLOP",
    "epoch",
    "run",
    "of it evaluations",
    "in tf32",
    "two cores",
  ];
  return markdown(heading, rows, 1);
}

/** How long attacks take on all test images, if half of them withstand the first part of AutoAttack. */
export function attackTable() {
  const shape = shapeOf("cifar10");
  const rows = /** @type {const} */ ([
    "fgsm",
    "pgd-sat",
    "pgd-trades",
    "cw",
    "square",
    "rays",
    "aa",
    "gradient-estimation",
  ]).map((attack) => {
    const queries = attack === "square" || attack === "rays" ? { queries: 100 } : {};
    const passes = attackPasses(attack, queries, 1 / 2);
    const seconds = ["resnet-18", "mobilenet-v2"].map((network) => {
      const attacks = [{ attack, images: 10_000, changes: queries }];
      const work = {
        network,
        shape,
        attacks,
        batchSize: 128,
        laterShare: 1 / 2,
        subject: /** @type {const} */ ("student"),
      };
      return estimateMeasurement(work, H100).seconds ?? NaN;
    });
    return [attack, passes.toFixed(0), ...seconds.map((each) => least(each))];
  });
  return markdown(["attack, 10,000 images", "passes an image", "ResNet-18", "MobileNet-v2"], rows, 1);
}

/** What a run gains from several GPUs, at the batch of the paper. */
export function splitTable() {
  const training = trainingOf(plainRun("b-mtard"), "cifar10", "resnet-18");
  const whole = secondsOf(training, ASSUMED_H100);
  const rows = [1, 2, 4, 8].map((gpus) => {
    const split = secondsOf(training, ASSUMED_H100, gpus);
    const attack = sum({ ...whole, attack: split["attack"] ?? 0 });
    const ideal = sum({ ...whole, attack: (whole["attack"] ?? 0) / gpus });
    const [one, all] = [sum(whole), sum(split)];
    return [
      String(gpus),
      (one / ideal).toFixed(2),
      ...[attack, all].flatMap((each) => [`${(1000 * each).toFixed(0)} ms`, (one / each).toFixed(2)]),
      gpus.toFixed(2),
    ];
  });
  const heading = [
    "GPUs",
    "attack split, at best",
    "attack split",
    "times as fast",
    "all split",
    "times as fast",
    "that many runs",
  ];
  return markdown(heading, rows, 0);
}

/** Seconds between a table's checkpoints, besides those at the ends of epochs and evaluations. */
const CHECKPOINT_SECONDS = 120;
/** Bytes of a line of a step's metrics, and of an image in a record of an attack, as real runs have them. */
const LINE_BYTES = 485;
const RECORD_BYTES = 28;

/** What a run of a table keeps and writes. */
export function fileTable() {
  const rows = students().map((training) => {
    const { settings, shape, images } = training.work;
    const { epochs, student } = settings;
    const [weights, statistics] = valuesOf(student, shape);
    const checkpoint = 4 * (2 * weights + statistics);
    const best = 4 * (weights + statistics);
    const steps = stepsPerEpoch(training.work) * epochs;
    const seconds = estimateTraining(training.work, H100).seconds ?? NaN;
    const between = Math.floor(
      (sum(secondsOf(training, ASSUMED_H100)) * steps) / epochs / CHECKPOINT_SECONDS,
    );
    const saves = 1 + epochs * (1 + between) + evaluationCount(settings);
    const written = saves * checkpoint + steps * LINE_BYTES;
    return [
      `${training.dataset}, ${student}`,
      megabytes(checkpoint),
      megabytes(best),
      megabytes(steps * LINE_BYTES),
      megabytes(2 * checkpoint + best + steps * LINE_BYTES),
      String(saves),
      `${(written / 1e9).toFixed(0)} GB`,
      `${(written / seconds / 1e6).toFixed(1)} MB/s`,
      `${((images.selection * RECORD_BYTES) / 1e3).toFixed(0)} kB`,
    ];
  });
  const heading = [
    "data, student",
    "checkpoint",
    "best student",
    "metrics",
    "kept",
    "checkpoints",
    "written",
    "on an H100",
    "an attack's record",
  ];
  return markdown(heading, rows, 1);
}

/**
 * How many trained values and how many statistics a network has.
 *
 * @param {string} student
 * @param {import("#mtard/graph/network.js").NetworkShape} shape
 * @returns {[trained: number, statistics: number]}
 */
export function valuesOf(student, shape) {
  const specs = parameterSpecs(createNetwork(student, shape));
  const count = (/** @type {"trained" | "statistic"} */ kind) =>
    specs
      .filter((spec) => spec.kind === kind)
      .reduce((total, spec) => total + spec.shape.reduce((size, side) => size * side, 1), 0);
  return [count("trained"), count("statistic")];
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${number(bytes / 1e6)} MB`;
}
