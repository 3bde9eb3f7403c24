import { z } from "zod";
import { uniformStarts, wrongWhenClean } from "../attacks/conventions.js";
import { InputError } from "../errors.js";
import { readingNames } from "./readings.js";

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

// Errors quote these descriptions to say what a value must be.
const positive = quantity.pipe(z.number().positive()).describe("a number above 0");
const nonNegative = quantity.pipe(z.number().nonnegative()).describe("a number from 0");
const share = quantity.pipe(z.number().min(0).max(1)).describe("a number from 0 to 1");
const pixelDistance = share.describe("a number from 0 to 1, such as 8/255");
const count = quantity.pipe(z.int().positive()).describe("a whole number from 1");
const wholeFromZero = quantity.pipe(z.int().nonnegative());
const flag = z.boolean().describe("true or false");
/** Null means all images. */
const limit = count.nullable().describe("a whole number from 1");
const text = z.string().min(1).describe("a name");
const teacher = text.nullable().describe("a teacher's name, its folder or an .onnx file");

/** One of the names of a registry. */
function oneOf<Name extends string>(registry: Readonly<Record<Name, unknown>>) {
  const names = Object.keys(registry) as Name[];
  return z.enum(names).describe(names.join(" or "));
}

/** What each call decides, by an option of its own. */
const callSettings = {
  dataset: text,
  method: text,
  student: text,
  /** Whose settings count where the compared methods' papers, their scripts and B-MTARD disagree. */
  reading: z
    .enum(readingNames)
    .default("paper")
    .describe(`one of ${readingNames.join(", ")}`),
  cleanTeacher: teacher,
  robustTeacher: teacher,
  seed: quantity
    .pipe(
      z
        .int()
        .min(0)
        .max(2 ** 32 - 1),
    )
    .describe("a whole number from 0 to 4294967295"),
  limitTrain: limit,
  limitTest: limit,
};

/** What a recipe decides, and `--set` changes. */
const recipeSettings = {
  epochs: count,
  batchSize: count,
  learningRate: positive,
  momentum: share,
  weightDecay: nonNegative,
  /** Whether the momentum is Nesterov's. */
  nesterov: flag,
  /** Epochs after which the learning rate and both balance rates are divided by 10. */
  milestones: z.array(count).describe("a list of epochs, such as [215,260,285]"),
  /**
   * The decay of an exponential moving average of the weights, kept beside them; 0 keeps none. It rises to this with the steps:
   * min(ema, (1 + s) / (10 + s)) after s steps before.
   */
  ema: quantity
    .pipe(z.number().min(0).lt(1))
    .describe("a number from 0 (no averaged weights) to below 1, such as 0.995"),
  /** Random crop and flip, as the data set's description says. */
  augmentation: flag,
  /** Pixels of black on each side before the random crop; null takes what the data set's description says. */
  cropPadding: wholeFromZero.nullable().describe("a whole number from 0, or null for the data set's own"),

  epsilon: pixelDistance,
  innerSteps: count,
  innerStepSize: pixelDistance,
  innerStart: z
    .union([z.enum(["uniform", "uniform-clamped"]), pixelDistance])
    .describe("uniform, uniform-clamped, or a number from 0 to 1"),
  innerMode: z.enum(["inference", "training", "untracked"]).describe("inference, training or untracked"),

  /** The arithmetic of the inner attack. */
  attackPrecision: z.enum(["float32", "bfloat16"]).describe("float32 or bfloat16"),
  /** The arithmetic of the training passes; parameters, statistics and losses are float32 in any. */
  precision: z.enum(["float32", "bfloat16", "tf32"]).describe("float32, bfloat16 or, on a GPU, tf32"),
  /** The arithmetic of teachers; their logits are float32 in any. */
  teacherPrecision: z.enum(["float32", "float16"]).describe("float32 or, on a GPU, float16"),

  klScale: positive,
  alpha: share,
  beta: nonNegative,
  temperature: positive,
  initialTemperature: quantity.pipe(z.number().min(1).max(10)).describe("a number from 1 to 10"),
  temperatureRate: nonNegative,
  classTemperatures: z.enum(["separate", "product"]).describe("separate or product"),
  guidance: z.enum(["shared", "per-image"]).describe("shared or per-image"),
  weightRate: share,
  lossClip: share,

  /** What the best checkpoint is chosen on: the test set, as in the paper, or images held out of the training set. */
  selection: z.enum(["test", "held-out"]).describe("test or held-out"),
  /** How many training images are held out when `selection` is `held-out`. */
  heldOut: count,
  /** Epochs between evaluations before the first milestone; from there on every epoch is evaluated. */
  evaluateEvery: count,
  evaluationBatch: count,
  evaluationEpsilon: pixelDistance,
  /** What becomes of images that are answered wrong before the attack, when the best checkpoint is chosen. */
  evaluationWrongWhenClean: oneOf(wrongWhenClean),
  /** Whether the attack's uniform start is clamped to [0, 1], when the best checkpoint is chosen. */
  evaluationUniformStart: oneOf(uniformStarts),
};

