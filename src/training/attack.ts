import { disposeLogitLoss } from "../attacks/logit-loss.js";
import { pgd } from "../attacks/pgd.js";
import type { AttackTarget } from "../attacks/target.js";
import { present } from "../methods/logit-gradients.js";
import type { MethodSettings, TeacherLogits } from "../methods/method.js";
import type { NoiseSeed } from "../runtime/noise.js";
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import { inferenceStudent } from "../student/inference.js";
import { trainingTarget } from "../student/training-target.js";
import type { Trainee } from "./trainee.js";

/** What a method's inner attack made of a batch. */
export interface InnerAttackResult {
  /** `[N, H, W, C]`; the caller frees them. */
  readonly adversarial: Tensor4D;
  /** For each image, how many of the points at which a gradient was taken were classified right; null if nobody asked. */
  readonly rightIterates: Int32Array | null;
}

/**
 * Adversarial images against the student, or null where the method attacks nothing.
 *
 * @param robustTeacherNat The robust teacher's answer to the images, where the attack follows it.
 */
export function attackStudent(
  trainee: Trainee,
  images: Tensor4D,
  labels: Tensor1D,
  settings: MethodSettings,
  seed: NoiseSeed,
  robustTeacherNat: TeacherLogits | null = null,
): InnerAttackResult | null {
  const { attack } = trainee.method;
  if (!attack) return null;
  const target = attackedStudent(trainee, settings.innerMode);
  const loss = tf.tidy(() =>
    attack.loss(
      {
        labels,
        get studentNat() {
          return target.logits(images);
        },
        get robustTeacherNat() {
          return present(robustTeacherNat, "the robust teacher's logits before the attack");
        },
      },
      trainee.state,
      settings,
    ),
  );
  const right = attack.countsRight ? rightCounter(labels) : null;
  const { epsilon, innerStepSize: stepSize, innerSteps: steps, innerStart } = settings;
  const start = typeof innerStart === "number" ? { normal: innerStart } : innerStart;
  const ascent = { epsilon, stepSize, steps, start };
  const adversarial = pgd(target, images, loss, ascent, seed, right?.look);
  disposeLogitLoss(loss);
  target.dispose();
  return { adversarial, rightIterates: right?.counts() ?? null };
}

/** The student as its method's attack sees it. */
function attackedStudent(
  { network, parameters }: Trainee,
  mode: MethodSettings["innerMode"],
): AttackTarget & { dispose(): void } {
  if (mode === "inference") return inferenceStudent(network, parameters);
  const target = trainingTarget(network, parameters, mode === "training" ? "moved" : "kept");
  return { ...target, dispose: () => undefined };
}

/** Counts for each image at how many looks its logits are highest at its label, on the student's device until read. */
function rightCounter(labels: Tensor1D): {
  look: (seen: { logits: Tensor2D }) => void;
  counts: () => Int32Array;
} {
  let counts = tf.zerosLike(labels);
  return {
    look({ logits }) {
      const before = counts;
      counts = tf.tidy(() => {
        const right = tf.equal(tf.argMax<Tensor1D>(logits, 1), labels);
        return tf.add(before, tf.cast(right, "int32"));
      });
      before.dispose();
    },
    counts() {
      const values = counts.dataSync<"int32">();
      counts.dispose();
      return values;
    },
  };
}
