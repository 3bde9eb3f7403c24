import { harmlessJson, oneLine, severalLines } from "../harmless.js";
import {
  type Channel,
  lossOfResults,
  type Style,
  styledOn,
  messages,
  results,
  writeMessage,
  writeResult,
} from "./channels.js";
import { wrapProse } from "./wrap.js";

export { shellWord } from "../harmless.js";

/*
 * What the command line says: results go to stdout, everything else to stderr. All of it goes through here, or is the line of
 * `progress.ts`, and is made harmless: names and errors may hold what files say.
 */

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

/** Says if a part of the result was lost; returns whether it was. To be asked when all is printed. */
export async function reportLoss(): Promise<boolean> {
  const loss = await lossOfResults();
  if (loss === null) return false;
  logAlways(
    [
      "error: the result could not be written to the standard output",
      `  found     ${oneLine(loss.message)}`,
      "  try       the same command with room for its output; what it writes to files is not affected",
    ].join("\n"),
  );
  return true;
}

/** Styles text where `channel` is a terminal; NO_COLOR and FORCE_COLOR have the last word. */
export function styled(style: Style, text: string, channel: Channel = results): string {
  return manner.json ? text : styledOn(channel, style, text);
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
  const lines = severalLines(text)
    .split("\n")
    .map((line) => {
      const label = LABEL.exec(line)?.[0] ?? "";
      // A command stays on one line, to be copied.
      const shown = label.includes("try") ? line : wrapProse(line, label.length || 2, messages);
      const style = styleOf[label.trim().replace(":", "")] ?? "dim";
      return label === "" ? shown : styled(style, label, messages) + shown.slice(label.length);
    });
  writeMessage(`${lines.join("\n")}\n`);
}

/** What a line of an error, or one that asks for attention, begins with. */
const LABEL = /^(?:error|warning|note): | {2}(?:expected {2}|found {5}|try {7})/;

/** Says what can be done next, unless a program listens: commands, the likeliest first. */
export function suggest(...commands: readonly string[]): void {
  if (manner.json || manner.quiet || commands.length === 0) return;
  const lines = commands.map(oneLine).join("\n      ");
  writeMessage(`${styled("cyan", "next: ", messages)}${lines}\n`);
}

/** Writes one JSON object to stdout. */
export function printJson(value: object): void {
  writeResult(`${harmlessJson(value)}\n`);
}

/** Prints a command's result: the JSON object with `--json`, else the text. */
export function printResult(args: Pick<GlobalArguments, "json">, value: object, text: string): void {
  if (args.json) printJson(value);
  else printText(text);
}

/** Prints text to stdout; all that may be in it besides text is the bold type that {@link styled} made, in pairs. */
export function printText(text: string): void {
  const [on, off] = styled("bold", "\n").split("\n") as [string, string];
  const parts = on === "" ? [text] : text.split(BOLD);
  const shown = parts.map((part, index) =>
    index % 2 === 1 ? on + severalLines(part) + off : severalLines(part),
  );
  writeResult(`${shown.join("")}\n`);
}

// eslint-disable-next-line no-control-regex -- it is what styleText writes
const BOLD = /\u001b\[1m([^\u001b]*)\u001b\[22m/;
