import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder, contentKey } from "./cache.mjs";
import { SetupError } from "./failure.mjs";

/** @typedef {import("./wheels.mjs").Device} Device */

/**
 * What set-up made, and for which device. It lies in the cache, so that every project of this user with the same pins finds
 * it, `node_modules` may be deleted, and nothing is written into an installed package.
 *
 * @typedef {object} SetupRecord
 * @property {Device} device
 * @property {string} packages The folder with the engines' npm packages.
 * @property {string} libraries
 * @property {string} binding
 */

/** All that decides what set-up makes; equal pins can share it. */
const PINS = [
  "engines/package-lock.json",
  "wheels.json",
  "binding.mjs",
  "file_locks.cc",
  "cuda_libraries.cc",
  "tensorflow_functions.cc",
  "batch_parts.h",
  "arguments.h",
];

/** A short name for everything that is pinned. */
export function pinsKey() {
  return contentKey(...PINS.map((file) => readFileSync(fileURLToPath(new URL(file, import.meta.url)))));
}

function recordPath() {
  return join(cacheFolder(), `setup-${pinsKey()}.json`);
}

/**
 * What the last set-up with these pins made, or null if there was none, or its folders are gone.
 *
 * @returns {SetupRecord | null}
 */
export function readRecord() {
  try {
    /** @type {SetupRecord} */
    const record = JSON.parse(readFileSync(recordPath(), "utf8"));
    return existsSync(record.packages) && existsSync(record.binding) ? record : null;
  } catch {
    return null;
  }
}

/**
 * The device to set up for: the one asked for, else `DEVICE`, else the one of the last set-up, else the CPU.
 *
 * @param {string} [asked]
 * @returns {Device}
 */
export function chosenDevice(asked) {
  const device = asked || process.env["DEVICE"] || (readRecord()?.device ?? "cpu");
  if (device === "cpu" || device === "cuda") return device;
  throw new SetupError(`there is no device "${device}" to set up for`, {
    expected: "cpu or cuda",
    fix: "--device cpu or --device cuda (make setup: DEVICE=cpu or DEVICE=cuda)",
  });
}

/** @param {SetupRecord} record */
export function writeRecord(record) {
  mkdirSync(cacheFolder(), { recursive: true });
  const path = recordPath();
  const temporary = `${path}.${process.pid}.partial`;
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(temporary, path);
}
