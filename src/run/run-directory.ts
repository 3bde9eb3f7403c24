import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InputError, WorkError } from "../errors.js";
import { isThere } from "../files/kind.js";
import { readTextFile } from "../files/read-text.js";
import type { NetworkShape, Normalization } from "../graph/network.js";
import { imageShapeSchema, normalizationSchema } from "../onnx/metadata.js";
import { parseSettings, recipeSchema, type Recipe, type TrainingSettings } from "../recipes/settings.js";
import { writeFileAtomically } from "../files/atomic.js";
import { refreshFolder } from "../files/refresh.js";
import { systemCodeOf } from "../files/system-error.js";
import { openSafetensors } from "../weights/safetensors.js";
import { openSourceFile } from "../weights/source-file.js";
import { makeFolders } from "../files/make-folders.js";

/** The files of a run directory. */
export const RUN_FILES = {
  settings: "settings.json",
  metrics: "metrics.jsonl",
  last: "last.safetensors",
  previous: "previous.safetensors",
  best: "best.safetensors",
  bestAveraged: "best-averaged.safetensors",
  summary: "summary.json",
  network: "network.json",
  /** TensorBoard knows its files by `tfevents`; the settings' come first by name. */
  events: "events.out.tfevents.metrics",
  eventSettings: "events.out.tfevents.hparams",
  examples: "examples.json",
} as const;

/** Settings and summaries take a few kilobytes. */
const MOST_BYTES = 2 ** 22;

/** When a run ends, and what moves with its end. */
export type Schedule = Pick<TrainingSettings, "epochs" | "milestones" | "evaluateEvery">;

const scheduleNames = ["epochs", "milestones", "evaluateEvery"] as const satisfies (keyof Schedule)[];

/** The weights that a run's student started from. */
export interface InitialWeights {
  /** SHA-256 of the student's layers and weights at the start. */
  readonly sha256: string;
  /** What the call named. */
  readonly from: string;
  /** Whether the classifier came with them, or was drawn afresh. */
  readonly head: "kept" | "new";
  /** Which weights of a file it named, if it did. */
  readonly key?: string | undefined;
  /** The normalisation that came with the weights and is part of the student. */
  readonly normalization: Normalization | null;
}

/** What a run's folder is called where the user names none. */
export function runName({ dataset, method, student, seed }: TrainingSettings): string {
  return `${dataset}-${method}-${student}-seed${seed}`;
}

/** What a run was made from besides its settings: the exact data and teachers. */
export interface RunInputs {
  /** SHA-256 of the packed data set. */
  readonly data: string;
  /** SHA-256 of the teachers' models. */
  readonly cleanTeacher: string | null;
  readonly robustTeacher: string | null;
  /** SHA-256 of the student's layers, where `settings.student` is no id of mtard's. */
  readonly network?: string | undefined;
  /** The images and classes of its network; runs of before own data sets do not say it, as theirs are built in. */
  readonly shape?: NetworkShape | undefined;
  /** Absent where the student started from weights drawn by the seed. */
  readonly init?: InitialWeights | undefined;
  /** The schedules that a run which was trained further had before, the first one first; absent in all others. */
  readonly earlier?: readonly Schedule[] | undefined;
}

export interface RunDescription {
  readonly settings: TrainingSettings;
  readonly inputs: RunInputs;
  /** The recipe's values of the settings that were changed. */
  readonly recipe: Partial<Recipe>;
}

const changedSchema = recipeSchema.partial();

/** What a run was made from, as its settings.json says it. */
export const inputsSchema = z.object({
  data: z.string(),
  cleanTeacher: z.string().nullable(),
  robustTeacher: z.string().nullable(),
  network: z.string().optional(),
  shape: z.object({ image: imageShapeSchema, classes: z.int().min(1) }).optional(),
  init: z
    .object({
      sha256: z.string(),
      from: z.string(),
      head: z.enum(["kept", "new"]),
      key: z.string().optional(),
      normalization: normalizationSchema.nullable(),
    })
    .optional(),
  earlier: z.array(recipeSchema.pick({ epochs: true, milestones: true, evaluateEvery: true })).optional(),
});

