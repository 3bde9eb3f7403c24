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
  /** For each image, at how many of the attack's gradient steps it was classified right; null if the method does not count them. */
  readonly rightIterates: Int32Array | null;
}

/**
 * Makes adversarial images against the student, or null where the method attacks nothing.
 *
 * @param robustTeacherNat The robust teacher's logits on the images, where the attack follows that teacher.
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
  const target = attackedStudent(trainee, settings);
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
  { innerMode: mode, attackPrecision: precision }: MethodSettings,
): AttackTarget & { dispose(): void } {
  if (mode === "inference") return inferenceStudent(network, parameters, { precision });
  const target = trainingTarget(network, parameters, mode === "training" ? "moved" : "kept", precision);
  return { ...target, dispose: () => undefined };
}

/** Counts for each image at how many looks its label's logit is the highest, on the student's device until read. */
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
