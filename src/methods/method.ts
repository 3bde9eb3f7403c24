import type { ZodType } from "zod";
import type { PgdSettings } from "../attacks/pgd.js";
import { InputError } from "../errors.js";
import type { Scalar, Tensor1D, Tensor2D } from "../runtime/tensorflow.js";

/** A teacher's answer to a batch: logits `[N, classes]`, row-major, on the host. */
export interface TeacherLogits {
  readonly values: Float32Array;
  readonly classes: number;
}

/** What one training step knows when its losses are due. */
export interface StepLogits {
  /** The student's logits `[N, classes]` on clean and on adversarial images, in training mode. */
  readonly studentNat: Tensor2D;
  readonly studentAdv: Tensor2D;
  /** The clean teacher's logits on clean images, the robust teacher's on adversarial ones. */
  readonly cleanTeacherNat: TeacherLogits;
  readonly robustTeacherAdv: TeacherLogits;
  /** The classes, int32 `[N]`. */
  readonly labels: Tensor1D;
}

/** What a method reports of a step, by name; a line of `metrics.jsonl`. */
export type StepReport = Readonly<Record<string, number>>;

/** The settings of all methods; see `recipes/` for their values. */
export interface MethodSettings {
  readonly epsilon: number;
  readonly innerSteps: number;
  readonly innerStepSize: number;
  /** The deviation of the inner attack's random start. */
  readonly innerStart: number;
  /** Multiplies every distillation loss: 1, or 10 as in the authors' CIFAR-100 scripts. */
  readonly klScale: number;
  /** r_w of Normalization Loss Balance. */
  readonly weightRate: number;
  /** beta of Normalization Loss Balance. */
  readonly beta: number;
  /** r_tau of Entropy-Based Balance. */
  readonly temperatureRate: number;
  /** Both teachers' temperatures at the first step. */
  readonly initialTemperature: number;
}

/**
 * A training method: what it asks of a step and the loss it makes of it. `State` is plain data, kept in the checkpoint.
 */
export interface Method<State> extends MethodFacts {
  /** What a checkpoint must hold of this method. */
  readonly stateSchema: ZodType<State>;
  initialState(settings: MethodSettings): State;
  /** The loss to minimise, differentiable in the student's logits, and what to report of it. */
  losses(logits: StepLogits, state: State, settings: MethodSettings): StepLosses;
  /** The state after a step, from what it reported. */
  nextState(state: State, report: StepReport): State;
}

/** What a method is, whatever its state. */
export interface MethodFacts {
  readonly title: string;
  readonly teachers: { readonly clean: boolean; readonly robust: boolean };
  /** The images the student trains on. */
  readonly trainsOn: { readonly nat: boolean; readonly adv: boolean };
  innerAttack(settings: MethodSettings): PgdSettings | null;
}

/** What a step makes of its logits. */
export interface StepLosses {
  readonly total: Scalar;
  readonly report: StepReport;
}

/** A method at work: its state, moved on step by step. */
export interface RunningMethod {
  losses(logits: StepLogits, settings: MethodSettings): StepLosses;
  /** Moves the state on after a step that reported this. */
  advance(report: StepReport): void;
  /** The state now, plain data for a checkpoint. */
  readonly state: unknown;
}

/** A method as the training loop sees it: its facts, and a way to start it afresh or from a checkpoint's state. */
export interface StartableMethod extends MethodFacts {
  /** @throws {InputError} if the saved state is not this method's. */
  start(settings: MethodSettings, saved?: unknown): RunningMethod;
}

/** Hides the type of a method's state, so that methods with different states stand in one registry. */
export function startable<State>(method: Method<State>): StartableMethod {
  const { title, teachers, trainsOn } = method;
  return {
    title,
    teachers,
    trainsOn,
    innerAttack: (settings) => method.innerAttack(settings),
    start(settings, saved) {
      let state = saved === undefined ? method.initialState(settings) : savedState(method, saved);
      return {
        losses: (logits, current) => method.losses(logits, state, current),
        advance: (report) => {
          state = method.nextState(state, report);
        },
        get state() {
          return state;
        },
      };
    },
  };
}

function savedState<State>({ title, stateSchema }: Method<State>, saved: unknown): State {
  const parsed = stateSchema.safeParse(saved);
  if (parsed.success) return parsed.data;
  const [{ path, message } = { path: [], message: "" }] = parsed.error.issues;
  throw new InputError(`the checkpoint's state of ${title} is damaged`, {
    expected: "the state mtard train saved",
    found: `${path.join(".")}: ${message}`,
    fix: "start afresh with --out in another folder",
  });
}
