import type { Argv } from "yargs";
import { datasetIds } from "../data/datasets.js";
import { methodIds } from "../methods/methods.js";
import { studentChoiceNames, studentChoices } from "../model/student-choices.js";
import { networkIds } from "../networks/networks.js";
import { budgetNames, budgets } from "../recipes/budgets.js";
import { readingNames } from "../recipes/readings.js";
import { parseQuantity } from "../recipes/settings.js";
import { teacherRoles } from "../methods/method.js";
import type { GlobalArguments } from "./output.js";

/*
 * Options that several commands share. Numbers have no `type` here: yargs would turn a wrong one into NaN, and the error could not say
 * what was typed. The handler checks them instead.
 */

/** `--dataset`, checked with `findDataset`. */
export const datasetOption = {
  type: "string",
  requiresArg: true,
  describe: `${datasetIds.join(", ")}, or one of your own`,
} as const;

/** `--role` of a teacher. */
export const roleOption = { choices: teacherRoles, requiresArg: true } as const;

/** `--device`, checked with `requestedDevice`. */
export const deviceOption = {
  type: "string",
  requiresArg: true,
  describe: "auto, cpu or cuda",
  defaultDescription: "MTARD_DEVICE, or auto",
} as const;

/** `--budget`, checked with `requireBudget`. */
export const budgetOption = {
  type: "string",
  requiresArg: true,
  describe: budgetNames.map((name) => `${name} (${budgets[name].describe})`).join("; "),
} as const;

/** `--reading` of a recipe, checked with `requireReading`. */
export const readingOption = {
  type: "string",
  requiresArg: true,
  default: "paper",
  describe: `whose settings where they disagree: ${readingNames.join(", ")}`,
} as const;

/** `--runs-dir`, where runs and measurements are kept. */
export const runsDirOption = {
  type: "string",
  requiresArg: true,
  default: "runs",
  describe: "where runs, and what was measured, are kept",
} as const;

/** `--checkpoint` of a run. */
export const checkpointOption = {
  choices: studentChoiceNames,
  default: "best" as const,
  requiresArg: true,
  describe: `which student of a run: ${Object.entries(studentChoices)
    .map(([name, meaning]) => `${name}, ${meaning}`)
    .join("; ")}`,
} as const;

/** `--config`, read before the call is parsed. */
export const configOption = {
  type: "string",
  requiresArg: true,
  describe: "a JSON or YAML file with options and settings by name, or a run directory; a flag given wins",
} as const;

/** `--limit`, checked with `parseLimit`. */
export const limitOption = { requiresArg: true, describe: "the first K test images only" } as const;

/** @throws {InputError} if the option is there and is not a whole number from 1. */
export function parseLimit(value: unknown, option = "--limit"): number | undefined {
  return value === undefined ? undefined : parseQuantity(option, value, { minimum: 1, whole: true });
}

/** Formats examples for the end of a command's help. Each has a line to copy, which yargs's own examples would break in two. */
export function examples(lines: Readonly<Record<string, string>>): string {
  return ["Examples:", ...Object.entries(lines).map(([does, line]) => `  ${does}:\n    ${line}`)].join("\n");
}

/** The arguments of a handler, given the function that adds its options. */
export type HandlerArguments<Options extends (yargs: Argv<GlobalArguments>) => Argv<unknown>> =
  ReturnType<Options> extends Argv<infer Values> ? Values : never;

/** `--method`, checked with `requireMethodId`. */
export const methodOption = {
  type: "string",
  requiresArg: true,
  default: "b-mtard",
  describe: methodIds.join(", "),
} as const;

/** `--student`, checked with `createNetwork`. */
export const studentOption = {
  type: "string",
  requiresArg: true,
  describe: `the network to train, one of mtard networks: ${networkIds.join(", ")}, and other sizes`,
  defaultDescription: "resnet-8 for demo, preact-resnet-18 for tiny-imagenet, else resnet-18",
} as const;
