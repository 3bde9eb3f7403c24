import type { ParameterSpec } from "../graph/parameters.js";
import { type Dialect, ownName } from "./dialects.js";
import { sameShape, type Shaped } from "./fit.js";

/** Deeper than wrappers wrap. */
const MAXIMUM_PARTS = 8;
/** More prefixes than a file has networks. */
const MAXIMUM_PREFIXES = 32;

/** The leading parts, with their dots, that all names share and no parameter's name starts with. */
export function sharedPrefix(names: readonly string[], specs: readonly ParameterSpec[]): string {
  const [first = ""] = names;
  let prefix = "";
  for (;;) {
    const longer = first.slice(0, first.indexOf(".", prefix.length) + 1);
    const isWrapper =
      longer.length > prefix.length &&
      names.every((name) => name.startsWith(longer)) &&
      !specs.some(({ name }) => name.startsWith(longer.slice(prefix.length)));
    if (!isWrapper) return prefix;
    prefix = longer;
  }
}

/**
 * The prefixes under which a network's parameters may stand among tensors, such as `module.` or `student.model.`: those that some of its
 * parameters' names have in front of them, by name and shape; the empty one, and the one that all names share, are always there.
 */
export function possiblePrefixes(
  tensors: ReadonlyMap<string, Shaped>,
  specs: readonly ParameterSpec[],
  dialects: readonly Dialect[],
): string[] {
  const prefixes = new Set(["", sharedPrefix([...tensors.keys()], specs)]);
  const anchors = [0, Math.floor(specs.length / 2), specs.length - 2].flatMap((at) => specs[at] ?? []);
  for (const [name, { shape }] of tensors) {
    const alike = anchors.filter((spec) => sameShape(spec.shape, shape));
    if (alike.length === 0) continue;
    for (let at = name.indexOf("."), parts = 0; at >= 0 && parts < MAXIMUM_PARTS; parts++) {
      const rest = name.slice(at + 1);
      const fits = dialects.some((dialect) => {
        const own = ownName(dialect, rest);
        return alike.some((spec) => spec.name === own);
      });
      if (fits && prefixes.size < MAXIMUM_PREFIXES) prefixes.add(name.slice(0, at + 1));
      at = name.indexOf(".", at + 1);
    }
  }
  return [...prefixes];
}
