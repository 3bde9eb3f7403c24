import { readFileSync } from "node:fs";
import { logitLoss } from "#mtard/attacks/logit-loss.js";
import { predictBy, type AttackTarget } from "#mtard/attacks/target.js";
import { tf, type Tensor2D, type Tensor4D } from "#mtard/runtime/tensorflow.js";

type Rows = readonly (readonly number[])[];

/** What reference.py wrote of one norm. */
interface NormReference {
  readonly ascents: Readonly<
    Record<"crossEntropy" | "dlr" | "dlrTargeted", { points: readonly Rows[]; right: readonly number[] }>
  >;
  readonly search: { readonly points: readonly Rows[] };
  readonly projection: { readonly gaps: readonly number[]; readonly moves: Rows };
}

/** What reference.py wrote: the public implementation of AutoAttack on the network below. */
export const reference = JSON.parse(
  readFileSync(new URL("reference.json", import.meta.url), "utf8"),
) as NormReference & {
  readonly labels: readonly number[];
  readonly l2: NormReference & { readonly patches: Readonly<Record<string, readonly number[]>> };
  readonly losses: {
    readonly logits: Rows;
    readonly labels: readonly number[];
    readonly targets: readonly number[];
  } & Readonly<Record<"dlr" | "dlrTargeted", { loss: readonly number[]; gradient: Rows }>>;
};

/** The radii of reference.py. */
export const EPSILONS = { linf: 0.02, l2: 0.06 } as const;

/** scale * sin(frequency * (i + 1)^2) + shift, i counting the elements. */
export function formula(count: number, frequency: number, scale: number, shift = 0): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, index) => scale * Math.sin(frequency * (index + 1) ** 2) + shift,
  );
}

/** A target that also keeps what it was shown. */
export interface FormulaNetwork extends AttackTarget {
  /** The images at each look for a gradient. */
  readonly looks: Float32Array[];
}

/** The network of reference.py, tanh(x W1) W2 of 4x4 images. */
export function formulaNetwork(): FormulaNetwork {
  const [pixels, hidden, classes] = [16, 12, 10];
  const first = tf.tensor2d(formula(pixels * hidden, 0.37, 1.2), [pixels, hidden]);
  const second = tf.tensor2d(formula(hidden * classes, 0.61, 1.5), [hidden, classes]);
  const looks: Float32Array[] = [];
  const hiddenOf = (images: Tensor4D): Tensor2D => tf.tanh(tf.matMul(images.reshape([-1, pixels]), first));
  const logits = (images: Tensor4D): Tensor2D => tf.tidy(() => tf.matMul(hiddenOf(images), second));
  return {
    classes,
    looks,
    logits,
    predict: predictBy(logits),
    lossGradient(images, loss) {
      looks.push(images.dataSync<"float32">().slice());
      return tf.tidy(() => {
        const answers = logits(images);
        const { loss: each, gradient } = logitLoss(answers, loss);
        const slope = tf.sub(1, tf.square(hiddenOf(images)));
        const back = tf.matMul(
          tf.mul<Tensor2D>(tf.matMul(gradient, second, false, true), slope),
          first,
          false,
          true,
        );
        return { loss: each, logits: answers, gradient: back.reshape<Tensor4D>(images.shape) };
      });
    },
  };
}
