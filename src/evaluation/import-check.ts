import { type Dataset, openDataset, readStoreRecord } from "../data/store.js";
import { findDescription } from "../teacher/descriptions.js";
import { compareWithPublished } from "../teacher/expectations.js";
import type { ImportedTeacher } from "../teacher/import.js";
import type { MeasuredAccuracy, TeacherManifest } from "../teacher/manifest.js";
import { normalizationText } from "../weights/stored-normalization.js";
import { quickCheck, type QuickCheck, type QuickCheckOptions, type Remedy } from "./quick-check.js";

/** What a look at test images says of a teacher that was just imported. */
export interface ImportCheck {
  /** Null where nothing was measured. */
  readonly accuracy: MeasuredAccuracy | null;
  /** Usual ways to show the images that would do much better; nothing was changed. */
  readonly remedies: readonly Remedy[];
  /** What looks wrong, and what to do, one sentence each. */
  readonly warnings: readonly string[];
  /** Why nothing was measured, if nothing was. */
  readonly skipped: string | null;
}

/** How many remedies are named. */
const NAMED = 3;

/**
 * Measures an imported teacher on a few hundred test images where its data set is packed. It fails nothing: what keeps it from
 * measuring is a sentence.
 *
 * @param data The store of packed data sets, or the data set itself.
 */
export async function checkImported(
  { manifest, folder }: Pick<ImportedTeacher, "manifest" | "folder">,
  data: string | Dataset,
  options: QuickCheckOptions = {},
): Promise<ImportCheck> {
  const { name, dataset } = manifest;
  const nothing = (skipped: string): ImportCheck => ({ accuracy: null, remedies: [], warnings: [], skipped });
  try {
    if (typeof data === "string" && readStoreRecord(dataset, data) === null)
      return nothing(
        `the accuracy was not looked at, as ${dataset} is not packed here: mtard data ${dataset}, then mtard teacher check ${name}`,
      );
    const opened = typeof data === "string" ? openDataset(dataset, data, { train: 1 }) : data;
    const found = await quickCheck({ kind: "folder", folder }, replaceable(manifest), opened, options);
    if (found === null) return nothing("the accuracy was not looked at: stopped");
    return {
      accuracy: found.accuracy,
      remedies: found.remedies,
      warnings: [...warningsOf(found, manifest), ...publishedWarnings(found, name)],
      skipped: null,
    };
  } catch (error) {
    return nothing(
      `the accuracy was not looked at: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The normalisation that other `--mean` and `--std` would take the place of: one inside an ONNX model of mtard's stays. */
function replaceable({ source, network, normalization }: TeacherManifest): TeacherManifest["normalization"] {
  return source.format === "onnx" && network !== null ? null : normalization;
}

function warningsOf({ accuracy, nearChance, remedies }: QuickCheck, manifest: TeacherManifest): string[] {
  const { correct, total } = accuracy;
  if (remedies.length === 0) {
    if (!nearChance) return [];
    return [
      `${correct} of ${total} is what guessing gives, and none of the usual normalisations mends it: see whether ${manifest.dataset} is the data set it was trained on, with its classes in this order, and whether the network and its variant are right`,
    ];
  }
  return remedies.slice(0, NAMED).map(({ title, normalization, accuracy: other }) => {
    const text = `${percent(other)} of ${other.total} test images would be right with ${title}, and ${percent(accuracy)} are as it is`;
    return normalization === null
      ? `${text}: turn the channels around in the model, and import it as ONNX`
      : `${text}: import it again with --force ${flags(normalization)}`;
  });
}

function flags(normalization: NonNullable<Remedy["normalization"]>): string {
  const { mean, std } = normalization;
  const isPlain = mean.every((value) => value === 0) && std.every((value) => value === 1);
  return isPlain ? "and without --mean and --std" : normalizationText(normalization);
}

function publishedWarnings({ accuracy }: QuickCheck, name: string): string[] {
  const description = findDescription(name);
  const published = description ? compareWithPublished(description, accuracy, []) : [];
  return published
    .filter(({ agrees, expected, measured }) => !agrees && measured < expected)
    .map(
      ({ from, expected }) =>
        `${percent(accuracy)} of ${accuracy.total} test images are right, and ${from} states ${(100 * expected).toFixed(1)}%: mtard teacher check ${name} measures all`,
    );
}

function percent({ correct, total }: MeasuredAccuracy): string {
  return `${((100 * correct) / total).toFixed(1)}%`;
}
