import { styleText } from "node:util";
import { wrapProse } from "./wrap.js";

/* The command line's two channels: results go to stdout, everything else to stderr. */

/** Options every command takes. */
export interface GlobalArguments {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  dataDir: string;
  teachersDir: string;
}

/** How much this call says, and whether in colour; set once, before its command runs. */
const manner = { quiet: false, json: false };

/** Sets how a call speaks: `quiet` leaves results and errors only, and with `json` nothing is coloured. */
export function setManner({ quiet, json }: { readonly quiet: boolean; readonly json: boolean }): void {
  Object.assign(manner, { quiet, json });
}

/** Whether only results and errors are said. */
export function isQuiet(): boolean {
  return manner.quiet;
}

type Style = "bold" | "red" | "yellow" | "cyan" | "dim";

/** Styles text where `stream` is a terminal; NO_COLOR and FORCE_COLOR have the last word. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return manner.json ? text : styleText(style, text, { stream });
}

const styleOf: Readonly<Record<string, Style>> = {
  error: "red",
  warning: "yellow",
  note: "yellow",
};

/** Writes one line for people to stderr, unless the call is quiet. */
export function log(line: string): void {
  if (!manner.quiet) logAlways(line);
}

/** Writes an error, or what a person who asked for quiet has to know all the same, to stderr. */
export function logAlways(text: string): void {
  const lines = text.split("\n").map((line) => {
    const label = LABEL.exec(line)?.[0] ?? "";
    // A command stays on one line, to be copied.
    const shown = label.includes("try") ? line : wrapProse(line, label.length || 2, process.stderr);
    const style = styleOf[label.trim().replace(":", "")] ?? "dim";
    return label === "" ? shown : styled(style, label, process.stderr) + shown.slice(label.length);
  });
  process.stderr.write(`${lines.join("\n")}\n`);
}

/** What a line of an error, or one that asks for attention, begins with. */
const LABEL = /^(?:error|warning|note): | {2}(?:expected {2}|found {5}|try {7})/;

/** Says what can be done next, unless a program listens: commands, the likeliest first. */
export function suggest(...commands: readonly string[]): void {
  if (manner.json || manner.quiet || commands.length === 0) return;
  process.stderr.write(`${styled("cyan", "next: ", process.stderr)}${commands.join("\n      ")}\n`);
}

/** A word of a command as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Writes one JSON object to stdout. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints a command's result: the JSON object with `--json`, else the text. */
export function printResult(args: Pick<GlobalArguments, "json">, value: object, text: string): void {
  if (args.json) printJson(value);
  else process.stdout.write(`${text}\n`);
}
