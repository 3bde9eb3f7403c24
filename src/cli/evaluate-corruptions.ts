import type { Argv } from "yargs";
import { computedCorruptions } from "../corruptions/computed.js";
import type { CorruptedImages } from "../corruptions/corrupted-images.js";
import {
  commonCorruptions,
  type CorruptionId,
  corruptionIds,
  corruptions,
} from "../corruptions/corruptions.js";
import { severities, type Severity } from "../corruptions/picture.js";
import { publishedCorruptions } from "../corruptions/published.js";
import type { Dataset } from "../data/store.js";
import { InputError } from "../errors.js";
import { type CorruptedAccuracy, meanCorrupted, meanOf, measureCorrupted } from "../evaluation/corrupted.js";
import type { KeptUse } from "../evaluation/kept.js";
import type { MeasurementStore } from "../evaluation/store.js";
import type { Model } from "../model/model.js";
import { didYouMean } from "../nearest.js";
import { percent } from "./accuracy.js";
import { formatDuration } from "./progress.js";
import { formatTable } from "./text-table.js";
import type { MeasuringSession } from "./while-measuring.js";

/** The options of the common corruptions. */
export function corruptionOptions<Others>(yargs: Argv<Others>) {
  return yargs
    .option("corruptions", {
      type: "string",
      requiresArg: true,
      describe: "the common corruptions too: all, or some of those below, with commas between",
    })
    .option("severity", {
      type: "string",
      requiresArg: true,
      describe: "how strong they are, from 1 to 5, with commas between",
      defaultDescription: "all five",
    })
    .option("corruption-data", {
      type: "string",
      requiresArg: true,
      describe: "the published images, such as CIFAR-10-C.tar or its folder, in place of computed ones",
    });
}

/** Lists the corruptions for the end of the command's help. */
export function corruptionList(): string {
  const others = corruptionIds.filter((id) => !corruptions[id].isCommon);
  const published = corruptionIds.filter((id) => corruptions[id].make === null);
  return [
    "Corruptions (--corruptions all):",
    `  ${commonCorruptions.join(", ")}`,
    "And, outside of the mean, by name alone:",
    `  ${others.join(", ")}`,
    `Only with --corruption-data: ${published.join(", ")}`,
  ].join("\n");
}

type CorruptionArguments = Readonly<
  Record<"corruptions" | "severity" | "corruption-data", string | undefined>
>;

/** What a call asks for, checked by itself. */
export interface CorruptionRequest {
  readonly names: readonly CorruptionId[];
  /** Whether those that are not there may be left out. */
  readonly isAll: boolean;
  readonly severities: readonly Severity[];
  readonly data: string | undefined;
}

/** @throws {InputError} naming the option that is wrong. */
export function corruptionRequest(args: CorruptionArguments): CorruptionRequest | null {
  const { corruptions: list, severity, "corruption-data": data } = args;
  if (list === undefined) {
    const [alone] =
      Object.entries({ severity, "corruption-data": data }).find(([, value]) => value !== undefined) ?? [];
    if (alone === undefined) return null;
    throw new InputError(`--${alone} is for --corruptions alone`, {
      expected: "--corruptions all, or some of them",
      found: "no --corruptions",
    });
  }
  const words = list.split(",").map((word) => word.trim());
  const asked = words.flatMap((word) => (word === "all" ? commonCorruptions : [requireCorruption(word)]));
  return {
    names: corruptionIds.filter((id) => asked.includes(id)),
    isAll: words.includes("all"),
    severities: severity === undefined || severity === "all" ? severities : requireSeverities(severity),
    data,
  };
}

function requireCorruption(word: string): CorruptionId {
  const known = corruptionIds.find((id) => id === word || id === word.replaceAll("_", "-"));
  if (known) return known;
  throw new InputError(`there is no corruption "${word}"${didYouMean(word, corruptionIds)}`, {
    expected: `all, or some of ${corruptionIds.join(", ")}`,
    found: word,
  });
}

function requireSeverities(list: string): Severity[] {
  const words = list.split(",").map((word) => word.trim());
  const wrong = words.find((word) => !severities.some((severity) => String(severity) === word));
  if (wrong === undefined) return severities.filter((severity) => words.includes(String(severity)));
  throw new InputError("--severity is wrong", { expected: "all, or some of 1, 2, 3, 4, 5", found: wrong });
}

/** Where the corrupted images of a call come from, and which of them. */
export interface ChosenCorruptions {
  readonly images: CorruptedImages;
  readonly names: readonly CorruptionId[];
  /** Why each of the others is left out. */
  readonly leftOut: readonly string[];
}

