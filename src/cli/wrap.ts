import { type Channel, results } from "./channels.js";

/** Breaks text into lines of at most `width` between its words; a word that is longer has a line of its own. */
export function wrapped(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.trim().split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Wraps prose for a terminal, each of its lines with `indent` before what goes on; elsewhere it stays as it is. */
export function wrapProse(text: string, indent: number, channel: Channel = results): string {
  const { columns } = channel;
  if (!channel.isTTY || !columns) return text;
  return text
    .split("\n")
    .map((line) => {
      const before = /^ */.exec(line)?.[0] ?? "";
      const [first = "", ...others] = wrapped(line.trimStart(), columns - before.length);
      const rest = wrapped(others.join(" "), Math.max(20, columns - indent));
      return [
        before + first,
        ...(others.length === 0 ? [] : rest.map((each) => " ".repeat(indent) + each)),
      ].join("\n");
    })
    .join("\n");
}
