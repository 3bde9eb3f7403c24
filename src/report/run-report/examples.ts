import { join } from "node:path";
import { z } from "zod";
import { attackIds } from "../../attacks/attacks.js";
import { WorkError } from "../../errors.js";
import { isThere } from "../../files/kind.js";
import { readTextFile } from "../../files/read-text.js";
import { RUN_FILES } from "../../run/run-directory.js";
import type { MeasuredStudent } from "./students.js";

/* Adversarial examples of a run's best student, as they are kept in the run directory: drawn, so that a page with them needs no engine. */

/** Pictures of a dozen images take a few hundred kilobytes. */
const MOST_BYTES = 2 ** 25;
const MOST_EXAMPLES = 64;

const FORMAT = 1;
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const label = z.int().min(0);
const prediction = z.strictObject({ answer: label, confidence: z.number().min(0).max(1) }).readonly();
/** A PNG, in base64. */
const picture = z.base64().min(1);

const example = z
  .strictObject({
    /** The place of the image among the test images. */
    index: z.int().min(0),
    label,
    /** The answers to it and to the adversarial image. */
    before: prediction,
    after: prediction,
    /** The largest change of a pixel value. */
    linf: z.number().min(0).max(1),
    pictures: z.strictObject({ clean: picture, difference: picture, adversarial: picture }).readonly(),
  })
  .readonly();
/** An image before and after an attack, with the answers to both and its pictures. */
export interface Example extends z.infer<typeof example> {}

const examplesSchema = z
  .strictObject({
    format: z.literal(FORMAT),
    /** The identity of the student, and the SHA-256 of the data set's store. */
    model: sha256,
    data: sha256,
    attack: z.enum(attackIds),
    /** The L-infinity radius, in pixel values of images in [0, 1]. */
    epsilon: z.number().min(0).max(1),
    /** How often the differences are amplified. */
    gain: z.number().positive(),
    examples: z.array(example).max(MOST_EXAMPLES).readonly(),
  })
  .readonly();
/** What an attack made of some images of one student. */
export interface Examples extends z.infer<typeof examplesSchema> {}

/** What a file of examples holds. */
export function formatExamples(examples: Omit<Examples, "format">): string {
  return `${JSON.stringify(examplesSchema.parse({ format: FORMAT, ...examples }))}\n`;
}

/**
 * The examples that are kept in a run's folder; null where there are none of this student on these data.
 *
 * @param data The SHA-256 of the data set that the run was trained on.
 * @param say Called with a sentence where the file is damaged.
 */
export function readExamples(
  folder: string,
  { identity, classes }: Pick<MeasuredStudent, "identity" | "classes">,
  data: string,
  say: (text: string) => void,
): Examples | null {
  const path = join(folder, RUN_FILES.examples);
  if (!isThere(path)) return null;
  const found = parse(path);
  if (typeof found === "string") {
    say(`${path} is not shown: ${found}`);
    return null;
  }
  const answers = found.examples.flatMap((each) => [each.label, each.before.answer, each.after.answer]);
  const isOfThis = found.model === identity && found.data === data;
  return isOfThis && answers.every((answer) => answer < classes) ? found : null;
}

function parse(path: string): Examples | string {
  try {
    const parsed = examplesSchema.safeParse(JSON.parse(readTextFile(path, MOST_BYTES)));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    return issue ? `${issue.path.join(".")}: ${issue.message}` : "it is not as mtard wrote it";
  } catch (error) {
    if (error instanceof WorkError) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}
