import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome, Request } from "./damage-reader.js";
import { type DamagedFile, damagedFiles, hostileFiles } from "./damaged-files.js";

const SEED = 2026;
/** Copies of each kind of file: above two hundred together. */
const COPIES = 8;
const MAXIMUM_MILLISECONDS = 5000;
/** What does not work and does not answer either hangs, however busy the machine. */
const HANGS_MILLISECONDS = 60_000;
const MAXIMUM_MEGABYTES = 1024;

/** Nothing but the file at hand and the teachers may ever appear here. */
const folder = mkdtempSync(join(tmpdir(), "mtard-damage-"));
let reader: ChildProcess;

beforeAll(() => {
  mkdirSync(join(folder, "teachers"));
  reader = fork(resolve(import.meta.dirname, "damage-reader.ts"), {
    cwd: folder,
    execArgv: ["--import", import.meta.resolve("tsx")],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
});
afterAll(() => {
  reader.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** The most memory that each process which the reader has started, and which still runs, has had, in megabytes. */
function childrenMegabytes(): number[] {
  try {
    const pid = reader.pid ?? 0;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .split(" ")
      .filter((child) => child.trim() !== "")
      .map((child) => {
        const status = readFileSync(`/proc/${child}/status`, "utf8");
        return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
      });
  } catch {
    return []; // It has just ended.
  }
}

async function bringIn({ name, content, way }: DamagedFile): Promise<Outcome> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const ended = new AbortController();
  const { signal } = ended;
  let megabytes = 0;
  const watch = setInterval(() => (megabytes = Math.max(megabytes, ...childrenMegabytes())), 10);
  const slow = setTimeout(() => reader.kill("SIGKILL"), HANGS_MILLISECONDS);
  try {
    reader.send({ path, way } satisfies Request);
    const [outcome] = (await Promise.race([
      once(reader, "message", { signal }),
      once(reader, "exit", { signal }).then(([code, killed]) => {
        throw new Error(`${name} ended the reader: ${String(code ?? killed)}`);
      }),
    ])) as [Outcome];
    return { ...outcome, megabytes: Math.max(megabytes, outcome.megabytes) };
  } finally {
    ended.abort();
    clearInterval(watch);
    clearTimeout(slow);
    rmSync(path);
  }
}

/** What is wrong with how a file was brought in, if anything. */
function complaint({ name, mayBeWhole }: DamagedFile, outcome: Outcome): string | undefined {
  const { kind, said, milliseconds, megabytes } = outcome;
  if (kind === "wrong") return `${name} threw ${said}`;
  if (kind === "taken" && !mayBeWhole) return `${name} was taken`;
  const lines = said.split("\n");
  if (
    kind === "refused" &&
    (lines.length > 4 || lines.some((line) => line.length > 1000 || /\p{Cc}/u.test(line)))
  )
    return `${name} was refused with ${said}`;
  if (milliseconds > MAXIMUM_MILLISECONDS) return `${name} took ${milliseconds.toFixed(0)} ms`;
  if (megabytes > MAXIMUM_MEGABYTES) return `${name} took ${megabytes.toFixed(0)} MB`;
  return undefined;
}

async function complaints(files: readonly DamagedFile[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const problem = complaint(file, await bringIn(file));
    if (problem !== undefined) found.push(problem);
    const appeared = readdirSync(folder).filter((name) => name !== "teachers");
    if (appeared.length > 0) found.push(`${file.name} made ${appeared.join(", ")}`);
  }
  return found;
}

describe("files that were damaged or made to do harm", () => {
  it("are refused in one paragraph, running nothing, within 5 s of processor time and 1 GB: the hostile ones", async () => {
    expect(await complaints(hostileFiles())).toEqual([]);
  });

  it("are refused so or read whole: the damaged ones", async () => {
    const files = await damagedFiles(SEED, COPIES);
    expect(files.length).toBeGreaterThanOrEqual(200);
    expect(await complaints(files)).toEqual([]);
  });
});
