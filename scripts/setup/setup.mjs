// Brings everything mtard needs to run: native libraries, the engines' npm packages and the binding between them, into the
// cache; in a checkout also its npm packages and the build. `make setup` runs this file, `mtard setup` calls it.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { buildBinding } from "./binding.mjs";
import { cacheFolder } from "./cache.mjs";
import { checkNative } from "./check.mjs";
import { SetupError } from "./failure.mjs";
import { linkCommand, linkNative } from "./link.mjs";
import { withLock } from "./lock.mjs";
import { bringPackages, installPackages } from "./packages.mjs";
import { checkPrerequisites } from "./prerequisites.mjs";
import { chosenDevice, readRecord, writeRecord } from "./record.mjs";
import { lastLine, run } from "./run.mjs";
import { bringLibraries } from "./wheels.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** An installed package has neither lock file nor sources. */
const isCheckout = existsSync(join(root, "package-lock.json"));

/** @typedef {(line: string) => void} Say */

/**
 * Sets mtard up on this machine. What is there already is kept: a second call takes seconds.
 *
 * @param {string | undefined} asked The device, `cpu` or `cuda`; see `chosenDevice`.
 * @param {Say} say
 * @returns {Promise<import("./record.mjs").SetupRecord & { check: string }>} `check` says what runs where.
 * @throws {SetupError} saying what is missing or failed, and what to do.
 */
export async function setUp(asked, say) {
  const device = chosenDevice(asked);
  const cache = cacheFolder();
  say(`Setting up mtard for ${device}; the engines are kept in ${cache}`);
  await step(say, "prerequisites", requirePrerequisites, () => "all there");
  return alone(say, cache, async () => {
    if (isCheckout) {
      const install = () => installPackages(root);
      await step(say, "npm packages", install, (done) => done);
    }
    const libraries = await step(
      say,
      "libraries",
      () => bringLibraries(cache, device, (line) => say(`  ${line}`)),
      ({ made }) => (made ? "downloaded, hashes right" : "in the cache"),
    );
    const packages = await step(
      say,
      "engines",
      () => bringPackages(cache, device),
      ({ made }) => (made ? "installed" : "in the cache"),
    );
    const binding = await step(
      say,
      "binding",
      () => buildBinding(packages.folder, libraries.folder, device),
      ({ made }) => (made ? "compiled" : "in the cache"),
    );
    const record = {
      device,
      packages: packages.folder,
      libraries: libraries.folder,
      binding: binding.folder,
    };
    linkNative(record);
    if (isCheckout) {
      await step(say, "build", build, () => "done");
      linkCommand(root);
    }
    const before = readRecord();
    writeRecord(record);
    try {
      const check = () => checkNative(root, device);
      return { ...record, check: await step(say, "self check", check, (text) => text) };
    } catch (error) {
      if (before !== null) writeRecord(before); // what worked goes on working
      throw error;
    }
  });
}

/**
 * Does one step and prints a line with what came of it and how long it took.
 *
 * @template T
 * @param {Say} say
 * @param {string} title
 * @param {() => Promise<T>} work
 * @param {(result: T) => string} describe
 * @returns {Promise<T>}
 */
async function step(say, title, work, describe) {
  const start = performance.now();
  const result = await work();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`  ${title.padEnd(14)} ${describe(result)} (${seconds} s)`);
  return result;
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

/**
 * Works while no other set-up works in the same cache or checkout.
 *
 * @template T
 * @param {Say} say
 * @param {string} cache
 * @param {() => Promise<T>} work
 */
function alone(say, cache, work) {
  const waiting = () => say("  waiting for another set-up to end");
  try {
    mkdirSync(cache, { recursive: true });
  } catch (error) {
    throw new SetupError(`the cache ${cache} cannot be made`, {
      expected: "a folder that this user may write into",
      found: error instanceof Error ? error.message : String(error),
      fix: "set MTARD_CACHE to a folder on another disk",
    });
  }
  const alsoHere = () => (isCheckout ? withLock(join(root, ".setup.lock"), waiting, work) : work());
  return withLock(join(cache, ".setup.lock"), waiting, alsoHere);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setUp(undefined, console.log);
    console.log("Ready: npx mtard --help");
  } catch (error) {
    console.error(error instanceof SetupError ? error.report() : error);
    process.exitCode = 1;
  }
}
