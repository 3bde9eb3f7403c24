import { readFileSync } from "node:fs";
import { readSafetensors } from "#mtard/weights/safetensors.js";

/** The metrics of a run as they are in every run of the same settings: without the seconds they were made after. */
export function metricsWithoutClock(path: string): string {
  return readFileSync(path, "utf8").replace(/,"seconds":[\d.]+\}$/gm, "}");
}

/** A checkpoint as it is in every run of the same settings: without its seconds, and the length of the metrics that hold such. */
export async function checkpointWithoutClock(path: string): Promise<unknown> {
  const { metadata, tensors } = await readSafetensors(path);
  const progress = JSON.parse(metadata["mtard"] ?? "") as Record<string, unknown>;
  return { tensors, progress: { ...progress, seconds: null, metricsBytes: null } };
}
