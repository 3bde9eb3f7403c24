import { tf, type Tensor, type Tensor1D, type Tensor2D } from "../runtime/tensorflow.js";
import type {
  Method,
  MethodSettings,
  StepLogits,
  StepLosses,
  StepReport,
  TeacherAnswer,
  TeacherLogits,
} from "./method.js";

/** The logits that the loop has in a step; null or absent if the method does not train on such images or has no such teacher. */
export interface AvailableLogits {
  readonly studentNat: Tensor2D | null;
  readonly studentAdv: Tensor2D | null;
  readonly teachers: Readonly<Partial<Record<TeacherAnswer, TeacherLogits | null>>>;
  readonly labels: Tensor1D;
  readonly rightIterates: Int32Array | null;
}

/** A step's losses, and the total's gradients with respect to the student's logits, `[N, classes]` each; the caller frees these. */
export interface LogitGradients {
  readonly nat: Tensor2D | null;
  readonly adv: Tensor2D | null;
  /** The total loss. */
  readonly total: number;
  readonly report: StepReport;
  /** The method's state after the step. */
  readonly next: unknown;
}

/** Differentiates a method's total loss with respect to the student's logits; the student engine carries on from there. */
export function logitGradients(
  method: Method,
  state: unknown,
  logits: AvailableLogits,
  settings: MethodSettings,
): LogitGradients {
  const { studentNat, studentAdv } = logits;
  const differentiated = [studentNat, studentAdv].filter((tensor) => tensor !== null);
  let losses: StepLosses | undefined;
  const differentiate = tf.valueAndGrads((...variables: Tensor[]) => {
    const traced = variables as Tensor2D[];
    losses = method.losses(
      stepLogits({
        ...logits,
        studentNat: studentNat && (traced[0] ?? null),
        studentAdv: studentAdv && (traced.at(-1) ?? null),
      }),
      state,
      settings,
    );
    return losses.total;
  });
  const { value, grads } = differentiate(differentiated);
  const gradients = grads as Tensor2D[];
  const total = value.dataSync()[0] as number;
  value.dispose();
  const { report, next } = present(losses, "its own losses");
  return {
    nat: studentNat && (gradients[0] ?? null),
    adv: studentAdv && (gradients.at(-1) ?? null),
    total,
    report,
    next,
  };
}

/** The logits as a method reads them; reading what it did not ask for is a mistake in the method. */
function stepLogits({
  studentNat,
  studentAdv,
  teachers,
  labels,
  rightIterates,
}: AvailableLogits): StepLogits {
  return {
    labels,
    get studentNat() {
      return present(studentNat, "the student's logits on clean images");
    },
    get studentAdv() {
      return present(studentAdv, "the student's logits on adversarial images");
    },
    get cleanTeacherNat() {
      return present(teachers.cleanTeacherNat, "the clean teacher's logits");
    },
    get cleanTeacherAdv() {
      return present(teachers.cleanTeacherAdv, "the clean teacher's logits on adversarial images");
    },
    get robustTeacherNat() {
      return present(teachers.robustTeacherNat, "the robust teacher's logits on clean images");
    },
    get robustTeacherAdv() {
      return present(teachers.robustTeacherAdv, "the robust teacher's logits on adversarial images");
    },
    get rightIterates() {
      return present(rightIterates, "how many iterates of the attack were classified right");
    },
  };
}

/** Returns what a method asked for; a missing value means that the method reads something it did not ask for. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined)
    throw new Error(`the method reads ${what}, which it did not ask for`);
  return value;
}
