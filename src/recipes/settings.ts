import { z } from "zod";
import { InputError } from "../errors.js";

/** A number, or a fraction such as `8/255`. */
const quantity = z.union([
  z.number(),
  z.string().transform((text, context) => {
    const parts = /^\s*([-+.\de]+)\s*(?:\/\s*([-+.\de]+)\s*)?$/i.exec(text);
    const value = parts ? Number(parts[1]) / Number(parts[2] ?? 1) : NaN;
    if (Number.isFinite(value)) return value;
    context.addIssue({ code: "custom", message: `"${text}" is not a number or a fraction` });
    return z.NEVER;
  }),
]);

const positive = quantity.pipe(z.number().positive());
const nonNegative = quantity.pipe(z.number().nonnegative());
const share = quantity.pipe(z.number().min(0).max(1));
const count = quantity.pipe(z.number().int().positive());
const text = z.string().min(1);

/**
 * Everything that decides the numbers of a training run; two runs of one machine with equal settings have equal results.
 *
 * Pixel values are in [0, 1].
 */
export const trainingSettings = z.strictObject({
  dataset: text,
  method: text,
  student: text,
  cleanTeacher: text.nullable(),
  robustTeacher: text.nullable(),
  seed: quantity.pipe(
    z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1),
  ),
  limitTrain: count.nullable(),
  limitTest: count.nullable(),

  epochs: count,
  batchSize: count,
  learningRate: positive,
  momentum: share,
  weightDecay: nonNegative,
  /** Epochs after which the learning rate and both balance rates are divided by 10. */
  milestones: z.array(count),
  /** Random crop and flip, as the data set's description says. */
  augmentation: z.boolean(),

  epsilon: nonNegative,
  innerSteps: count,
  innerStepSize: nonNegative,
  innerStart: nonNegative,
  klScale: positive,
  weightRate: share,
  beta: nonNegative,
  temperatureRate: nonNegative,
  initialTemperature: quantity.pipe(z.number().min(1).max(10)),

  /** What the best checkpoint is chosen on: the test set, as in the paper, or images held out of the training set. */
  selection: z.enum(["test", "held-out"]),
  /** How many training images are held out when `selection` is `held-out`. */
  heldOut: count,
  /** An evaluation every so many epochs before the first milestone, and every epoch from there on. */
  evaluateEvery: count,
  evaluationBatch: count,
});

export type TrainingSettings = z.infer<typeof trainingSettings>;

/** The names of all settings. */
export const settingNames = Object.keys(trainingSettings.shape) as (keyof TrainingSettings)[];

/**
 * Settings checked, every problem named.
 *
 * @throws {InputError} with the name of each setting that is missing, unknown or out of range.
 */
export function parseSettings(values: unknown): TrainingSettings {
  const parsed = trainingSettings.safeParse(values);
  if (parsed.success) return parsed.data;
  throw new InputError("the settings of this run are wrong", {
    found: parsed.error.issues
      .map(({ path, message }) => `${path.join(".") || "settings"}: ${message}`)
      .join("; "),
    fix: "mtard train --help, and --set name=value with the names of docs/architecture.md",
  });
}

/**
 * `--set name=value` arguments as settings; values are JSON (`[2,3]`, `true`, `null`), else text.
 *
 * @throws {InputError} if an argument has no `=` or names no setting.
 */
export function parseOverrides(overrides: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    overrides.map((override) => {
      const [, name = "", value = ""] = /^([A-Za-z]+)=(.*)$/s.exec(override) ?? [];
      if ((settingNames as string[]).includes(name)) return [name, parseValue(value)];
      throw new InputError(`--set ${override} names no setting`, { expected: settingNames.join(", ") });
    }),
  );
}

function parseValue(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/**
 * A number of the command line, or a fraction such as `8/255`, within bounds.
 *
 * @throws {InputError} naming the option if it is no number or out of bounds.
 */
export function parseQuantity(
  option: string,
  value: string | number,
  { minimum, maximum = Infinity, whole = false }: { minimum: number; maximum?: number; whole?: boolean },
): number {
  const parsed = quantity.safeParse(value);
  const good = parsed.success && parsed.data >= minimum && parsed.data <= maximum;
  if (good && (!whole || Number.isInteger(parsed.data))) return parsed.data;
  throw new InputError(`--${option} is wrong`, {
    expected: `a ${whole ? "whole " : ""}number from ${minimum}${maximum === Infinity ? "" : ` to ${maximum}`}`,
    found: String(value),
  });
}
