import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { InputError } from "#mtard/errors.js";

/* One side of a comparison: a process of its own that is asked for one thing at a time, a line of JSON each way. */

/**
 * @typedef {object} Side
 * @property {any} hello What it said when it was ready.
 * @property {number} pid
 * @property {(command: object) => Promise<any>} ask
 * @property {() => Promise<void>} close
 */

/**
 * Starts a process that answers each line of JSON with one, after a first one, and waits until it is ready.
 *
 * @param {object} options
 * @param {string} options.command
 * @param {readonly string[]} options.args
 * @param {Readonly<Record<string, string>>} [options.environment] Variables besides this process's.
 * @param {string} options.problem What cannot be done without it, for errors.
 * @param {string} options.expected
 * @returns {Promise<Side>}
 * @throws {InputError} if it cannot start or ends before it has answered, with the last thing it said.
 */
export async function openSide({ command, args, environment = {}, problem, expected }) {
  const env = { ...process.env, ...environment };
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  child.stdin.on("error", () => undefined); // the end of the child is noticed below
  const exited = new Promise((resolve) =>
    child.once("error", (error) => resolve((said += error.message))).once("close", resolve),
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer() {
    const line = await lines.next();
    if (!line.done) {
      const answered = JSON.parse(line.value);
      if (typeof answered.problem !== "string") return answered;
      throw new InputError(answered.problem, answered.detail);
    }
    await exited;
    const last = said.trim().split("\n").toReversed();
    throw new InputError(problem, {
      expected,
      found: last.find((line) => /^\w*Error\b/.test(line)) ?? last[0] ?? "it said nothing",
    });
  }

  const hello = await answer();
  return {
    hello,
    pid: child.pid ?? 0,
    ask(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return answer();
    },
    async close() {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    },
  };
}
