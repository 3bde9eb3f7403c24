import { tf, type Tensor, type Tensor1D, type Tensor2D } from "../runtime/tensorflow.js";
import type { MethodSettings, RunningMethod, StepLogits, StepReport, TeacherLogits } from "./method.js";

/** A step's logits as the loop has them: null where the method trains on no such images or has no such teacher. */
export interface AvailableLogits {
  readonly studentNat: Tensor2D | null;
  readonly studentAdv: Tensor2D | null;
  readonly cleanTeacherNat: TeacherLogits | null;
  readonly robustTeacherAdv: TeacherLogits | null;
  readonly labels: Tensor1D;
}

/** A step's losses and how the total changes with the student's logits, `[N, classes]` each; the caller frees them. */
export interface LogitGradients {
  readonly nat: Tensor2D | null;
  readonly adv: Tensor2D | null;
  /** The total loss. */
  readonly total: number;
  readonly report: StepReport;
}

/** Differentiates a method's total loss in the student's logits; everything below the logits is the student engine's. */
export function logitGradients(
  method: RunningMethod,
  logits: AvailableLogits,
  settings: MethodSettings,
): LogitGradients {
  const { studentNat, studentAdv } = logits;
  const differentiated = [studentNat, studentAdv].filter((tensor) => tensor !== null);
  let report: StepReport = {};
  const differentiate = tf.valueAndGrads((...variables: Tensor[]) => {
    const traced = variables as Tensor2D[];
    const losses = method.losses(
      stepLogits({
        ...logits,
        studentNat: studentNat && (traced[0] ?? null),
        studentAdv: studentAdv && (traced.at(-1) ?? null),
      }),
      settings,
    );
    report = losses.report;
    return losses.total;
  });
  const { value, grads } = differentiate(differentiated);
  const gradients = grads as Tensor2D[];
  const total = value.dataSync()[0] as number;
  value.dispose();
  return {
    nat: studentNat && (gradients[0] ?? null),
    adv: studentAdv && (gradients.at(-1) ?? null),
    total,
    report,
  };
}

/** The logits as a method reads them; reading what it did not ask for is a mistake in the method. */
function stepLogits(available: AvailableLogits): StepLogits {
  function present<T>(value: T | null, what: string): T {
    if (value === null) throw new Error(`the method reads ${what}, which it did not ask for`);
    return value;
  }
  return {
    labels: available.labels,
    get studentNat() {
      return present(available.studentNat, "the student's logits on clean images");
    },
    get studentAdv() {
      return present(available.studentAdv, "the student's logits on adversarial images");
    },
    get cleanTeacherNat() {
      return present(available.cleanTeacherNat, "the clean teacher's logits");
    },
    get robustTeacherAdv() {
      return present(available.robustTeacherAdv, "the robust teacher's logits");
    },
  };
}
