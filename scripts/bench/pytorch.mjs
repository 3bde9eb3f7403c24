import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { InputError } from "#mtard/errors.js";

/* The other side: a Python script in a process of its own, asked for one thing at a time. */

/**
 * @typedef {object} PyTorchStep
 * @property {number} seconds
 * @property {number} cpuSeconds Processor time, all threads together.
 * @property {Readonly<Record<import("./ours.mjs").Part, number>>} parts Seconds.
 * @property {Readonly<Record<string, number>>} report
 * @property {number} idleCpuSeconds Processor time it used between the answer before and this request.
 * @property {number} peakBytes
 *
 * @typedef {object} PyTorchCheck
 * @property {number} lossNat
 * @property {number} lossAdv
 * @property {number} equalPixels The share of pixels its own attack made equal to ours.
 */

/**
 * Starts PyTorch on the inputs in a folder and waits until it is ready.
 *
 * @param {object} options
 * @param {string} options.python An interpreter that can import torch.
 * @param {string} options.folder
 * @param {boolean} options.channelsLast
 * @param {number} options.threads
 * @param {import("#mtard/runtime/device.js").Device} options.device
 * @throws {InputError} if it cannot start, with the last thing it said.
 */
export async function openPyTorchStep({ python, folder, channelsLast, threads, device }) {
  const flags = [
    "--threads",
    String(threads),
    "--device",
    device,
    ...(channelsLast ? ["--channels-last"] : []),
  ];
  const side = await openPython({ python, script: "step.py", flags: [folder, ...flags], what: "the step" });
  return {
    version: side.version,
    /** @returns {Promise<PyTorchCheck>} */
    check: () => side.ask({ check: true }),
    /**
     * @param {number} index
     * @returns {Promise<PyTorchStep>}
     */
    step: (index) => side.ask({ step: index }),
    close: () => side.close(),
  };
}

/**
 * Starts a Python script of this folder that answers each line of JSON with one, after a first one that names its torch.
 *
 * @param {object} options
 * @param {string} options.python An interpreter that can import torch.
 * @param {string} options.script
 * @param {readonly string[]} options.flags
 * @param {string} options.what What it does, for errors.
 * @throws {InputError} if it cannot start, with the last thing it said.
 */
export async function openPython({ python, script, flags, what }) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(python, ["-B", path, ...flags], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  child.stdin.on("error", () => undefined); // the end of the child is noticed below
  const exited = new Promise((resolve) =>
    child.once("error", (error) => resolve((said += error.message))).once("close", resolve),
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  /** @returns {Promise<any>} */
  async function answer() {
    const line = await lines.next();
    if (!line.done) return JSON.parse(line.value);
    await exited;
    throw new InputError(`PyTorch cannot make ${what} to compare with`, {
      expected: `${python} with torch`,
      found: said.trim().split("\n").at(-1) ?? "it said nothing",
    });
  }

  /** @param {object} command */
  function ask(command) {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    return answer();
  }

  const { torch } = /** @type {{ torch: string }} */ (await answer());
  return {
    version: torch,
    ask,
    async close() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "close");
    },
  };
}
