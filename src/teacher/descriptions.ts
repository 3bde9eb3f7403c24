import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { WorkError } from "../errors.js";
import { normalizationSchema } from "../onnx/metadata.js";
import { drivePage } from "./google-drive.js";
import { PACKAGE_TEACHERS } from "./built-in.js";
import { teacherRoleSchema } from "./manifest.js";
import { type RobustBenchModel, robustBenchId, robustBenchModels, storeName } from "./robustbench.js";

const percent = z.number().min(0).max(100);

const descriptionSchema = z
  .strictObject({
    title: z.string(),
    dataset: z.string(),
    /** What it is meant for: to teach, or as a student that others distilled, to be evaluated. */
    role: z.union([teacherRoleSchema, z.literal("student")]),
    network: z.string(),
    /** Applied to images in [0, 1]; null for none. */
    normalization: normalizationSchema.nullable(),
    published: z
      .strictObject({
        /** Where a person finds the file. */
        page: z.url(),
        /** Where a program can download it, if anywhere: the file, a folder with it on Google Drive, or a zip archive with it. */
        url: z.url().optional(),
        /** Its name; where only its beginning is known, `*` stands for the rest. */
        file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._*-]*$/),
        /** Whether what is at the address was not seen here, and may be an archive with the file. */
        unseen: z.literal(true).optional(),
        /** The key under which the file has the weights, where it is none of the usual ones. */
        key: z.string().optional(),
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

/** What is known of a published model before it is in the store. */
export type TeacherDescription = Readonly<z.infer<typeof descriptionSchema>> & { readonly name: string };

/**
 * Every teacher and student of `teachers/*.json`, by name.
 *
 * @throws {WorkError} if a description is broken: the project itself is damaged.
 */
export function listDescriptions(folder = PACKAGE_TEACHERS): TeacherDescription[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => readDescription(join(folder, file)));
}

/** The description of the model of this name, if there is one: of `teachers/*.json`, or of RobustBench. */
export function findDescription(name: string): TeacherDescription | undefined {
  const model = robustBenchModels().find((each) => [storeName(each), robustBenchId(each)].includes(name));
  return model ? describeModel(model) : listDescriptions().find((description) => description.name === name);
}

/** A model of RobustBench as a description. */
export function describeModel(model: RobustBenchModel): TeacherDescription {
  const { dataset, threat, name, network, drive, normalization, key, clean, robust, epsilon } = model;
  const page = drivePage({ id: drive, resourceKey: null });
  return {
    name: storeName(model),
    title: `${name} of RobustBench, ${dataset}, ${threat}`,
    dataset,
    role: threat === "corruptions" || name === "Standard" ? "clean" : "robust",
    network,
    normalization,
    published: { page, url: page, file: `${storeName(model)}.pt`, ...(key === null ? {} : { key }) },
    // Robust accuracies are compared at L-infinity radius 8/255.
    expected: [{ from: `RobustBench, ${name}`, clean, attacks: threat === "Linf" ? { aa: robust } : {} }],
    notes: [
      ...(threat === "L2"
        ? [`RobustBench states ${robust}% under AutoAttack of L2 radius 0.5, which mtard does not run.`]
        : []),
      ...(threat === "corruptions"
        ? [`RobustBench states ${robust}% under common corruptions, which mtard does not make.`]
        : []),
      ...(epsilon === null ? [] : [`RobustBench attacks it with radius ${epsilon}, a little under 8/255.`]),
      ...(model.normalizationInFile ? ["The file holds its normalisation."] : []),
      "RobustBench states no checksum; the file was not seen here.",
    ],
  };
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
