// Brings everything a checkout needs to run: npm packages, native libraries, the binding between them, and the build.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { buildBinding } from "./binding.mjs";
import { cacheFolder } from "./cache.mjs";
import { checkNative } from "./check.mjs";
import { chosenDevice, writeRecord } from "./device.mjs";
import { SetupError } from "./failure.mjs";
import { linkCommand, linkNative } from "./link.mjs";
import { withLock } from "./lock.mjs";
import { installPackages } from "./packages.mjs";
import { checkPrerequisites } from "./prerequisites.mjs";
import { lastLine, run } from "./run.mjs";
import { bringLibraries } from "./wheels.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Does one step and prints a line with what came of it and how long it took.
 *
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @param {(result: T) => string} describe
 * @returns {Promise<T>}
 */
async function step(title, work, describe) {
  const start = performance.now();
  const result = await work();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`${title.padEnd(14)} ${describe(result)} (${seconds} s)`);
  return result;
}

/** @param {string} line */
function say(line) {
  console.log(`  ${line}`);
}

async function requirePrerequisites() {
  const missing = (await checkPrerequisites()).filter(({ ok }) => !ok);
  if (missing.length > 0)
    throw new SetupError(`this machine lacks ${missing.map(({ name }) => name).join(", ")}`, {
      expected: missing.map(({ expected }) => expected).join("; "),
      found: missing.map(({ found }) => found).join("; "),
      fix: missing.map(({ fix }) => fix).join("\n            "),
    });
}

async function build() {
  const result = await run("npm", ["run", "--silent", "build"], { cwd: root });
  if (!result.ok)
    throw new SetupError("the program does not compile", {
      found: lastLine(result),
      fix: "npm run build shows all of it",
    });
}

/** @param {() => Promise<void>} work */
function alone(work) {
  const waiting = () => say("waiting for another set-up to end");
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  return withLock(`cache ${cache}`, waiting, () => withLock(`checkout ${root}`, waiting, work));
}

async function setUp() {
  const device = chosenDevice(root);
  console.log(`Setting up mtard for ${device}; native libraries are kept in ${cacheFolder()}`);
  await step("prerequisites", requirePrerequisites, () => "all there");
  await alone(async () => {
    if (existsSync(join(root, "package-lock.json")))
      await step(
        "npm packages",
        () => installPackages(root),
        (done) => done,
      );
    const made = (/** @type {boolean} */ isNew, /** @type {string} */ how) => (isNew ? how : "in the cache");
    const libraries = await step(
      "libraries",
      () => bringLibraries(cacheFolder(), device, say),
      (result) => made(result.made, "downloaded, hashes right"),
    );
    const binding = await step(
      "binding",
      () => buildBinding(root, libraries.folder, device),
      (result) => made(result.made, "compiled"),
    );
    linkNative(root, libraries.folder, binding.folder, device);
    await step("build", build, () => "done");
    linkCommand(root);
    writeRecord(root, { device, libraries: libraries.folder, binding: binding.folder });
    await step(
      "self check",
      () => checkNative(root, device),
      (text) => text,
    );
  });
  console.log("Ready: npx mtard --help");
}

try {
  await setUp();
} catch (error) {
  console.error(error instanceof SetupError ? error.report() : error);
  process.exitCode = 1;
}
