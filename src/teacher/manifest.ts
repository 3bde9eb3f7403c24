import { join } from "node:path";
import { z } from "zod";
import { InputError, WorkError } from "../errors.js";
import { readTextFile } from "../files/read-text.js";
import { systemCodeOf } from "../files/system-error.js";
import { teacherRoles } from "../methods/method.js";
import { imageShapeSchema, normalizationSchema } from "../onnx/metadata.js";

export const MANIFEST_FILE = "teacher.json";
/** A manifest takes a few hundred bytes; a file far larger is not one. */
const MAXIMUM_BYTES = 1 << 20;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "not a SHA-256 in lower-case hex");
const count = z.number().int().nonnegative();

/** A teacher's name is a folder in the store; it cannot be mistaken for a path or an .onnx file. */
export const teacherNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "letters, digits, '.', '_' and '-', at most 64, no path")
  .refine((name) => !name.endsWith(".onnx"), "a name does not end in .onnx");

export const teacherRoleSchema = z.enum(teacherRoles);

const counts = { split: z.literal("test"), correct: count, total: count.positive() };
const notMore = ({ correct, total }: { correct: number; total: number }): boolean => correct <= total;
const MORE = "more images right than there are";

const measuredAccuracySchema = z.object(counts).refine(notMore, MORE);

const measuredRobustnessSchema = z
  .object({ ...counts, attack: z.string(), epsilon: z.number().nonnegative(), seed: z.number().int() })
  .refine(notMore, MORE);

const manifestSchema = z.object({
  name: teacherNameSchema,
  /** The data set whose classes the teacher tells apart, by id. */
  dataset: z.string().min(1),
  classes: count.positive(),
  image: imageShapeSchema,
  /** The ONNX model, in the manifest's own folder. */
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.onnx$/, "a plain file name that ends in .onnx"),
  sha256,
  /** The model's external data files beside it, if its weights are large. */
  data: z
    .array(z.object({ file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "a plain file name"), sha256 }))
    .max(1000)
    .readonly()
    .optional(),
  /** What the model was made from. */
  source: z.object({
    file: z.string(),
    sha256,
    /** Such as `onnx`, `pytorch-zip`, `safetensors`. */
    format: z.string(),
    /** Where in the file the weights were, if not at its beginning: keys and the names' prefix, joined by dots. */
    key: z.string().optional(),
  }),
  /** The network whose weights the model holds under PyTorch's names, or null for a foreign graph. */
  network: z.string().nullable(),
  /** The normalisation inside the model, as far as it is known. */
  normalization: normalizationSchema.nullable(),
  /** The role it is meant for, if one was given. */
  role: teacherRoleSchema.optional(),
  /** The clean accuracy that `mtard teacher check` recorded. */
  measured: measuredAccuracySchema.optional(),
  /** The robust accuracies it recorded, at most one for each attack and epsilon. */
  robust: z.array(measuredRobustnessSchema).readonly().optional(),
  /** The version of mtard that made the teacher. */
  createdBy: z.string(),
});

/** What `teacher.json` says of a teacher: its data set, model, origin, and what was measured of it. */
export interface TeacherManifest extends Readonly<z.infer<typeof manifestSchema>> {}
/** How many of the first `total` test images a teacher gets right. */
export interface MeasuredAccuracy extends Readonly<z.infer<typeof measuredAccuracySchema>> {}
/** The same under an attack of L-infinity radius `epsilon`, whose random start `seed` determines. */
export type MeasuredRobustness = Readonly<z.infer<typeof measuredRobustnessSchema>>;

/**
 * The manifest of a teacher's folder, checked.
 *
 * @throws {InputError} if there is none, or some of its values are invalid; the error names each.
 */
export function readManifest(folder: string): TeacherManifest {
  const path = join(folder, MANIFEST_FILE);
  let content: unknown;
  try {
    content = JSON.parse(readTextFile(path, MAXIMUM_BYTES));
  } catch (cause) {
    if (cause instanceof WorkError && systemCodeOf(cause) !== "ENOENT") throw cause;
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const result = manifestSchema.safeParse(content);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path: at, message }) => `${at.join(".") || "it"}: ${message}`);
  throw unusable(path, problems.join("; "));
}

/** A manifest as its file holds it. */
export function formatManifest(manifest: TeacherManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function unusable(path: string, found: string, cause?: unknown): InputError {
  return new InputError(`${path} is not a usable teacher manifest`, {
    expected: "the file that mtard teacher import writes",
    found,
    fix: "import the teacher again with --force",
    cause,
  });
}
