import type { ZodType } from "zod";
import type { LogitLoss } from "../attacks/logit-loss.js";
import { InputError } from "../errors.js";
import type { Precision } from "../runtime/precision.js";
import type { Scalar, Tensor1D, Tensor2D } from "../runtime/tensorflow.js";

/** A teacher's answer to a batch: logits `[N, classes]`, row-major, on the host. */
export interface TeacherLogits {
  readonly values: Float32Array;
  readonly classes: number;
}

/** What the teachers may be asked in a step: each about clean images and about adversarial ones. */
export interface TeacherAnswers {
  readonly cleanTeacherNat: TeacherLogits;
  readonly cleanTeacherAdv: TeacherLogits;
  readonly robustTeacherNat: TeacherLogits;
  readonly robustTeacherAdv: TeacherLogits;
}

/** One of the {@link TeacherAnswers}. */
export type TeacherAnswer = keyof TeacherAnswers;

/** What one training step knows when its losses are due. */
export interface StepLogits extends TeacherAnswers {
  /** The student's logits `[N, classes]` on clean and on adversarial images, in training mode. */
  readonly studentNat: Tensor2D;
  readonly studentAdv: Tensor2D;
  /** The classes, int32 `[N]`. */
  readonly labels: Tensor1D;
  /** For each image, how many of the points at which the attack took a gradient were still classified right. */
  readonly rightIterates: Int32Array;
}

/** What an inner attack may make its loss from. */
export interface AttackLogits {
  /** The classes, int32 `[N]`. */
  readonly labels: Tensor1D;
  /** The attacked student's own logits on the clean images, computed when read. */
  readonly studentNat: Tensor2D;
  readonly robustTeacherNat: TeacherLogits;
}

/** What a method reports of a step, by name; a line of `metrics.jsonl`. */
export type StepReport = Readonly<Record<string, number>>;

/** The settings of all methods; see `recipes/` for their values, and for which method reads which. */
export interface MethodSettings {
  readonly epsilon: number;
  readonly innerSteps: number;
  readonly innerStepSize: number;
  /** The inner attack's start: uniform in the epsilon ball, perhaps clamped to [0, 1], or the deviation of normal noise. */
  readonly innerStart: number | "uniform" | "uniform-clamped";
  /** The attacked student's mode: inference, or training with running statistics that move (`training`) or stay (`untracked`). */
  readonly innerMode: "inference" | "training" | "untracked";
  /** The arithmetic of the inner attack. */
  readonly attackPrecision: Precision;
  /** Multiplies every distillation loss: 1, or 10 as in the authors' CIFAR-100 scripts. */
  readonly klScale: number;
  /** The share of the adversarial loss; in ARD, of the distillation loss; in LMTN, of the robust teacher. */
  readonly alpha: number;
  /** What each paper calls beta: NLB's exponent, Fair-ARD's exponent, the weight of TRADES' and SCORE's robust loss. */
  readonly beta: number;
  /** T of ARD and Fair-ARD, for teacher and student. */
  readonly temperature: number;
  /** The teachers' temperatures at the first step (B-MTARD, ABSLD). */
  readonly initialTemperature: number;
  /** How fast temperatures move: r_tau of EBB a step, ABSLD's rate an epoch. */
  readonly temperatureRate: number;
  /** Whether ABSLD divides by each of its two class temperatures alone, or by their product as its script does. */
  readonly classTemperatures: "separate" | "product";
  /** Whether LMTN guides x and x' by one mean of logits, or each by that of both teachers' logits on it. */
  readonly guidance: "shared" | "per-image";
  /** r_w of Normalization Loss Balance. */
  readonly weightRate: number;
  /** SCORE subtracts from each image's loss that of a prediction this far, in probability, from the truth. */
  readonly lossClip: number;
}

/** What a teacher is for: accuracy on clean images, or robustness. */
export const teacherRoles = ["clean", "robust"] as const;

export type TeacherRole = (typeof teacherRoles)[number];

/** A method's inner attack; its steps, start and radius are settings. */
export interface InnerAttack<State> {
  /** Whether the loss reads `robustTeacherNat`, which the attack then waits for. */
  readonly followsTeacher: boolean;
  /** Whether the method reads `rightIterates`. */
  readonly countsRight: boolean;
  /** The loss to climb. The caller frees its probabilities. */
  loss(logits: AttackLogits, state: State, settings: MethodSettings): LogitLoss;
}

/**
 * A training method: what it needs in a step, and the losses it computes from that. `State` is plain data, kept in the checkpoint;
 * code that handles any method sees it as `unknown`.
 */
export interface Method<State = unknown> {
  readonly title: string;
  /** The teachers' answers that a step needs. */
  readonly teachers: readonly TeacherAnswer[];
  /** Those that it needs besides under some settings, where it does. */
  moreTeachers?(settings: MethodSettings): readonly TeacherAnswer[];
  /**
   * The student's training passes, in order: batch norm sees each as a batch of its own. A pass made twice moves the running
   * statistics twice.
   */
  readonly passes: readonly ("nat" | "adv")[];
  /** The settings that the method reads, besides those of its attack. */
  readonly settings: readonly (keyof MethodSettings)[];
  readonly attack: InnerAttack<State> | null;
  /** The schema of the method's state in a checkpoint. */
  stateSchema(classes: number): ZodType<State>;
  /** The state before the first step. */
  initialState(settings: MethodSettings, classes: number): State;
  /** The loss of a step, what is reported of it, and the state after it. Only the logits that the method asked for may be read. */
  losses(logits: StepLogits, state: State, settings: MethodSettings): StepLosses<State>;
  /** The state after an epoch; `settings` are those of the epoch to come. */
  nextEpoch?(state: State, settings: MethodSettings): State;
}

/** What a method makes of a step's logits. */
export interface StepLosses<State = unknown> {
  /** The loss to minimise, differentiable in the student's logits. */
  readonly total: Scalar;
  readonly report: StepReport;
  /** The state after the step. */
  readonly next: State;
}

/** The teacher that gives an answer. */
export function roleOf(answer: TeacherAnswer): TeacherRole {
  return answer === "cleanTeacherNat" || answer === "cleanTeacherAdv" ? "clean" : "robust";
}

/** The teachers that a method asks. */
export function teacherRolesOf({ teachers }: Pick<Method, "teachers">): TeacherRole[] {
  const asked = teachers.map(roleOf);
  return teacherRoles.filter((role) => asked.includes(role));
}

/**
 * The state that a method's checkpoint holds.
 *
 * @throws {InputError} if it is not this method's.
 */
export function savedState<State>(method: Method<State>, classes: number, saved: unknown): State {
  const parsed = method.stateSchema(classes).safeParse(saved);
  if (parsed.success) return parsed.data;
  const [{ path, message } = { path: [], message: "" }] = parsed.error.issues;
  throw new InputError(`the checkpoint's state of ${method.title} is damaged`, {
    expected: "the state mtard train saved",
    found: `${path.join(".")}: ${message}`,
    fix: "start afresh with --out in another folder",
  });
}
