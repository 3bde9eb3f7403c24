import { InputError } from "../errors.js";
import { quoted } from "../weights/source-file.js";
import type { LeftOutFile } from "./own-files.js";

/** What became of the files of a user's own data set that were not simply taken as they are. */
export interface OwnReport {
  /** How many images were changed, by how. */
  readonly converted: Readonly<Record<string, number>>;
  /** Images that could not be read, in order. */
  readonly leftOut: readonly LeftOutFile[];
  /** What else a person should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Keeps account of images while they are read. */
export class OwnAccount implements OwnReport {
  readonly #converted = new Map<string, number>();
  readonly leftOut: LeftOutFile[] = [];
  readonly notes: string[] = [];

  get converted(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#converted);
  }

  countConverted(how: string, images = 1): void {
    this.#converted.set(how, (this.#converted.get(how) ?? 0) + images);
  }

  /** @throws {InputError} naming the images that could not be read, if there are any and they may not be left out. */
  requireWhole(total: number, from: string, skipBroken: boolean): void {
    const count = this.leftOut.length;
    if (count === 0 || skipBroken) return;
    const named = this.leftOut
      .slice(0, NAMED)
      .map(({ name, reason }) => `${quoted(name)}: ${reason}`)
      .join("; ");
    throw new InputError(`${count} of ${total} files of ${from} cannot be read as images`, {
      expected: "whole images",
      found: `${named}${count > NAMED ? `; and ${count - NAMED} more` : ""}`,
      fix: "repair or remove them, or --skip-broken, which leaves them out and counts them",
    });
  }
}

/** How many broken images an error names. */
const NAMED = 5;

/** @throws {InputError} if a class of `classNames` has no image in a split. */
export function requireEveryClass(
  labels: ArrayLike<number>,
  classNames: readonly string[],
  split: "train" | "test",
  from: string,
): void {
  const present = new Set(Array.from(labels));
  const empty = classNames.filter((_, label) => !present.has(label));
  if (empty.length === 0) return;
  throw new InputError(`${empty.length} classes of ${from} have no ${split} image`, {
    expected: `images of all ${classNames.length} classes`,
    found: `none of ${empty.slice(0, 5).join(", ")}${empty.length > 5 ? ", ..." : ""}`,
    fix: "add images, or take the class out",
  });
}
