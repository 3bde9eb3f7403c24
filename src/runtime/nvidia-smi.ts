import { execFileSync } from "node:child_process";

/**
 * Asks `nvidia-smi` for fields of the GPUs, such as `name` or `memory.used`, sizes in MiB.
 *
 * @returns For each GPU its fields; empty where there is no such program, or it fails.
 */
export function askNvidiaSmi(...fields: readonly string[]): string[][] {
  try {
    const text = execFileSync(
      "nvidia-smi",
      [`--query-gpu=${fields.join()}`, "--format=csv,noheader,nounits"],
      {
        encoding: "utf8",
        timeout: 10_000,
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return lines.map((line) => line.split(",").map((field) => field.trim()));
  } catch {
    return [];
  }
}
