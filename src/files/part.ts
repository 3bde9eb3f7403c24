import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolders } from "./make-folders.js";

/** A file that is being downloaded, and beside it what tells the server's version of it from others. */
export interface Part {
  readonly path: string;
  /** How much of it is there, in bytes. */
  readonly size: () => number;
  /** What `begin` kept; null where the server stated nothing. */
  readonly validator: () => string | null;
  /** Begins it anew, empty, from a version with this `ETag` or `Last-Modified`. */
  readonly begin: (validator: string | null) => void;
  /** Keeps the file alone: it is whole. */
  readonly finish: () => void;
  readonly remove: () => void;
}

/** The longest validator that is kept; servers' tags have some tens of characters. */
const LONGEST = 500;

/** The unfinished download at `path`. */
export function partOf(path: string): Part {
  const beside = `${path}.etag`;
  const finish = (): void => rmSync(beside, { force: true });
  const remove = (): void => {
    rmSync(path, { force: true });
    finish();
  };
  return {
    path,
    size: () => statSync(path, { throwIfNoEntry: false })?.size ?? 0,
    validator() {
      if (!statSync(beside, { throwIfNoEntry: false })) return null;
      const text = readFileSync(beside, "latin1");
      return isUsable(text) ? text : null;
    },
    begin(validator) {
      remove();
      makeFolders(dirname(path));
      if (validator !== null && isUsable(validator)) writeFileSync(beside, validator, "latin1");
    },
    finish,
    remove,
  };
}

/** Whether a text can be sent as a header again. */
function isUsable(text: string): boolean {
  return text.length <= LONGEST && /^[\x21-\x7e][\x20-\x7e]*$/.test(text);
}
