import { InputError } from "../errors.js";

/**
 * The id of a part that a caller may give as a value: an id stays as it is, a built-in value has its own, and any other is called by its
 * title (`"My method"` becomes `my-method`).
 *
 * @param kind What the part is, in errors.
 * @throws {InputError} if no built-in part has the id, or another value's title makes a built-in part's id.
 */
export function idOfPart<Part extends { readonly title: string }>(
  part: string | Part,
  builtIn: Readonly<Record<string, object>>,
  kind: string,
): { readonly id: string; readonly own: Part | null } {
  if (typeof part === "string") {
    if (Object.hasOwn(builtIn, part)) return { id: part, own: null };
    throw new InputError(`unknown ${kind} "${part}"`, {
      expected: `one of ${Object.keys(builtIn).join(", ")}, or a ${kind} of your own as a value`,
      found: part,
    });
  }
  const known = Object.entries(builtIn).find(([, value]) => value === part);
  if (known) return { id: known[0], own: null };
  const id = part.title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (id !== "" && !Object.hasOwn(builtIn, id)) return { id, own: part };
  throw new InputError(`a ${kind} of your own cannot be called "${part.title}"`, {
    expected: id === "" ? "a title with letters or digits" : `a title other than that of mtard's own "${id}"`,
    found: part.title,
  });
}
