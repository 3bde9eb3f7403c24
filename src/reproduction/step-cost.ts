import type { NetworkShape } from "../graph/network.js";
import { teacherRoles } from "../methods/method.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { isSameShape, type PassCost, passCost, stepPasses } from "./operations.js";
import type { PastTraining, TeacherWork } from "./past-work.js";
import type { Speed } from "./speed.js";

/** What decides the cost of a step. */
export interface StepWork {
  readonly settings: TrainingSettings;
  readonly shape: NetworkShape;
  /** How many images an epoch has: its last batch counts as what it is. */
  readonly images: { readonly train: number };
  readonly teachers: { readonly clean: TeacherWork | null; readonly robust: TeacherWork | null };
}

/** One part of a step: so many passes through one network. */
export interface StepPart {
  readonly name: "attack" | "learning" | "cleanTeacher" | "robustTeacher";
  readonly passes: number;
  readonly cost: PassCost;
}

/** The parts of a step, those that the method has; null where a network is not known. @throws {InputError} as `stepPasses`. */
export function stepParts({ settings, shape, teachers }: StepWork): StepPart[] | null {
  const passes = stepPasses(settings);
  const student = passCost(settings.student, shape);
  if (student === null) return null;
  const parts: StepPart[] = [
    { name: "attack", passes: passes.attack, cost: student },
    { name: "learning", passes: passes.learning, cost: student },
  ];
  for (const role of teacherRoles) {
    if (passes.teachers[role] === 0) continue;
    const network = teachers[role]?.network ?? null;
    const cost = network === null ? null : passCost(network, shape);
    if (cost === null) return null;
    const name = role === "clean" ? "cleanTeacher" : "robustTeacher";
    parts.push({ name, passes: passes.teachers[role], cost });
  }
  return parts.filter((part) => part.passes > 0);
}

/** Floating-point operations of a step, on average over an epoch; null where a network is not known. */
export function stepOperations(work: StepWork): number | null {
  const parts = stepParts(work);
  return (
    parts && parts.reduce((sum, { passes, cost }) => sum + passes * cost.operations, 0) * meanBatch(work)
  );
}

/** Seconds of a step at a speed, one part after the other; null where a network is not known. */
export function stepSeconds(work: StepWork, speed: Speed): number | null {
  const parts = stepParts(work);
  return parts && parts.reduce((sum, part) => sum + partSeconds(part, meanBatch(work), speed), 0);
}

/** Seconds of a part of a step on a batch. */
export function partSeconds({ passes, cost }: StepPart, batch: number, speed: Speed): number {
  const { operations, convolutions } = cost;
  const least = convolutions * speed.convolutionSeconds;
  return passes * Math.max((operations * batch) / speed.operationsPerSecond, least);
}

/** The images of a step, on average over an epoch. */
export function meanBatch({
  settings: { batchSize },
  images,
}: Pick<StepWork, "settings" | "images">): number {
  return images.train / stepsPerEpoch({ settings: { batchSize }, images });
}

/** The steps of an epoch. */
export function stepsPerEpoch({
  settings: { batchSize },
  images,
}: {
  readonly settings: Pick<TrainingSettings, "batchSize">;
  readonly images: StepWork["images"];
}): number {
  return Math.ceil(images.train / batchSize);
}

/** Whether a step of a finished run does what a step of the work does, on as many images. */
export function isAlike(past: PastTraining, work: StepWork): boolean {
  const kind = ({ settings }: StepWork): string => {
    const { student, batchSize, precision, attackPrecision, teacherPrecision, innerMode } = settings;
    const arithmetic = [precision, attackPrecision, teacherPrecision];
    return JSON.stringify([student, batchSize, arithmetic, innerMode, stepPasses(settings)]);
  };
  const sameTeachers = teacherRoles.every(
    (role) => past.teachers[role]?.sha256 === work.teachers[role]?.sha256,
  );
  return sameTeachers && isSameShape(past.shape, work.shape) && kind(past) === kind(work);
}
