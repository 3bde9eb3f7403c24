import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SetupError } from "./failure.mjs";
import { python } from "./prerequisites.mjs";

/**
 * Does the work while no other process does work under the same lock, in other containers and on other hosts too.
 *
 * The lock is the kernel's. Node has none and the module with it is not compiled yet, so Python, which set-up needs anyway, holds it
 * until this process lets go of it or ends, however it ends.
 *
 * @template T
 * @param {string} path The lock's file, which is there only meanwhile.
 * @param {() => void} waiting Called once if another process holds the lock.
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 * @throws {SetupError} if the file cannot be made or locked.
 */
export async function withLock(path, waiting, work) {
  const script = fileURLToPath(new URL("hold_lock.py", import.meta.url));
  const holder = spawn(python, [script, path], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise((resolve) => holder.once("close", resolve));
  // It may end before it is told to.
  holder.stdin.on("error", () => undefined);
  let problem = "";
  holder.stderr.on("data", (text) => (problem += text));
  holder.once("error", (error) => (problem += error.message));
  try {
    if (!(await isHeld(holder.stdout, waiting)))
      throw new SetupError(`${path} cannot be locked`, {
        expected: "a folder that this user may write into, on a file system with locks",
        found: problem.trim().split("\n").at(-1) ?? "",
        fix: "set MTARD_CACHE to a folder on another disk",
      });
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/**
 * @param {import("node:stream").Readable} said
 * @param {() => void} waiting
 */
async function isHeld(said, waiting) {
  const lines = createInterface({ input: said });
  let held = false;
  lines.on("line", (line) => {
    if (line === "waiting") waiting();
    held ||= line === "held";
    if (held) lines.close();
  });
  await once(lines, "close");
  return held;
}
