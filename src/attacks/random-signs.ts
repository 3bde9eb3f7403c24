import type { Random } from "../runtime/random.js";

/** Draws so many times -1 or 1, each as likely. */
export function randomSigns(count: number, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => (random.uniform() < 0.5 ? -1 : 1));
}
