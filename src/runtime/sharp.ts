import { createRequire } from "node:module";
import type Sharp from "sharp";
import { loadLibrary } from "./native-library.js";

let loaded: typeof Sharp | undefined;

/**
 * sharp, whose native library (libvips) is loaded at the first call.
 *
 * @throws {WorkError} if that library cannot be loaded.
 */
export function loadSharp(): typeof Sharp {
  return (loaded ??= loadLibrary("sharp", "libvips", createRequire(import.meta.url)) as typeof Sharp);
}