/**
 * The description of the run in a folder.
 *
 * @throws {InputError} if the folder holds no run or its settings cannot be read.
 */
export function readRun(folder: string): RunDescription {
  const path = join(folder, RUN_FILES.settings);
  if (!isThere(path)) {
    throw new InputError(`${folder} is no run directory`, {
      expected: `${RUN_FILES.settings} in it`,
      fix: "mtard train --out DIR makes one",
    });
  }
  try {
    const content = JSON.parse(readTextFile(path, MOST_BYTES)) as Record<string, unknown> | null;
    const { inputs, recipe, ...settings } = content ?? {};
    return { settings: parseSettings(settings), inputs: parseInputs(inputs), recipe: parseRecipe(recipe) };
  } catch (cause) {
    if (cause instanceof WorkError) throw cause;
    throw new InputError(`${path} cannot be read as a run's settings`, {
      ...(cause instanceof InputError
        ? cause.detail
        : { expected: "the file mtard train wrote", found: String(cause) }),
      fix: "start the run afresh in another folder with --out",
      cause,
    });
  }
}

const summarySchema = z.object({ status: z.literal("finished"), bestAveraged: z.looseObject({}).nullish() });

/** The files that a run's best students are in: the raw one, and the one of averaged weights where the run keeps such. */
export type BestFile = "best" | "bestAveraged";

/** Whether a run was trained to its last epoch and its best students are there, whole; on another host, too. */
export function isRunFinished(folder: string): boolean {
  refreshFolder(folder);
  try {
    const content: unknown = JSON.parse(readTextFile(join(folder, RUN_FILES.summary), MOST_BYTES));
    const summary = summarySchema.safeParse(content);
    const files: BestFile[] = summary.data?.bestAveraged ? ["best", "bestAveraged"] : ["best"];
    return summary.success && files.every((file) => problemOfBest(folder, file) === null);
  } catch {
    return false;
  }
}

/**
 * What is wrong with the file of one of a run's best students, by its checksum and its form; null if nothing is.
 *
 * @throws {InputError} if it is there and may not be read.
 */
export function problemOfBest(folder: string, file: BestFile): string | null {
  try {
    const opened = openSourceFile(join(folder, RUN_FILES[file]));
    try {
      openSafetensors(opened.file);
      return null;
    } finally {
      opened.close();
    }
  } catch (error) {
    // What may not be read is not damaged.
    if (!(error instanceof InputError) || !["ENOENT", null].includes(systemCodeOf(error))) throw error;
    return error.detail.found ?? error.message;
  }
}

function parseInputs(values: unknown): RunInputs {
  const parsed = inputsSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw new InputError("the inputs of this run are wrong", {
    expected: "inputs: the checksums of its data and teachers",
    found: values === undefined ? "no inputs" : "other inputs",
  });
}

function parseRecipe(values: unknown): Partial<Recipe> {
  const parsed = changedSchema.safeParse(values);
  if (parsed.success) return parsed.data as Partial<Recipe>;
  throw new InputError("the recipe of this run is wrong", {
    expected: "recipe: what the recipe says of the settings that were changed",
    found: parsed.error.issues[0]?.path.join(".") ?? "another recipe",
  });
}

/** A run directory that was made or found. */
export interface OpenedRun {
  /** Whether a run was there already. */
  readonly existed: boolean;
  /** The run as it is to be kept from now on, where it is trained further: its end has moved. */
  readonly further: (RunDescription & { readonly before: Schedule }) | null;
}

/**
 * Makes a run directory, or opens an existing one with the same settings and inputs. A finished run may be asked for with a later end, and
 * milestones that moved with it: then nothing is written before {@link trainFurther}.
 *
 * @throws {InputError} if the folder holds a run and `resume` is off, or a run of other settings: each difference is named.
 */
