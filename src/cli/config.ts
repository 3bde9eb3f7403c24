import { join } from "node:path";
import yargs from "yargs";
import { InputError } from "../errors.js";
import { kindOf } from "../files/kind.js";
import { readTextFile } from "../files/read-text.js";
import { systemCodeOf } from "../files/system-error.js";
import { didYouMean } from "../nearest.js";
import { commandBody } from "./commands.js";
import { log } from "./output.js";
import { type DeclaredOptions, declaredOptions } from "./usage-error.js";
import type { CommandName } from "./usages.js";

/** The commands that take `--config`. */
const CONFIGURED: readonly string[] = [
  "train",
  "evaluate",
  "table",
  "figure",
  "study",
  "sweep",
] satisfies CommandName[];
/** A file of settings has some kilobytes. */
const MAXIMUM_BYTES = 1 << 20;
/** What a run's settings.json holds beside its settings. */
const OF_A_RUN = ["recipe", "inputs"];
const NOT_IN_A_FILE = ["config", "help", "version"];

/**
 * Puts what the file of `--config` says into a call, before its own options: as if it had been typed, but a flag that is given wins.
 *
 * @param always The options that every command takes.
 * @throws {InputError} if the file cannot be read, or has a name that is no option of the command and no setting.
 */
export async function withConfig(
  argv: readonly string[],
  always: readonly string[],
): Promise<readonly string[]> {
  const [command = "", ...rest] = argv;
  const path = CONFIGURED.includes(command) ? configPath(rest) : undefined;
  if (path === undefined || rest.includes("--help") || rest.includes("-h")) return argv;
  const entries = await readConfig(path);
  const { builder } = await commandBody(command as CommandName);
  const parser = yargs();
  if (typeof builder === "function") await builder(parser);
  const declared = declaredOptions(parser);
  const known = [...declared.names, ...always].filter((name) => !NOT_IN_A_FILE.includes(name));
  const settings = declared.names.includes("set") ? await settingNames() : [];
  const words = entries.flatMap(([name, value]): string[] => {
    const option = dashed(name);
    const isOption = known.includes(option);
    if ((isOption || settings.includes(camel(name))) && (value === null || isGiven(option, rest))) return [];
    if (option === "set") return setWords(value, path);
    if (option === "grid" && isOption) return gridWords(value, path);
    if (isOption) return optionWords(option, value, declared, path);
    if (settings.includes(camel(name))) return [`--set=${camel(name)}=${settingText(value)}`];
    if (OF_A_RUN.includes(name)) return name === "inputs" ? inputWords(value, rest, path) : [];
    const names = [...settings, ...known.map(camel)];
    throw new InputError(`${path}: unknown name "${name}"${didYouMean(name, names)}`, {
      expected: `a setting or an option of mtard ${command}`,
      found: name,
      fix: `mtard ${command} --help lists them`,
    });
  });
  return [command, ...words, ...rest];
}

function configPath(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === "--config" || word.startsWith("--config="));
  const word = words[at];
  return word?.startsWith("--config=") ? word.slice("--config=".length) : words[at + 1 || words.length];
}

/** The names and values of a JSON or YAML file, or of a run directory's settings. */
async function readConfig(named: string): Promise<[string, unknown][]> {
  const path = kindOf(named) === "folder" ? join(named, "settings.json") : named;
  const content = await parsed(path);
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return Object.entries(content);
  throw new InputError(`${path} holds no settings`, {
    expected: "names with values, in JSON or YAML, such as method: sat",
    found:
      content === null || content === undefined ? "nothing" : Array.isArray(content) ? "a list" : "one value",
  });
}

async function parsed(path: string): Promise<unknown> {
  try {
    const text = readTextFile(path, MAXIMUM_BYTES);
    if (path.endsWith(".json")) return JSON.parse(text);
    const { parse } = await import("yaml");
    return parse(text, { prettyErrors: true, logLevel: "error" });
  } catch (cause) {
    if (systemCodeOf(cause) !== null && systemCodeOf(cause) !== "ENOENT") throw cause;
    const [found = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new InputError(`${path} cannot be read as settings`, {
      expected: "a JSON or YAML file, or a run directory",
      found: found.replace(/:$/, ""),
      fix: "--config FILE with lines such as method: sat",
      cause,
    });
  }
}

async function settingNames(): Promise<readonly string[]> {
  return (await import("../recipes/settings.js")).recipeSettingNames;
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Whether the call itself has an option; `--set` may be in both, where the last one wins. */
function isGiven(option: string, words: readonly string[]): boolean {
  if (option === "set") return false;
  const forms = [`--${option}`, `--${camel(option)}`, `--no-${option}`];
  return words.some((word) => forms.includes(word.replace(/=.*$/s, "")));
}

function optionWords(
  option: string,
  value: unknown,
  { booleans, lists }: DeclaredOptions,
  path: string,
): string[] {
  if (booleans.includes(option)) {
    if (typeof value === "boolean") return [`--${value ? "" : "no-"}${option}`];
    throw wrongValue(path, option, "true or false", value);
  }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = values.map((each) => {
    if (typeof each === "string" || typeof each === "number") return String(each);
    throw wrongValue(path, option, "a text, a number, or a list of them", each);
  });
  return lists.includes(option)
    ? texts.map((text) => `--${option}=${text}`)
    : [`--${option}=${texts.join(",")}`];
}

/** The settings under `set`: a list of `name=value`, as on the command line, or names with values. */
function setWords(value: unknown, path: string): string[] {
  if (typeof value === "string") return [`--set=${value}`];
  if (typeof value !== "object" || value === null) throw wrongValue(path, "set", "names with values", value);
  if (!Array.isArray(value))
    return Object.entries(value).map(([name, each]) => `--set=${name}=${settingText(each)}`);
  return value.map((each: unknown) => {
    if (typeof each === "string") return `--set=${each}`;
    throw wrongValue(path, "set", "name=value in each place of the list", each);
  });
}

/** What is varied, under `grid`: a list of `name=values`, as on the command line, or names with a list of values or a range. */
function gridWords(value: unknown, path: string): string[] {
  if (typeof value === "string" || Array.isArray(value) || typeof value !== "object" || value === null)
    return (Array.isArray(value) ? value : [value]).map((each: unknown) => {
      if (typeof each === "string") return `--grid=${each}`;
      throw wrongValue(path, "grid", "name=values, or names with lists of values", each);
    });
  return Object.entries(value).map(([name, each]: [string, unknown]) => {
    const values: readonly unknown[] = Array.isArray(each) ? each : [each];
    return `--grid=${name}=${values.map(settingText).join(",")}`;
  });
}

function settingText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What a run started from is asked for again; what else was in it is for the run to compare. */
function inputWords(value: unknown, words: readonly string[], path: string): string[] {
  const { init, earlier } = (value ?? {}) as {
    init?: Partial<Record<"from" | "head" | "key", unknown>>;
    earlier?: unknown;
  };
  if (earlier !== undefined)
    log(
      `note: the run of ${path} was trained further; this call takes its last schedule from the first epoch on`,
    );
  if (typeof init?.from !== "string" || isGiven("init", words)) return [];
  const key = typeof init.key === "string" ? [`--init-key=${init.key}`] : [];
  return [`--init=${init.from}`, `--init-head=${init.head === "new" ? "new" : "kept"}`, ...key];
}

function wrongValue(path: string, name: string, expected: string, value: unknown): InputError {
  return new InputError(`${path}: ${name} is wrong`, {
    expected,
    found: JSON.stringify(value).slice(0, 80),
  });
}
