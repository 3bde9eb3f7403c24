import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";

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
  const your = `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind} of your own`;
  if (typeof part === "string") {
    if (Object.hasOwn(builtIn, part)) return { id: part, own: null };
    throw new InputError(`unknown ${kind} "${part}"${didYouMean(part, Object.keys(builtIn))}`, {
      expected: `one of ${Object.keys(builtIn).join(", ")}, or ${your} as a value`,
      found: part,
    });
  }
  const known = Object.entries(builtIn).find(([, value]) => value === part);
  if (known) return { id: known[0], own: null };
  if (typeof (part as Partial<Part> | null)?.title !== "string")
    throw new InputError(`this is no ${kind}`, {
      expected: `one of ${Object.keys(builtIn).join(", ")}, or ${your} with a title`,
      found: typeof part === "object" ? "an object without a title" : String(part),
    });
  const id = part.title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (id !== "" && !Object.hasOwn(builtIn, id)) return { id, own: part };
  throw new InputError(`${your} cannot be called "${part.title}"`, {
    expected:
      id === ""
        ? "a title with Latin letters or digits, of which the id is made"
        : `a title other than that of mtard's own "${id}"`,
    found: part.title,
  });
}
