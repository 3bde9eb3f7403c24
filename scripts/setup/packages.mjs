import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { completeFolder } from "./cache.mjs";
import { SetupError } from "./failure.mjs";
import { pinsKey } from "./record.mjs";
import { lastLine, run } from "./run.mjs";

const engines = fileURLToPath(new URL("engines/", import.meta.url));

/**
 * Installs exactly what the checkout's package-lock.json names, without running install scripts, unless it is installed
 * already.
 *
 * @param {string} root The checkout.
 * @returns {Promise<string>} What was done.
 */
export async function installPackages(root) {
  if (packagesInstalled(root)) return "up to date";
  await installLocked(root);
  return "installed";
}

/**
 * The folder with the npm packages of both engines and the headers to compile against, from the npm registry, as the lock
 * file beside this names them. tfjs-node-gpu and onnxruntime-node have installers that ask other hosts for libraries: none
 * is run, which no flag of npm's can promise for a package that depends on them.
 *
 * @param {string} cache
 * @param {import("./wheels.mjs").Device} device Each has its own, as it is linked to that device's libraries.
 * @returns {Promise<{ folder: string, made: boolean }>}
 */
export async function bringPackages(cache, device) {
  const folder = join(cache, `packages-${device}-${pinsKey()}`);
  const made = await completeFolder(folder, async (partial) => {
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(engines, file), join(partial, file));
    await installLocked(partial);
  });
  return { folder, made };
}

/** @param {string} folder */
async function installLocked(folder) {
  const result = await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    env: { ...outsideNpm(), ONNXRUNTIME_NODE_INSTALL: "skip" },
  });
  if (!result.ok)
    throw new SetupError("npm cannot install the packages", {
      expected: `those of ${join(folder, "package-lock.json")}`,
      found: lastLine(result),
      fix: "check the network and npm's registry setting, then the same command again",
    });
}

/** Takes back what npm and npx tell their children of the folder they work in; the registry and the cache stay. */
export function outsideNpm() {
  const ofFolder =
    /^npm_(package|lifecycle|command|execpath|node_execpath)|^npm_config_(local_prefix|prefix|global|workspace|omit|include|save|package)/i;
  return Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => ofFolder.test(name))
      .map((name) => [name, undefined]),
  );
}

/**
 * Whether node_modules holds what the lock file names: npm leaves a lock file of what it installed when it is done.
 *
 * @param {string} root
 */
export function packagesInstalled(root) {
  const installedLock = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installedLock)) return false;
  /** @type {Record<string, { version?: string, integrity?: string, optional?: boolean }>} */
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  /** @type {typeof wanted} */
  const installed = JSON.parse(readFileSync(installedLock, "utf8")).packages;
  const same = (/** @type {string} */ path) =>
    installed[path]?.version === wanted[path]?.version &&
    installed[path]?.integrity === wanted[path]?.integrity;
  return (
    Object.keys(installed).every(same) &&
    Object.entries(wanted).every(
      ([path, entry]) =>
        path === "" || (path in installed ? existsSync(join(root, path)) : entry.optional === true),
    )
  );
}