/**
 * Finds the corrupted images that a call asks for.
 *
 * @throws {InputError} if one that was asked for by name is not there, or the published ones are damaged or of another data set.
 */
export function chooseCorruptions(
  request: CorruptionRequest,
  { description, test }: Pick<Dataset, "description" | "test">,
  limit: number | undefined,
  seed: number,
): ChosenCorruptions {
  const { data, names, isAll } = request;
  const images =
    data === undefined
      ? computedCorruptions(test, description.image, limit ?? test.count, seed)
      : publishedCorruptions(data, description, limit);
  const lacking = names.flatMap((name) => {
    const why = images.lacks(name);
    return why === null ? [] : [{ name, why }];
  });
  const there = names.filter((name) => !lacking.some((each) => each.name === name));
  const [first] = lacking;
  if (first && (!isAll || there.length === 0))
    throw new InputError(first.why, {
      expected: "corruptions that can be made or read",
      found: lacking.map(({ name }) => name).join(", "),
      fix:
        data === undefined
          ? "--corruption-data with the published images, such as CIFAR-10-C.tar"
          : "leave it out, or fetch the archive again",
    });
  return { images, names: there, leftOut: lacking.map(({ why }) => why) };
}

/** What was measured on corrupted images, for the result of the command. */
export interface CorruptionResult {
  /** For `--json`. */
  readonly value: object;
  readonly text: string;
}

/** Measures a model on the corruptions chosen, with progress. */
export async function evaluateCorruptions(
  model: Model,
  { description, fingerprint }: Dataset,
  { images, names, leftOut }: ChosenCorruptions,
  { severities: levels, data }: CorruptionRequest,
  settings: { readonly batchSize: number; readonly kept: KeptUse },
  store: MeasurementStore,
  { line, say, stopIfAsked }: MeasuringSession,
): Promise<CorruptionResult> {
  for (const why of leftOut) say(`left out: ${why}`);
  const began = performance.now();
  const rows = await measureCorrupted(
    model,
    images,
    { description, fingerprint },
    { ...settings, names, severities: levels },
    store,
    {
      onProgress({ name, severity, making, done, total, share }) {
        const left = ((performance.now() - began) / 1000 / share) * (1 - share);
        const doing = making ? "making" : "measuring";
        line.show(`${name} ${severity}: ${doing} ${done}/${total} images, ${formatDuration(left)} left`);
        stopIfAsked({ pass: { step: null } });
      },
      onMessage: say,
      onCorruption(ofOne) {
        const [row] = ofOne;
        if (!row || ofOne.every(({ known }) => known)) return;
        say(`${row.name}: ${ofOne.map(({ accuracy }) => percent(accuracy)).join("  ")}`);
      },
    },
  );
  const known = rows.filter((row) => row.known).length;
  if (known > 0) say(`known already: ${known} of ${rows.length} corrupted sets (--again measures anew)`);
  const common = new Set(rows.map(({ name }) => name).filter((name) => corruptions[name].isCommon)).size;
  return {
    value: {
      source: data === undefined ? "computed" : "published",
      total: images.count,
      mean: meanCorrupted(rows),
      common,
      leftOut,
      rows,
    },
    text: corruptionTable(rows, images.count),
  };
}

/** Formats accuracies by corruption and severity as a table, with means. */
export function corruptionTable(rows: readonly CorruptedAccuracy[], total: number): string {
  const names = [...new Set(rows.map(({ name }) => name))];
  const levels = [...new Set(rows.map(({ severity }) => severity))];
  const accuracies = (some: readonly CorruptedAccuracy[]): number[] => some.map(({ accuracy }) => accuracy);
  const lineOf = (title: string, some: readonly CorruptedAccuracy[], mean: number): string[] => [
    title,
    ...levels.map((level) => percent(meanOf(accuracies(some.filter(({ severity }) => severity === level))))),
    percent(mean),
  ];
  const common = rows.filter(({ name }) => corruptions[name].isCommon);
  const count = new Set(common.map(({ name }) => name)).size;
  const mean = meanCorrupted(rows);
  return formatTable([
    [`corruption (${total} images)`, ...levels.map((level) => `severity ${level}`), "mean"],
    ...names.map((name) => {
      const some = rows.filter((row) => row.name === name);
      return lineOf(name, some, meanOf(accuracies(some)));
    }),
    ...(mean === null
      ? []
      : [lineOf(`mean of ${count} of ${commonCorruptions.length} common ones`, common, mean)]),
  ]);
}
