import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./failure.mjs";

/** @typedef {import("./wheels.mjs").Device} Device */

/**
 * What this checkout is set up for, read by `mtard doctor`. It lies outside node_modules, so that set-up after deleting
 * that, and `make test` after `DEVICE=cuda make setup`, keep the device.
 *
 * @typedef {{ device: Device, libraries: string, binding: string }} SetupRecord
 */

/** @param {string} root */
const recordPath = (root) => join(root, ".cache/setup.json");

/**
 * The device to set up for: `DEVICE`, else the one of the last set-up, else the CPU.
 *
 * @param {string} root The checkout.
 * @returns {Device}
 */
export function chosenDevice(root) {
  const asked = process.env["DEVICE"] || (existsSync(recordPath(root)) ? readRecord(root).device : "cpu");
  if (asked === "cpu" || asked === "cuda") return asked;
  throw new SetupError(`unknown DEVICE "${asked}"`, {
    expected: "cpu or cuda",
    fix: "make setup, or DEVICE=cuda make setup",
  });
}

/**
 * @param {string} root
 * @returns {SetupRecord}
 */
function readRecord(root) {
  try {
    return JSON.parse(readFileSync(recordPath(root), "utf8"));
  } catch {
    throw new SetupError(`${recordPath(root)} cannot be read`, { fix: "delete it, then make setup again" });
  }
}

/**
 * @param {string} root
 * @param {SetupRecord} record
 */
export function writeRecord(root, record) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const temporary = `${recordPath(root)}.${process.pid}.partial`;
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(temporary, recordPath(root));
}
