import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** The checkout; its build is what is tried. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Options of a training that takes seconds: two steps and one evaluation an epoch. */
export const TINY =
  "--method natural --student resnet-8 --epochs 1 --limit-train 32 --limit-test 16 --batch-size 16".split(
    " ",
  );

/**
 * How a call ended.
 *
 * @typedef {object} Ended
 * @property {number | null} code
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Starts `mtard` as a process of its own, one thread a library.
 *
 * @param {readonly string[]} args
 * @param {string} cwd The folder with the stores.
 * @returns {{ child: import("node:child_process").ChildProcess, ended: Promise<Ended> }}
 */
export function start(args, cwd) {
  const env = { ...process.env, MTARD_DATA: "", MTARD_TEACHERS: "", MTARD_DEVICE: "cpu", MTARD_THREADS: "1" };
  return startProcess([join(root, "dist/cli/main.js"), ...args], cwd, env);
}

/**
 * @param {readonly string[]} args Node's.
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ child: import("node:child_process").ChildProcess, ended: Promise<Ended> }}
 */
export function startProcess(args, cwd, env) {
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr += text));
  const ended = new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

/**
 * Runs `mtard` to its end, which must be a good one.
 *
 * @param {readonly string[]} args
 * @param {string} cwd
 */
export async function run(args, cwd) {
  const { code, stdout, stderr } = await start(args, cwd).ended;
  if (code !== 0) throw new Error(`mtard ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

/** A folder for the work, which stays for a look at it if something was wrong. @param {string} name */
export function workFolder(name) {
  return mkdtempSync(join(tmpdir(), `mtard-${name}-`));
}

/**
 * Everything under a folder by its name that is only there while someone works: locks, partial files, what was moved away.
 *
 * @param {string} folder
 */
export function leftoversIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    /\.partial$|\.replaced$|\.mtard-(lock|new|old|gone-[0-9a-f]+)$|\.lock$|\.working$|\.download$|\.etag$|\.images$/.test(
      path,
    ),
  );
}

/** A call that brings in the demo's teacher of a role as "it". @param {string} place The teachers' store. @param {string} role */
export function importCall(place, role) {
  return `teacher import --name it --dataset demo --onnx ${role}.onnx --teachers-dir ${place}`.split(" ");
}

/** Puts the demo's data set, and its teachers as `clean.onnx` and `robust.onnx`, into the folder for the work. @param {string} work */
export async function prepareDemo(work) {
  await run(["data", "demo"], work);
  for (const role of ["clean", "robust"])
    copyFileSync(join(root, `teachers/demo-${role}/model.onnx`), join(work, `${role}.onnx`));
}

/**
 * Writes arrays of a data set with two classes and 20 test images.
 *
 * @param {string} path
 * @param {{ train: number, side: number, shift: number }} size Other shifts are other pixels.
 */
export async function writeArrays(path, { train, side, shift }) {
  const { encodeNpz } = await import(pathToFileURL(join(root, "dist/weights/npz.js")).href);
  const { writeFileAtomically } = await import(pathToFileURL(join(root, "dist/files/atomic.js")).href);
  const list = (/** @type {number[]} */ shape, /** @type {(index: number) => number} */ value) => ({
    shape,
    read: () =>
      Float32Array.from({ length: shape.reduce((product, each) => product * each, 1) }, (_, at) => value(at)),
  });
  writeFileAtomically(
    path,
    encodeNpz([
      ["x_train", list([train, side, side, 3], (at) => ((at + shift) % 256) / 255)],
      ["y_train", list([train], (at) => at % 2)],
      ["x_test", list([20, side, side, 3], (at) => ((at + shift) % 255) / 255)],
      ["y_test", list([20], (at) => at % 2)],
    ]),
  );
}

/** @param {string} path */
export function sha256(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The model that a teacher's manifest describes, if it is the one beside it. @param {string} folder @returns {string} */
export function teacherIn(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, "teacher.json"), "utf8"));
  require(sha256(join(folder, manifest.file)) ===
    manifest.sha256, `${folder}: another model than its manifest's`);
  return manifest.sha256;
}

/** @param {unknown} condition @param {string} wrong */
export function require(condition, wrong) {
  if (!condition) throw new Error(wrong);
}

/** A generator of numbers in [0, 1) from a seed. @param {number} seed */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The numbers and names that a script is called with.
 *
 * @param {Record<string, string>} defaults
 */
export function options(defaults) {
  const described = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      /** @type {const} */ ({ type: "string", default: value }),
    ]),
  );
  return /** @type {Record<string, string>} */ (parseArgs({ options: described }).values);
}
