import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import type { Usages } from "./usages.js";

/** The command that prints a shell's completion script; it is yargs's own, and so not among the usages. */
export const COMPLETION = "completion";

/**
 * Refuses a call whose first words do not name a command.
 *
 * @throws {InputError} naming the commands there are.
 */
export function requireCommand(argv: readonly string[], usages: Usages): void {
  const [command, action] = argv;
  if (command === undefined || command.startsWith("-")) return;
  const known = Object.hasOwn(usages, command) ? usages[command] : undefined;
  if (command === COMPLETION) return;
  if (known === undefined)
    throw unknown(command, command, [...Object.keys(usages), "help", COMPLETION], "mtard --help");
  const { actions } = known;
  if (actions === undefined || action === undefined || action.startsWith("-")) return;
  if (Object.hasOwn(actions, action)) return;
  throw unknown(`${command} ${action}`, action, Object.keys(actions), `mtard ${command} --help`);
}

function unknown(command: string, word: string, there: readonly string[], fix: string): InputError {
  return new InputError(`unknown command "${command}"${didYouMean(word, there)}`, {
    expected: there.join(", "),
    found: command,
    fix,
  });
}

/** The options that a parser knows, without dashes. */
export interface DeclaredOptions {
  readonly names: readonly string[];
  /** Those that take no value. */
  readonly booleans: readonly string[];
  /** Those that may be repeated. */
  readonly lists: readonly string[];
}

/** The options of the command that a parser has come to. */
export function declaredOptions(parser: object): DeclaredOptions {
  // Public in yargs, but missing in its types.
  const { key, boolean, array } = (parser as YargsWithOptions).getOptions();
  return { names: Object.keys(key), booleans: boolean, lists: array };
}

interface YargsWithOptions {
  getOptions(): { key: Readonly<Record<string, unknown>>; boolean: string[]; array: string[] };
}

/** The command that shows the help for a call. */
export function helpOf(argv: readonly string[], usages: Usages): string {
  const [command = "", action = ""] = argv;
  const known = Object.hasOwn(usages, command) ? usages[command] : undefined;
  if (known === undefined) return "mtard --help";
  const hasAction = known.actions !== undefined && Object.hasOwn(known.actions, action);
  return `mtard ${command} ${hasAction ? `${action} ` : ""}--help`;
}

/**
 * Turns yargs's message about a wrong call into an error in this program's words.
 *
 * @param known The options of the command, without dashes.
 */
export function usageError(
  message: string,
  argv: readonly string[],
  usages: Usages,
  known: readonly string[],
): InputError {
  const fix = helpOf(argv, usages);
  const unknownArguments = (unknown: readonly string[]): InputError => {
    const [one = ""] = unknown;
    const near = one.startsWith("-") ? didYouMean(one, options(known)) : "";
    return new InputError(`unknown argument: ${unknown.join(", ")}${near}`, {
      expected: `what ${fix} lists`,
      found: `mtard ${argv.join(" ")}`,
      fix,
    });
  };
  const [, first = "", second = ""] =
    /^(?:Unknown|Missing required) arguments?: (.*)|following: (.*)$/.exec(message) ?? [];
  if (message.startsWith("Unknown argument")) {
    return unknownArguments(typed(first.split(", "), argv));
  }
  if (message.startsWith("Missing required")) {
    // What is missing may only be misspelt.
    const misspelt = argv.map(optionWord).filter((word) => /^--[a-z]/i.test(word) && !isKnown(word, known));
    if (misspelt.length > 0) return unknownArguments(misspelt);
    const missing = options(first.split(", "));
    return new InputError(`${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} missing`, {
      expected: missing.map((option) => `${option} VALUE`).join(" "),
      found: `mtard ${argv.join(" ")}`,
      fix,
    });
  }
  if (message.startsWith("Not enough arguments following")) {
    const [option = ""] = options([second]);
    return new InputError(`${option} lacks its value`, {
      expected: `${option} VALUE`,
      found: `mtard ${argv.join(" ")}`,
      fix,
    });
  }
  if (message.startsWith("Not enough non-option arguments")) {
    return new InputError("an argument is missing", {
      expected: `mtard ${usageOf(argv, usages)}`,
      found: `mtard ${argv.join(" ")}`,
      fix,
    });
  }
  const choice = /Argument: (.*), Given: (.*), Choices: (.*)/.exec(message);
  if (choice) {
    const [, name = "", found, choices = ""] = choice;
    return new InputError(`${options([name]).join()} is wrong`, {
      expected: choices.split(", ").join(" or "),
      found,
      fix,
    });
  }
  const rivals = /^Arguments (.*) and (.*) are mutually exclusive$/.exec(message);
  if (rivals) {
    const [one = "", other = ""] = options(rivals.slice(1));
    return new InputError(`${one} and ${other} are mutually exclusive`, {
      expected: `${one} or ${other}`,
      found: "both",
      fix,
    });
  }
  return new InputError(message, { fix });
}

function usageOf(argv: readonly string[], usages: Usages): string {
  const [command = "", action = ""] = argv;
  const known = usages[command];
  if (known?.actions === undefined) return known?.usage ?? "<command>";
  return `${command} ${known.actions[action] ?? "<action>"}`;
}

function options(names: readonly string[]): string[] {
  return names.map((name) => `--${name}`);
}

/** A word of the call without the value that `=` gives it. */
function optionWord(word: string): string {
  return word.replace(/=.*$/s, "");
}

function isKnown(word: string, known: readonly string[]): boolean {
  const name = word.replace(/^--(no-)?/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return known.includes(name);
}

/** Finds unknown names as they were typed: yargs drops the dashes, and lists an option once more in camel case. */
function typed(names: readonly string[], argv: readonly string[]): readonly string[] {
  const found = argv.map(optionWord).filter((word) => names.includes(word.replace(/^--?(no-)?/, "")));
  return found.length > 0 ? found : names;
}
