// Uses the packed package as a newcomer does: an empty folder, npm install, mtard setup, mtard demo, and a TypeScript program.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { outsideNpm } from "../setup/packages.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * What came of it.
 *
 * @typedef {object} Tried
 * @property {Record<string, number>} seconds Of each step.
 * @property {Record<string, number>} megabytes
 * @property {string} node
 * @property {string} files What the package holds, a line a file.
 * @property {string} setup What set-up said.
 * @property {string} demo The demo's table.
 * @property {Record<string, unknown>} program What the program found.
 */

/**
 * @param {object} where
 * @param {string} where.folder An empty folder.
 * @param {string} [where.node] The folder of the Node.js to use; this process's by default.
 * @param {string} [where.cache] The cache for set-up; the user's by default, where most is there already.
 * @returns {Promise<Tried>}
 */
export async function tryPackage({ folder, node = dirname(process.execPath), cache }) {
  const project = join(folder, "project");
  mkdirSync(project, { recursive: true });
  const env = {
    ...process.env,
    ...outsideNpm(),
    PATH: `${node}:${process.env["PATH"]}`,
    MTARD_DEVICE: "cpu",
    npm_config_ignore_scripts: "false", // as users have it
    npm_config_audit: "false",
    npm_config_fund: "false",
    ...(cache === undefined ? {} : { MTARD_CACHE: cache, npm_config_cache: join(cache, "npm") }),
  };
  /** @type {Record<string, number>} */
  const seconds = {};
  /** @param {string} title @param {string} program @param {string[]} args @param {string} [cwd] */
  const run = (title, program, args, cwd = project) => {
    const began = performance.now();
    try {
      return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      const { stdout = "", stderr = "" } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
      throw new Error(`${title} failed: ${program} ${args.join(" ")}\n${stdout}\n${stderr}`, {
        cause: error,
      });
    } finally {
      seconds[title] = Math.round((performance.now() - began) / 100) / 10;
    }
  };
  const mtard = join(project, "node_modules/.bin/mtard");

  run("pack", "npm", ["pack", "--silent", "--pack-destination", folder], root);
  const packed = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("install", "npm", ["install", packed]);
  const installed = join(project, "node_modules");
  const tools = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies;
  const megabytes = {
    package: megabytesOf(packed),
    "package unpacked": megabytesOf(join(installed, "mtard")),
    "all of node_modules": megabytesOf(installed),
  };
  const setup = run("setup", mtard, ["setup", "--json"]);
  run("setup again", mtard, ["setup"]);
  const demo = run("demo, cut down", mtard, [
    "demo",
    "--epochs",
    "1",
    "--limit-train",
    "160",
    "--limit-test",
    "60",
  ]);
  run("install typescript", "npm", [
    "install",
    `typescript@${tools.typescript}`,
    `@types/node@${tools["@types/node"]}`,
  ]);
  copyFileSync(join(root, "scripts/package/program.ts"), join(project, "program.ts"));
  const strict = ["--strict", "--skipLibCheck", "false", "--target", "es2023", "--types", "node"];
  const exact = ["--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noEmitOnError"];
  const lib = ["--lib", "es2023,esnext.disposable"];
  const tsc = join(installed, ".bin/tsc");
  const bundler = ["--module", "esnext", "--moduleResolution", "bundler", "--noEmit"];
  run("types, bundler", tsc, [...strict, ...exact, ...lib, ...bundler, "program.ts"]);
  const nodenext = ["--module", "nodenext", "--outDir", "out"];
  run("types, nodenext", tsc, [...strict, ...exact, ...lib, ...nodenext, "program.ts"]);
  const program = JSON.parse(run("program", join(node, "node"), ["out/program.js"]));
  return {
    seconds,
    megabytes: { ...megabytes, ...(cache === undefined ? {} : cacheSizes(cache)) },
    node: run("version", join(node, "node"), ["--version"]).trim(),
    files: execFileSync("tar", ["-tzf", packed], { encoding: "utf8" }),
    setup,
    demo,
    program,
  };
}

/** @param {string} cache */
function cacheSizes(cache) {
  const folders = readdirSync(cache).filter((name) => /^(packages|libraries)-/.test(name));
  return Object.fromEntries(
    folders.map((name) => [`cache: ${name.split("-")[0]}`, megabytesOf(join(cache, name))]),
  );
}

/** @param {string} path */
function megabytesOf(path) {
  if (!existsSync(path)) return 0;
  const bytes = Number(execFileSync("du", ["-sb", path], { encoding: "utf8" }).split("\t")[0]);
  return Math.round(bytes / 1e5) / 10;
}
