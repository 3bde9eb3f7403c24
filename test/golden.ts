import { readFileSync } from "node:fs";
import { float32Values, readSafetensors } from "#mtard/weights/safetensors.js";
import { shared } from "./shared.js";

/** A golden JSON file; its shape is the caller's to know. */
export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(shared(`golden/${name}`), "utf8")) as T;
}

export interface GoldenTensor {
  shape: readonly number[];
  data: Float32Array;
}

/** The float tensors of a golden safetensors file, by name. */
export async function goldenTensors(name: string): Promise<(tensor: string) => GoldenTensor> {
  const { tensors } = await readSafetensors(shared(`golden/${name}`));
  return (tensor) => {
    const found = tensors.get(tensor);
    if (!found) throw new Error(`${name} has no tensor "${tensor}"`);
    return { shape: found.shape, data: float32Values(found) };
  };
}

/** The names of a golden file's tensors. */
export async function goldenNames(name: string): Promise<string[]> {
  return [...(await readSafetensors(shared(`golden/${name}`))).tensors.keys()];
}

/** The largest absolute difference of two arrays of one length. */
export function largestDifference(left: Float32Array, right: Float32Array): number {
  if (left.length !== right.length) throw new Error(`${left.length} values against ${right.length}`);
  return left.reduce((most, value, index) => Math.max(most, Math.abs(value - (right[index] ?? NaN))), 0);
}

/** ||left - right|| / ||right||. */
export function relativeNorm(left: Float32Array, right: Float32Array): number {
  if (left.length !== right.length) throw new Error(`${left.length} values against ${right.length}`);
  let difference = 0;
  let norm = 0;
  for (const [index, value] of right.entries()) {
    difference += ((left[index] ?? NaN) - value) ** 2;
    norm += value ** 2;
  }
  return Math.sqrt(difference / norm);
}
