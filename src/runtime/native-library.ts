import { createRequire } from "node:module";
import { join } from "node:path";
import { WorkError } from "../errors.js";
import { requireSetup } from "../files/kernel.js";

let fromEngines: NodeJS.Require | undefined;

/**
 * `require` as the engines' packages see it. They are in the cache and not beside this package, because their own installers must not run.
 *
 * @throws {WorkError} if they were not set up.
 */
export function requireEngines(): NodeJS.Require {
  return (fromEngines ??= createRequire(join(requireSetup().packages, "package.json")));
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
