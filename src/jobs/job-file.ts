import { z } from "zod";
import { attackIds } from "../attacks/attacks.js";
import { uniformStarts, wrongWhenClean } from "../attacks/conventions.js";
import { InputError } from "../errors.js";
import { studentChoiceNames } from "../model/student-choices.js";
import { parseSettings } from "../recipes/settings.js";
import type { Job } from "../reproduction/job.js";
import type { Places } from "../reproduction/session.js";
import { inputsSchema } from "../run/run-directory.js";

/** A job with all that a worker needs to know, in a file. */
export interface JobFile {
  readonly format: typeof FORMAT;
  readonly job: Job;
  /** The id of the data set. */
  readonly dataset: string;
  /** The folder that all paths start from: that of the call which made the job. */
  readonly from: string;
  readonly places: Places;
  /** Threads of each engine, as they decide the last bits on a CPU. */
  readonly threads: number;
}

/** Another number where a worker of another version would misread the file. */
export const FORMAT = 1;

const id = z.string().regex(/^[0-9a-f]{16}$/, "not the id of a job");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "not a SHA-256 in lower-case hex");
const path = z.string().min(1);
const enumOf = <Name extends string>(registry: Readonly<Record<Name, unknown>>) =>
  z.enum(Object.keys(registry) as Name[]);

const anyJob = {
  id,
  name: z.string(),
  needs: z.array(id),
  looks: z.number().nonnegative(),
};

const training = z.strictObject({
  kind: z.literal("train"),
  ...anyJob,
  folder: path.nullable(),
  settings: z.record(z.string(), z.unknown()).transform((settings) => parseSettings(settings)),
  inputs: inputsSchema,
  standIns: z.strictObject({ clean: id.optional(), robust: id.optional() }),
  standInFolders: z.strictObject({ clean: path.optional(), robust: path.optional() }),
  until: z.int().positive().nullable(),
});

const wanted = z.strictObject({
  attack: z.enum(attackIds).nullable(),
  images: z.int().positive(),
  wrongWhenClean: enumOf(wrongWhenClean).optional(),
  uniformStart: enumOf(uniformStarts).optional(),
  changes: z
    .strictObject({ steps: z.number(), stepSize: z.number(), queries: z.number(), targetClasses: z.number() })
    .partial()
    .optional(),
});

const measurement = z.strictObject({
  kind: z.literal("measure"),
  ...anyJob,
  of: z.union([
    z.strictObject({ run: id, folder: path.nullable() }),
    z.strictObject({ teacher: path, sha256 }),
  ]),
  students: z.array(
    z.strictObject({ checkpoint: z.enum(studentChoiceNames).nullable(), measurements: z.array(wanted) }),
  ),
  epsilon: z.number().min(0).max(1),
  batchSize: z.int().positive(),
  surrogate: path.nullable(),
});

const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  job: z.discriminatedUnion("kind", [training, measurement]),
  dataset: z.string(),
  from: path,
  places: z.strictObject({
    runsDir: path,
    dataDir: path,
    teachersDir: path,
    device: z.enum(["auto", "cpu", "cuda"]),
  }),
  threads: z.int().positive(),
});

/** Checks what a job's file holds. @throws {InputError} naming what is wrong. */
export function parseJobFile(content: unknown, file: string): JobFile {
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data as JobFile;
  const [issue] = parsed.error.issues;
  throw new InputError(`${file} is no job of this mtard`, {
    expected: `a file of format ${FORMAT}, as mtard table, figure, study and sweep write them`,
    found: issue ? `${issue.path.join(".")}: ${issue.message}` : "something else",
    fix: "the call that made it writes it again",
  });
}