/** What runs had before there were settings for it. */
export const BEFORE = {
  ema: 0,
  teacherPrecision: "float32",
  attackPrecision: "float32",
  precision: "float32",
  cropPadding: null,
  guidance: "shared",
  evaluationWrongWhenClean: "not-robust",
  evaluationUniformStart: "unclamped",
} as const;

/**
 * Everything that decides the numbers of a training run; two runs with equal settings on one machine have equal results.
 *
 * Pixel values are in [0, 1].
 */
export const trainingSettings = z.strictObject({
  ...callSettings,
  ...recipeSettings,
  // Runs of earlier versions do not say them.
  ema: recipeSettings.ema.default(BEFORE.ema),
  teacherPrecision: recipeSettings.teacherPrecision.default(BEFORE.teacherPrecision),
  attackPrecision: recipeSettings.attackPrecision.default(BEFORE.attackPrecision),
  precision: recipeSettings.precision.default(BEFORE.precision),
  cropPadding: recipeSettings.cropPadding.default(BEFORE.cropPadding),
  guidance: recipeSettings.guidance.default(BEFORE.guidance),
  evaluationWrongWhenClean: recipeSettings.evaluationWrongWhenClean.default(BEFORE.evaluationWrongWhenClean),
  evaluationUniformStart: recipeSettings.evaluationUniformStart.default(BEFORE.evaluationUniformStart),
});

/** Every setting of a run, checked. */
export interface TrainingSettings extends z.infer<typeof trainingSettings> {}

export type SettingName = keyof TrainingSettings;

/** How many training images a run holds out to choose its best student on: none if it chooses on test images. */
export function heldOutOf({ selection, heldOut }: Pick<TrainingSettings, "selection" | "heldOut">): number {
  return selection === "held-out" ? heldOut : 0;
}

/** What a recipe must hold. */
export const recipeSchema = z.strictObject(recipeSettings);

/** The settings of a recipe. */
export interface Recipe extends z.infer<typeof recipeSchema> {}

/** The names of the settings that `--set` changes. */
export const recipeSettingNames = Object.keys(recipeSettings) as (keyof Recipe)[];

/** How many wrong settings an error names. */
const SHOWN = 3;

/**
 * Checks all settings of a run together.
 *
 * @throws {InputError} naming the settings that are missing, unknown or out of range, what each must be and what it is.
 */
export function parseSettings(values: unknown): TrainingSettings {
  const parsed = trainingSettings.safeParse(values);
  if (parsed.success) return parsed.data;
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new InputError("the settings of this run are no table of settings", {
      expected: "a JSON object",
      found: shown(values),
    });
  }
  const names = new Set(
    parsed.error.issues.flatMap((issue) =>
      issue.code === "unrecognized_keys" ? issue.keys : String(issue.path[0]),
    ),
  );
  const listed = (describe: (name: string) => string): string =>
    [...names].slice(0, SHOWN).map(describe).join("; ") +
    (names.size > SHOWN ? `; and ${names.size - SHOWN} more` : "");
  throw new InputError("the settings of this run are wrong", {
    expected: listed((name) =>
      Object.hasOwn(trainingSettings.shape, name)
        ? `${name}: ${description(name as SettingName)}`
        : `no setting ${name}`,
    ),
    found: listed((name) => `${name}: ${shown((values as Record<string, unknown>)[name])}`),
  });
}

/**
 * Parses the value of one setting, as a command-line option gives it.
 *
 * @param option What to call it in an error, such as `--batch-size`.
 * @throws {InputError} saying what the setting must be and what was found.
 */
export function parseSetting<Name extends SettingName>(
  name: Name,
  value: unknown,
  option: string,
): TrainingSettings[Name] {
  const parsed = trainingSettings.shape[name].safeParse(value);
  if (parsed.success) return parsed.data as TrainingSettings[Name];
  throw new InputError(`${option} is wrong`, { expected: description(name), found: shown(value) });
}

function description(name: SettingName): string {
  // A default has no description of its own.
  return { ...callSettings, ...recipeSettings }[name].description ?? "another value";
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const plain = typeof value === "number" || (typeof value === "string" && value !== "");
  const found = plain ? String(value) : JSON.stringify(value);
  return found.length > 80 ? `${found.slice(0, 80)}...` : found;
}

/**
 * Parses a number or a fraction such as `8/255` from the command line, within bounds.
 *
 * @param option What to call it in an error, such as `--eps`.
 * @throws {InputError} naming the option if its value is not a number or out of bounds.
 */
export function parseQuantity(
  option: string,
  value: unknown,
  { minimum, maximum = Infinity, whole = false }: { minimum: number; maximum?: number; whole?: boolean },
): number {
  const parsed = quantity.safeParse(value);
  const good = parsed.success && parsed.data >= minimum && parsed.data <= maximum;
  if (good && (!whole || Number.isInteger(parsed.data))) return parsed.data;
  throw new InputError(`${option} is wrong`, {
    expected: `a ${whole ? "whole " : ""}number from ${minimum}${maximum === Infinity ? "" : ` to ${maximum}`}`,
    found: shown(value),
  });
}
