import { createRequire } from "node:module";
import { WorkError } from "../errors.js";

const require = createRequire(import.meta.url);

/**
 * Loads a package with a native library, which an import at the top of a file would load with the file.
 *
 * @param title What the library is called in the error.
 * @throws {WorkError} if it cannot be loaded.
 */
export function loadLibrary(name: string, title: string): unknown {
  try {
    return require(name);
  } catch (cause) {
    throw new WorkError(`${title} cannot be loaded`, {
      found: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      fix: "make setup, then mtard doctor",
      cause,
    });
  }
}
