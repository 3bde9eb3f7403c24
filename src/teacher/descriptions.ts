import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { WorkError } from "../errors.js";
import { normalizationSchema } from "../onnx/metadata.js";
import { teacherRoleSchema } from "./manifest.js";

/** The project's own `teachers/` folder, wherever the store is. */
const OWN_FOLDER = fileURLToPath(new URL("../../teachers/", import.meta.url));

const percent = z.number().min(0).max(100);

const descriptionSchema = z
  .strictObject({
    title: z.string(),
    dataset: z.string(),
    role: teacherRoleSchema,
    network: z.string(),
    /** Applied to images in [0, 1]; null for none. */
    normalization: normalizationSchema.nullable(),
    published: z
      .strictObject({
        /** Where a person finds the file. */
        page: z.url(),
        /** Where a program can download it, if anywhere. */
        url: z.url().optional(),
        file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
        bytes: z.number().int().positive().optional(),
        /** The checksum, or its first digits where only those are stated. */
        sha256: z
          .string()
          .regex(/^[0-9a-f]{8,64}$/)
          .optional(),
      })
      .optional(),
    /** Commands that train such a teacher; the last one writes `runs/NAME.onnx`. */
    recipe: z.array(z.string()).min(1).optional(),
    /** What it should score, in percent of the whole test set, and who says so. */
    expected: z.array(
      z.strictObject({ from: z.string(), clean: percent, attacks: z.record(z.string(), percent) }),
    ),
    notes: z.array(z.string()),
  })
  .refine(({ published, recipe }) => published ?? recipe, "neither published nor trained by a recipe");

/** What is known of one of the paper's teachers before it is in the store. */
export type TeacherDescription = Readonly<z.infer<typeof descriptionSchema>> & { readonly name: string };

/**
 * Every described teacher, by name.
 *
 * @throws {WorkError} if a description is broken: the project itself is damaged.
 */
export function listDescriptions(folder = OWN_FOLDER): TeacherDescription[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => readDescription(join(folder, file)));
}

/** The description of the teacher of this name, if there is one. */
export function findDescription(name: string): TeacherDescription | undefined {
  return listDescriptions().find((description) => description.name === name);
}

/** How to bring a described teacher into the store: one line that ends in a command. */
export function howToGet({ name, published, recipe }: TeacherDescription): string {
  if (published?.url !== undefined) return `mtard teacher fetch ${name}`;
  if (published)
    return `get ${published.file} from ${published.page}, then mtard teacher fetch ${name} --from ${published.file}`;
  return [...(recipe ?? []), `mtard teacher fetch ${name} --from runs/${name}.onnx`].join(" && ");
}

function readDescription(path: string): TeacherDescription {
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"));
    return { name: basename(path, ".json"), ...descriptionSchema.parse(content) };
  } catch (cause) {
    throw new WorkError(`${path} is not a usable description of a teacher`, {
      found: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause),
      fix: "restore the file: git checkout teachers",
      cause,
    });
  }
}
