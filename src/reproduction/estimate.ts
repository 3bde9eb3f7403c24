import type { AttackSettings } from "../attacks/attack.js";
import { isTransfer, type AttackId } from "../attacks/attacks.js";
import type { NetworkShape } from "../graph/network.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { Device } from "../runtime/device.js";
import { median } from "../self-check/compare.js";
import {
  attackPasses,
  evaluationCount,
  isSameShape,
  type PassCost,
  passCost,
  selectionPasses,
} from "./operations.js";
import type { PastAttack, PastTraining, PastWork, TeacherWork } from "./past-work.js";
import { type Speed, speedText } from "./speed.js";
import { isAlike, meanBatch, stepOperations, stepSeconds, stepsPerEpoch } from "./step-cost.js";

/** A run to be trained. */
export interface TrainingWork {
  readonly settings: TrainingSettings;
  readonly shape: NetworkShape;
  /** How many images an epoch has, and each evaluation that chooses the best student. */
  readonly images: { readonly train: number; readonly selection: number };
  /** Null in a role that the method does not ask. */
  readonly teachers: { readonly clean: TeacherWork | null; readonly robust: TeacherWork | null };
}

/** What is to be measured of a run's student, or of a teacher. */
export interface MeasurementWork {
  readonly subject: "student" | "teacher";
  /** The id of its network, or null for a foreign graph. */
  readonly network: string | null;
  readonly shape: NetworkShape;
  readonly batchSize: number;
  /** Null stands for the clean accuracy alone. */
  readonly attacks: readonly {
    readonly attack: AttackId | null;
    readonly images: number;
    readonly changes?: Readonly<Partial<AttackSettings>> | undefined;
  }[];
  /** The share of the images that withstand the first part of an ensemble, where something is known of it. */
  readonly laterShare?: number | undefined;
  /** The network that transfer attacks make their images on, where it is known. */
  readonly surrogate?: string | null | undefined;
}

/** Where the work is to be done, and what is known of that. */
export interface Ground {
  readonly device: Device;
  readonly past: PastWork;
  /** What to reckon with where no work was done on the device yet; null for nothing. */
  readonly assumed: Speed | null;
}

/** How long work will take. The start of processes and the reading of data and teachers are not counted. */
export interface Estimate {
  /** Null where nothing is known. */
  readonly seconds: number | null;
  /** `measured`: at the pace of finished work of the same kind; `counted`: from counted operations, at a speed, whatever the arithmetic. */
  readonly basis: "measured" | "counted" | null;
  /** What it rests on, in words. */
  readonly restsOn: string;
}

/** How long a run will take to train, its own evaluations included. @throws {InputError} if its method is none of mtard's. */
export function estimateTraining(work: TrainingWork, ground: Ground): Estimate {
  const { settings, images, shape } = work;
  const trainings = ground.past.trainings.filter(({ device }) => device === ground.device);
  const alike = trainings.filter((past) => isAlike(past, work));
  const steps = stepsPerEpoch(work) * settings.epochs;
  const evaluated = evaluationCount(settings) * images.selection;
  if (alike.length > 0) {
    const step = median(alike.map((past) => (past.step * meanBatch(work)) / meanBatch(past)));
    const start = median(alike.map((past) => past.start));
    const perImage = alike.flatMap((past) =>
      past.evaluation === null
        ? []
        : [(past.evaluation * selectionShare(settings, past)) / past.images.selection],
    );
    // Runs alike were measured on the device, or it would not be known.
    const each =
      perImage.length > 0
        ? median(perImage)
        : (attackPace(settings.student, "student", shape, ground) ?? 0) * selectionPasses(settings);
    return {
      seconds: start + steps * step + evaluated * each,
      basis: "measured",
      restsOn: `${count(alike.length, "finished run")} of this kind`,
    };
  }
  const student = passCost(settings.student, shape);
  const speed = speedOf(trainings, settings.student, ground);
  if (student === null || speed === null) return UNKNOWN;
  const step = stepSeconds(work, speed);
  if (step === null) return UNKNOWN;
  const evaluation = passSeconds(student, settings.evaluationBatch, speed) * selectionPasses(settings);
  return { seconds: steps * step + evaluated * evaluation, basis: "counted", restsOn: speedText(speed) };
}

