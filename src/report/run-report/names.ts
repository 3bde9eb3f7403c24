import { oneLine } from "../../harmless.js";

/** Text cut to at most `most` characters, with an ellipsis where something is left out. */
export function brief(text: string, most: number): string {
  const characters = Array.from(oneLine(text));
  return characters.length <= most ? characters.join("") : `${characters.slice(0, most - 1).join("")}…`;
}

/** Names for a picture: underscores as spaces, long ones cut, and no two alike. */
export function shortNames(names: readonly string[], most: number): string[] {
  const short = names.map((name) => brief(name.replaceAll("_", " "), most));
  const counts = new Map<string, number>();
  for (const name of short) counts.set(name, (counts.get(name) ?? 0) + 1);
  return short.map((name, index) => ((counts.get(name) ?? 0) > 1 ? `${name} [${index}]` : name));
}