export function openRunDirectory(
  folder: string,
  run: RunDescription,
  resume: boolean,
  before: () => void = () => undefined,
): OpenedRun {
  if (!isThere(join(folder, RUN_FILES.settings))) {
    makeFolders(folder);
    before();
    writeDescription(folder, run);
    return { existed: false, further: null };
  }
  const existing = readRun(folder);
  const differences = differencesOf(existing, run);
  const later =
    run.settings.epochs > existing.settings.epochs &&
    differences.every(({ name }) => scheduleNames.some((each) => each === name));
  if (differences.length > 0 && !(later && resume && isRunFinished(folder))) {
    throw new InputError(`${folder} holds a run of other settings`, {
      expected: differences.map(({ name, asked }) => `${name} ${asked}`).join(", "),
      found: differences.map(({ name, there }) => `${name} ${there}`).join(", "),
      fix: `${later ? laterFix(existing, isRunFinished(folder)) : "the settings of that run"}, or another folder with --out`,
    });
  }
  if (!resume) {
    throw new InputError(`${folder} already holds this run`, {
      fix: "--resume to go on, or another folder with --out",
    });
  }
  if (differences.length === 0) return { existed: true, further: null };
  const schedule = scheduleOf(existing);
  const inputs = { ...existing.inputs, earlier: [...(existing.inputs.earlier ?? []), schedule] };
  return { existed: true, further: { ...run, inputs, before: schedule } };
}

function laterFix({ settings }: RunDescription, finished: boolean): string {
  return finished
    ? "--resume to train that run further"
    : `--resume with the ${settings.epochs} epochs of that run, which can be trained further when it is finished`;
}

function scheduleOf({ settings: { epochs, milestones, evaluateEvery } }: RunDescription): Schedule {
  return { epochs, milestones, evaluateEvery };
}

/** Gives a finished run its later end. Its summary goes first: with a later end it is not finished. */
export function trainFurther(folder: string, run: RunDescription): void {
  rmSync(join(folder, RUN_FILES.summary), { force: true });
  writeDescription(folder, run);
}

function writeDescription(folder: string, { settings, recipe, inputs }: RunDescription): void {
  const content = JSON.stringify({ ...settings, recipe, inputs }, null, 2);
  writeFileAtomically(join(folder, RUN_FILES.settings), `${content}\n`);
}

/** @throws {InputError} if a folder of runs cannot be at this path, as there is a file. */
export function requireRunPlace(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? true) return;
  throw new InputError(`${folder} cannot be a run directory`, {
    expected: "a folder, or a path where there is nothing yet",
    found: "a file",
    fix: "another folder with --out",
  });
}

/** Teachers and initial weights differ if their contents do, whatever they are called. The shape follows from the data. */
function differencesOf(
  there: RunDescription,
  asked: RunDescription,
): { name: string; there: string; asked: string }[] {
  const [left, right] = [compared(there), compared(asked)];
  return Object.keys(right)
    .filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]))
    .map((name) => ({
      name,
      there: textOf(there, name, left[name]),
      asked: textOf(asked, name, right[name]),
    }));
}

/** What has to be the same in two calls about one run. */
function compared({ settings, inputs }: RunDescription): Record<string, unknown> {
  const { data, cleanTeacher, robustTeacher, init, network } = inputs;
  return {
    ...settings,
    ...{ data, cleanTeacher, robustTeacher },
    ...{ init: init?.sha256 ?? null, network: network ?? null },
  };
}

function textOf({ settings, inputs }: RunDescription, name: string, value: unknown): string {
  if (name === "init")
    return inputs.init ? `${inputs.init.from} (sha256 ${inputs.init.sha256.slice(0, 8)})` : "none";
  if (!Object.hasOwn(inputs, name) || typeof value !== "string") return JSON.stringify(value);
  const teacher = name === "cleanTeacher" || name === "robustTeacher" ? `${settings[name] ?? ""} ` : "";
  return `${teacher}(sha256 ${value.slice(0, 8)})`;
}
