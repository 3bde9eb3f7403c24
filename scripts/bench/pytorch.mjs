import { fileURLToPath } from "node:url";
import { openSide } from "./side.mjs";

/* The other side: a Python script in a process of its own. */

/**
 * @typedef {object} PyTorchStep
 * @property {number} seconds
 * @property {Readonly<Record<import("./ours.mjs").Part, number>>} parts Seconds.
 *
 * @typedef {object} Check
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
 * @param {import("./cases.mjs").Precision} options.precision
 * @throws {InputError} if it cannot start, with the last thing it said.
 */
export function openPyTorchStep({ python, folder, channelsLast, threads, device, precision }) {
  const flags = [folder, "--threads", String(threads), "--device", device, "--precision", precision];
  if (channelsLast) flags.push("--channels-last");
  return openPython({ python, script: "step.py", flags, what: "the step" });
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
  const side = await openSide({
    command: python,
    args: ["-B", fileURLToPath(new URL(script, import.meta.url)), ...flags],
    problem: `PyTorch cannot make ${what} to compare with`,
    expected: `${python} with torch`,
  });
  return { ...side, version: /** @type {{ torch: string }} */ (side.hello).torch };
}
