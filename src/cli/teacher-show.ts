import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Argv } from "yargs";
import { InputError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import { findDescription, howToGet, type TeacherDescription } from "../teacher/descriptions.js";
import { MANIFEST_FILE, readManifest, type TeacherManifest } from "../teacher/manifest.js";
import { kindOf } from "../files/kind.js";
import { findTeacher, type TeacherReference } from "../teacher/reference.js";
import { formatAccuracy } from "./accuracy.js";
import type { HandlerArguments } from "./options.js";
import { type GlobalArguments, printResult, suggest, shellWord } from "./output.js";
import { formatRows } from "./text-table.js";

/** The options of `mtard teacher show`. */
export function showOptions(yargs: Argv<GlobalArguments>) {
  return yargs.positional("name", {
    type: "string",
    demandOption: true,
    describe: "a teacher's name, its folder, or a published model's name",
  });
}

/** `mtard teacher show`: a teacher's manifest, its description, or both. */
export function runShow(args: HandlerArguments<typeof showOptions>): void {
  const folder = findFolder(
    () => folderOf(findTeacher(args.name, args.teachersDir)),
    findDescription(args.name),
  );
  const manifest = folder === null ? null : readManifest(folder);
  const description = findDescription(manifest?.name ?? args.name) ?? null;
  const rows = [
    ...(manifest && folder !== null ? manifestRows(manifest, folder) : []),
    ...(description && !manifest ? absentRows(description, howToGet(description)) : []),
    ...(description ? descriptionRows(description) : []),
  ];
  printResult(args, { teacher: manifest, folder, description }, formatRows(rows));
  suggest(
    manifest ? `mtard teacher check ${shellWord(args.name)}` : `mtard teacher fetch ${shellWord(args.name)}`,
  );
}

/** The folder of a reference's manifest. @throws {InputError} if it is a lone ONNX file, which has none. */
function folderOf(reference: TeacherReference): string {
  if (reference.kind === "folder") return reference.folder;
  const { path } = reference;
  const isThere = kindOf(path) !== null;
  const above = dirname(path);
  const showAbove = isThere && existsSync(join(above, MANIFEST_FILE));
  throw new InputError(`${path} has no manifest to show`, {
    expected: "a teacher's name, or the folder with its manifest",
    found: isThere ? "a lone ONNX file" : "nothing of that name",
    fix: showAbove
      ? `mtard teacher show ${above}`
      : "mtard teacher list, or bring the file in with mtard teacher import --name NAME --dataset ID --onnx FILE",
  });
}

/** The teacher's folder, or null if it is only described. */
function findFolder(find: () => string, description: TeacherDescription | undefined): string | null {
  try {
    return find();
  } catch (error) {
    if (error instanceof InputError && description) return null;
    throw error;
  }
}

function manifestRows(manifest: TeacherManifest, folder: string): string[][] {
  const { image, source, measured, robust = [] } = manifest;
  const check = `not measured: mtard teacher check ${manifest.name}`;
  return [
    ["name", manifest.name],
    ["dataset", `${manifest.dataset}, ${manifest.classes} classes`],
    ["images", `${image.height}x${image.width}, ${image.channels} channels`],
    ["role", manifest.role ?? "not said"],
    ["network", manifest.network ?? "unknown: a foreign ONNX graph"],
    ["normalisation", formatNormalization(manifest.normalization) ?? "none known"],
    ["clean accuracy", measured ? formatAccuracy(measured) : check],
    ...robust.map((each) => [`under ${each.attack}`, `${formatAccuracy(each)}, seed ${each.seed}`]),
    ["model", join(folder, manifest.file)],
    ["sha256", manifest.sha256],
    ["made from", `${source.file} (${source.format}), sha256 ${source.sha256}`],
    ["made by", `mtard ${manifest.createdBy}`],
  ];
}

function absentRows(description: TeacherDescription, get: string): string[][] {
  return [
    ["name", description.name],
    ["dataset", description.dataset],
    ["role", description.role],
    ["network", description.network],
    ["normalisation", formatNormalization(description.normalization) ?? "none"],
    ["here", `no: ${get}`],
  ];
}

function descriptionRows({ title, published, recipe, expected, notes }: TeacherDescription): string[][] {
  return [
    ["described as", title],
    ...(published ? [["published", `${published.file} at ${published.url ?? published.page}`]] : []),
    ...(published?.sha256 === undefined ? [] : [["its sha256", published.sha256]]),
    ...(recipe ?? []).map((command) => ["recipe", command]),
    ...expected.map(({ from, clean, attacks }) => [
      "expected",
      [`clean ${clean}%`, ...Object.entries(attacks).map(([id, value]) => `${id} ${value}%`)].join(", ") +
        ` (${from})`,
    ]),
    ...notes.map((note) => ["note", note]),
  ];
}

function formatNormalization(normalization: Normalization | null): string | null {
  if (normalization === null) return null;
  return `mean ${normalization.mean.join(", ")}; std ${normalization.std.join(", ")}`;
}
