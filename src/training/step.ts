import type { Batch } from "../data/batches.js";
import { WorkError } from "../errors.js";
import { logitGradients, type AvailableLogits } from "../methods/logit-gradients.js";
import {
  type MethodSettings,
  roleOf,
  type StepReport,
  type TeacherAnswer,
  type TeacherLogits,
} from "../methods/method.js";
import { tf, type Tensor, type Tensor4D } from "../runtime/tensorflow.js";
import { sgdStep, type SgdSettings } from "../student/sgd.js";
import { freePass, trainingBackward, trainingForward, type TrainingPass } from "../student/training-pass.js";
import { attackStudent } from "./attack.js";
import type { Trainee } from "./trainee.js";

/** The settings in force at a step: the rates are scaled by the schedule. */
export interface StepSettings {
  readonly method: MethodSettings;
  readonly sgd: SgdSettings;
}

/**
 * One training step (B-MTARD, Algorithm 1): both teachers work while the student is attacked and runs forward.
 *
 * @param meanwhile Runs on the host while the teachers answer, such as preparing the next batch.
 * @throws {WorkError} if the loss is not finite; no weight has been moved then.
 */
export async function trainingStep(
  trainee: Trainee,
  batch: Batch,
  settings: StepSettings,
  meanwhile: () => void,
): Promise<StepReport> {
  const { input } = trainee.network;
  const images = tf.tensor4d(batch.images, [batch.count, input.height, input.width, input.channels]);
  const labels = tf.tensor1d(batch.labels, "int32");
  const { method } = trainee;
  const asked = [...method.teachers, ...(method.moreTeachers?.(settings.method) ?? [])];
  const ask = (answer: TeacherAnswer, about: () => Float32Array): Promise<TeacherLogits> | null =>
    asked.includes(answer) ? logitsOf(trainee, answer, about()) : null;
  const cleanNat = ask("cleanTeacherNat", () => batch.images);
  const robustNat = ask("robustTeacherNat", () => batch.images);
  const followed = method.attack?.followsTeacher ? await robustNat : null;
  const attacked = attackStudent(trainee, images, labels, settings.method, batch.seed, followed);
  const adversarial = attacked?.adversarial ?? null;
  const cleanAdv = adversarial && ask("cleanTeacherAdv", () => adversarial.dataSync<"float32">());
  const robustAdv = adversarial && ask("robustTeacherAdv", () => adversarial.dataSync<"float32">());
  const passes = forwardStudent(trainee, images, adversarial);
  meanwhile();
  const [cleanTeacherNat, cleanTeacherAdv, robustTeacherNat, robustTeacherAdv] = await Promise.all([
    cleanNat,
    cleanAdv,
    robustNat,
    robustAdv,
  ]);
  const teachersLogits = { cleanTeacherNat, cleanTeacherAdv, robustTeacherNat, robustTeacherAdv };
  const known = { teachers: teachersLogits, labels, rightIterates: attacked?.rightIterates ?? null };
  const report = learn(trainee, passes, known, settings);
  tf.dispose([images, labels, ...(adversarial ? [adversarial] : [])]);
  return report;
}

/** The student's training passes of a step, in the method's order: batch norm sees each as a batch of its own. */
export function forwardStudent(
  { network, parameters, method, precision }: Trainee,
  images: Tensor4D,
  adversarial: Tensor4D | null,
): StudentPasses {
  const passes: { nat: TrainingPass | null; adv: TrainingPass | null } = { nat: null, adv: null };
  for (const kind of method.passes) {
    const input = kind === "nat" ? images : adversarial;
    if (!input) throw new Error("the method trains on adversarial images, but attacks nothing");
    const repeated = passes[kind];
    if (repeated) freePass(repeated);
    passes[kind] = trainingForward(network, parameters, input, {
      ...{ statistics: "moved", gradients: "parameters", precision },
    });
  }
  return passes;
}

/** A step's passes on clean and on adversarial images, where the method makes them. */
export interface StudentPasses {
  readonly nat: TrainingPass | null;
  readonly adv: TrainingPass | null;
}

/** Computes losses, balance and gradients from `forwardStudent`'s passes, frees them and updates the student. */
export function learn(
  trainee: Trainee,
  passes: StudentPasses,
  known: Omit<AvailableLogits, "studentNat" | "studentAdv">,
  settings: StepSettings,
): StepReport {
  const { network, parameters, momenta, method, state, precision } = trainee;
  const { nat, adv, total, report, next } = logitGradients(
    method,
    state,
    {
      studentNat: passes.nat?.logits ?? null,
      studentAdv: passes.adv?.logits ?? null,
      ...known,
    },
    settings.method,
  );
  if (!Number.isFinite(total))
    throw new WorkError("the loss is not finite", {
      found: JSON.stringify(report),
      fix: "a lower --set learningRate=... starts anew",
    });
  const gradients = new Map<string, Tensor>();
  if (passes.adv && adv) trainingBackward(network, parameters, passes.adv, adv, gradients, precision);
  if (passes.nat && nat) trainingBackward(network, parameters, passes.nat, nat, gradients, precision);
  tf.dispose([nat, adv].filter((gradient) => gradient !== null));
  sgdStep(parameters, momenta, gradients, settings.sgd);
  trainee.state = next;
  return report;
}

async function logitsOf(
  trainee: Trainee,
  answer: TeacherAnswer,
  images: Float32Array,
): Promise<TeacherLogits> {
  const teacher = roleOf(answer) === "clean" ? trainee.cleanTeacher : trainee.robustTeacher;
  if (!teacher) throw new Error("the method asks a teacher it was not given");
  return { values: await teacher.logits(images), classes: teacher.manifest.classes };
}
