import { InputError } from "../errors.js";

/** How many names an error shows. */
const SHOWN = 12;

/**
 * Chooses the one file that is meant, by its name or its path, in which `*` stands for anything; the only one where none is named.
 *
 * @param place What holds the files, for the error.
 * @throws {InputError} if none or several fit; the error names what is there.
 */
export function chooseFile<T extends { readonly name: string }>(
  files: readonly T[],
  wanted: string | null,
  place: string,
): T {
  const named = files.filter(({ name }) => name === wanted);
  const fitting = named.length > 0 ? named : files.filter(({ name }) => fits(name, wanted ?? "*"));
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  const several =
    wanted === null ? `${place} holds several files` : `${wanted} fits several files in ${place}`;
  throw new InputError(fitting.length > 1 ? several : `there is no ${wanted ?? "file"} in ${place}`, {
    expected: wanted === null ? "the name of one of them" : `one file ${wanted}`,
    found: list((fitting.length > 1 ? fitting : files).map(({ name }) => name)),
    fix: "name the file with --file NAME",
  });
}

/** Whether a path, or its last name, is what a pattern says. */
function fits(path: string, pattern: string): boolean {
  return matches(path, pattern) || matches(path.slice(path.lastIndexOf("/") + 1), pattern);
}

/** Whether the parts of a pattern between its `*` follow each other in a text: no backtracking, whatever the pattern. */
function matches(text: string, pattern: string): boolean {
  const [first = "", ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function list(names: readonly string[]): string {
  if (names.length === 0) return "no files";
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : "";
  const shown = names.slice(0, SHOWN).map((name) => JSON.stringify(name.slice(0, 200)));
  return shown.join(", ") + more;
}