/** How long it will take to measure a model. */
export function estimateMeasurement(work: MeasurementWork, ground: Ground): Estimate {
  const parts = work.attacks.map((each) => attackEstimate(each, work, ground));
  const seconds = parts.map((part) => part.seconds);
  if (!seconds.every((each) => each !== null)) return UNKNOWN;
  const [first] = [...parts].sort((one, other) => rank(one) - rank(other));
  if (!first) return { seconds: 0, basis: "measured", restsOn: "nothing to measure" };
  return { ...first, seconds: seconds.reduce((sum, each) => sum + each, 0) };
}

/** A sum rests on the least certain of its parts. */
function rank({ basis }: Estimate): number {
  return basis === "counted" ? 0 : 1;
}

function attackEstimate(
  { attack, images, changes }: MeasurementWork["attacks"][number],
  work: MeasurementWork,
  ground: Ground,
): Estimate {
  const passes = images * attackPasses(attack, changes, work.laterShare);
  const there = attacksOn(work, ground);
  const same = there.filter((past) => past.attack === attack || attack === null);
  if (same.length > 0)
    return {
      seconds: passes * pacePerPass(same),
      basis: "measured",
      restsOn: `${count(same.length, "finished measurement")} of this kind`,
    };
  // Images that are made on another classifier are only shown to this one.
  const made = attack !== null && isTransfer(attack) ? (work.surrogate ?? null) : work.network;
  const cost = made === null ? null : passCost(made, work.shape);
  const speed = cost && speedOf([], made ?? "", ground);
  if (cost === null || speed === null) return UNKNOWN;
  return {
    seconds: passes * passSeconds(cost, work.batchSize, speed),
    basis: "counted",
    restsOn: speedText(speed),
  };
}

const UNKNOWN: Estimate = { seconds: null, basis: null, restsOn: "nothing like it was measured here yet" };

/** How many times as many passes an evaluation makes for an image: averaged weights are evaluated as well. */
function selectionShare(settings: TrainingSettings, past: PastTraining): number {
  return selectionPasses(settings) / selectionPasses(past.settings);
}

/** The speed of earlier work on the device, of the same network if there is some, else what is assumed. */
function speedOf(trainings: readonly PastTraining[], network: string, ground: Ground): Speed | null {
  const runs = trainings.flatMap((past) => {
    const operations = stepOperations(past);
    return operations === null
      ? []
      : [{ network: past.settings.student, operationsPerSecond: operations / past.step }];
  });
  const attacks = ground.past.attacks
    .filter(({ device, passes, seconds }) => device === ground.device && passes > 0 && seconds > 0)
    .flatMap((past) => {
      const cost = passCost(past.network, past.shape);
      return cost === null
        ? []
        : [{ network: past.network, operationsPerSecond: (past.passes * cost.operations) / past.seconds }];
    });
  const known = runs.length > 0 ? runs : attacks;
  const same = known.filter((each) => each.network === network);
  const taken = same.length > 0 ? same : known;
  if (taken.length === 0) return ground.assumed;
  return {
    operationsPerSecond: median(taken.map(({ operationsPerSecond }) => operationsPerSecond)),
    convolutionSeconds: 0,
    of: `${count(taken.length, runs.length > 0 ? "other run" : "measurement")} here`,
  };
}

/** Seconds of one image's pass in a batch. */
function passSeconds({ operations, convolutions }: PassCost, batchSize: number, speed: Speed): number {
  return Math.max(
    operations / speed.operationsPerSecond,
    (convolutions * speed.convolutionSeconds) / batchSize,
  );
}

function attacksOn(
  { subject, network, shape }: Pick<MeasurementWork, "subject" | "network" | "shape">,
  { device, past }: Ground,
): PastAttack[] {
  return past.attacks.filter(
    (each) =>
      each.device === device &&
      each.subject === subject &&
      each.network === network &&
      isSameShape(each.shape, shape) &&
      each.passes > 0,
  );
}

/** Seconds of a pass in attacks on a network, or null where there were none. */
function attackPace(
  network: string,
  subject: MeasurementWork["subject"],
  shape: NetworkShape,
  ground: Ground,
): number | null {
  const there = attacksOn({ subject, network, shape }, ground);
  return there.length === 0 ? null : pacePerPass(there);
}

/** Of all together, as an attack that is over after a few steps says little about one that is not. */
function pacePerPass(past: readonly PastAttack[]): number {
  const sum = (of: "seconds" | "passes"): number => past.reduce((total, each) => total + each[of], 0);
  return sum("seconds") / sum("passes");
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
