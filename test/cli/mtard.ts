import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "vitest";

/** The program's entry. */
export const main = resolve(import.meta.dirname, "../../dist/cli/main.js");

/** How a command ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line as a process of its own in `cwd`, on the CPU, with the stores in their default places there. */
export function mtard(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const env = { ...process.env, MTARD_DATA: "", MTARD_TEACHERS: "", MTARD_DEVICE: "cpu", ...environment };
  return new Promise((settle) => {
    const child = execFile(
      process.execPath,
      [main, ...args],
      { cwd, env, timeout: 100_000 },
      (_, stdout, stderr) => {
        settle({ code: child.exitCode, stdout, stderr });
      },
    );
  });
}

/** The one JSON object a command prints with `--json`; it must have ended well. */
export async function mtardJson(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await mtard([...args, "--json"], cwd, environment);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** A folder that the test removes. */
export function workFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "mtard-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Everything in a folder: each file with the checksum of its bytes, links not followed. */
export function contentsOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(entries.map((entry) => [entry, fingerprint(join(folder, entry))]));
}

function fingerprint(path: string): string {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  return entry.isDirectory() ? "folder" : createHash("sha256").update(readFileSync(path)).digest("hex");
}
