import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./failure.mjs";
import { lastLine, run } from "./run.mjs";

/**
 * Installs exactly what package-lock.json names, without running install scripts, unless it is installed already.
 *
 * @param {string} root The checkout.
 * @returns {Promise<string>} What was done.
 */
export async function installPackages(root) {
  if (packagesInstalled(root)) return "up to date";
  const result = await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: root,
    env: { ONNXRUNTIME_NODE_INSTALL: "skip" },
  });
  if (!result.ok)
    throw new SetupError("npm ci failed", {
      found: lastLine(result),
      fix: "check the network and npm's registry setting, then make setup again",
    });
  return "installed";
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
