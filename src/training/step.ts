import { pgd } from "../attacks/pgd.js";
import type { Batch } from "../data/batches.js";
import { WorkError } from "../errors.js";
import type { Network } from "../graph/network.js";
import { logitGradients } from "../methods/logit-gradients.js";
import type {
  MethodSettings,
  RunningMethod,
  StartableMethod,
  StepReport,
  TeacherLogits,
} from "../methods/method.js";
import { tf, type Tensor, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";
import { inferenceStudent } from "../student/inference.js";
import type { Parameters } from "../student/parameters.js";
import { sgdStep, type SgdSettings } from "../student/sgd.js";
import { trainingBackward, trainingForward, type TrainingPass } from "../student/training-pass.js";
import type { Teacher } from "../teacher/bridge.js";

/** All that a step reads and moves on. */
export interface Trainee {
  readonly network: Network;
  readonly parameters: Parameters;
  readonly momenta: Parameters;
  readonly method: StartableMethod;
  readonly running: RunningMethod;
  readonly cleanTeacher: Teacher | null;
  readonly robustTeacher: Teacher | null;
}

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
  const cleanAnswer = answer(trainee.cleanTeacher, batch.images);
  const adversarial = attackStudent(trainee, images, labels, settings.method, batch.seed);
  const robustAnswer =
    trainee.robustTeacher && adversarial
      ? answer(trainee.robustTeacher, adversarial.dataSync<"float32">())
      : null;
  const passes = forwardStudent(trainee, images, adversarial);
  meanwhile();
  const [clean, robust] = await Promise.all([cleanAnswer, robustAnswer]);
  const report = learn(trainee, passes, { clean, robust }, labels, settings);
  tf.dispose([images, labels, ...(adversarial ? [adversarial] : [])]);
  return report;
}

/** Adversarial images against the student in inference mode, or null where the method attacks nothing. */
export function attackStudent(
  { network, parameters, method }: Trainee,
  images: Tensor4D,
  labels: Tensor1D,
  settings: MethodSettings,
  seed: Batch["seed"],
): Tensor4D | null {
  const attack = method.innerAttack(settings);
  if (!attack) return null;
  const target = inferenceStudent(network, parameters);
  const adversarial = pgd(target, images, { kind: "crossEntropy", labels }, attack, seed);
  target.dispose();
  return adversarial;
}

/** The student's training passes of a step, adversarial images first: batch norm sees two separate batches. */
export function forwardStudent(
  { network, parameters, method }: Trainee,
  images: Tensor4D,
  adversarial: Tensor4D | null,
): { nat: TrainingPass | null; adv: TrainingPass | null } {
  const adv = method.trainsOn.adv && adversarial ? trainingForward(network, parameters, adversarial) : null;
  const nat = method.trainsOn.nat ? trainingForward(network, parameters, images) : null;
  return { nat, adv };
}

/** Losses, balance, gradients and update from the passes of `forwardStudent`, which are freed. */
export function learn(
  { network, parameters, momenta, running }: Trainee,
  passes: { nat: TrainingPass | null; adv: TrainingPass | null },
  teachers: { clean: TeacherLogits | null; robust: TeacherLogits | null },
  labels: Tensor1D,
  settings: StepSettings,
): StepReport {
  const { nat, adv, total, report } = logitGradients(
    running,
    {
      studentNat: passes.nat?.logits ?? null,
      studentAdv: passes.adv?.logits ?? null,
      cleanTeacherNat: teachers.clean,
      robustTeacherAdv: teachers.robust,
      labels,
    },
    settings.method,
  );
  if (!Number.isFinite(total))
    throw new WorkError("the loss is not finite", { found: JSON.stringify(report) });
  const gradients = new Map<string, Tensor>();
  if (passes.adv && adv) trainingBackward(network, parameters, passes.adv, adv, gradients);
  if (passes.nat && nat) trainingBackward(network, parameters, passes.nat, nat, gradients);
  tf.dispose([nat, adv].filter((gradient) => gradient !== null));
  sgdStep(parameters, momenta, gradients, settings.sgd);
  running.advance(report);
  return report;
}

async function answer(teacher: Teacher | null, images: Float32Array): Promise<TeacherLogits | null> {
  return teacher && { values: await teacher.logits(images), classes: teacher.manifest.classes };
}
