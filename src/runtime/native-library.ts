import { createRequire } from "node:module";
import { join } from "node:path";
import { readRecord, type SetupRecord } from "../../scripts/setup/record.mjs";
import { WorkError } from "../errors.js";

/**
 * What set-up made, or null if this user's cache has nothing for this version's pins. The engines are in the cache and not
 * beside this package, because their own installers must not run.
 */
export const setupRecord: () => SetupRecord | null = readRecord;

let fromEngines: NodeJS.Require | undefined;

/**
 * `require` as the engines' packages see it.
 *
 * @throws {WorkError} if they were not set up.
 */
export function requireEngines(): NodeJS.Require {
  if (fromEngines) return fromEngines;
  const record = setupRecord();
  if (record) return (fromEngines = createRequire(join(record.packages, "package.json")));
  throw new WorkError("the engines are not set up", {
    expected: "libtensorflow and ONNX Runtime in this user's cache",
    found: "nothing there for this version of mtard",
    fix: "mtard setup",
  });
}

/**
 * Loads a package with a native library, which an import at the top of a file would load with the file.
 *
 * @param title What the library is called in the error.
 * @param require Where it is looked for, among the engines' packages by default.
 * @throws {WorkError} if it cannot be loaded, or was not set up.
 */
export function loadLibrary(name: string, title: string, require = requireEngines()): unknown {
  try {
    return require(name);
  } catch (cause) {
    throw new WorkError(`${title} cannot be loaded`, {
      found: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      fix: "mtard setup, then mtard doctor",
      cause,
    });
  }
}
