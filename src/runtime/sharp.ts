import { createRequire } from "node:module";
import type Sharp from "sharp";
import { WorkError } from "../errors.js";

let loaded: typeof Sharp | undefined;

/**
 * sharp, whose native library (libvips) is loaded at the first call.
 *
 * @throws {WorkError} if that library cannot be loaded.
 */
export function loadSharp(): typeof Sharp {
  try {
    return (loaded ??= createRequire(import.meta.url)("sharp") as typeof Sharp);
  } catch (cause) {
    throw new WorkError("libvips cannot be loaded", {
      found: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      fix: "make setup, then mtard doctor",
      cause,
    });
  }
}
