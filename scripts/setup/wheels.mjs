import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { completeFolder, contentKey } from "./cache.mjs";
import { SetupError } from "./failure.mjs";
import { python } from "./prerequisites.mjs";
import { lastLine, run } from "./run.mjs";

/**
 * A pinned Python wheel and the files taken from it. To move a pin: change the version, `pip download` the wheel with
 * `PIP_TARGET` below, and write down its sha256 and sizes.
 *
 * @typedef {object} Wheel
 * @property {string} name
 * @property {string} version
 * @property {string} sha256
 * @property {{ download: number, unpacked: number }} megabytes
 * @property {string[]} unpack Patterns of the files to take, as Python's fnmatch reads them.
 */

/** @typedef {"cpu" | "cuda"} Device */

/** @type {Record<Device, Wheel[]>} */
export const wheels = JSON.parse(readFileSync(new URL("wheels.json", import.meta.url), "utf8"));

/** One Python version for everyone, whatever the local one: the libraries inside are the same, and so is the hash. */
const PIP_TARGET = [
  "--only-binary=:all:",
  "--python-version=3.11",
  "--implementation=cp",
  ...["cp311", "abi3", "none"].map((abi) => `--abi=${abi}`),
  ...[2010, 2014].map((year) => `--platform=manylinux${year}_x86_64`),
  ...[12, 17, 25, 27, 28].map((glibc) => `--platform=manylinux_2_${glibc}_x86_64`),
];

/**
 * The folder with the native libraries for a device, brought from the Python registry if it is not in the cache.
 *
 * @param {string} cache
 * @param {Device} device
 * @param {(line: string) => void} say Told about each download.
 * @returns {Promise<{ folder: string, made: boolean }>}
 */
export async function bringLibraries(cache, device, say) {
  const folder = join(cache, `libraries-${device}-${contentKey(JSON.stringify(wheels[device]))}`);
  const made = await completeFolder(folder, async (partial) => {
    checkDiskSpace(cache, device);
    for (const wheel of wheels[device]) await bringWheel(wheel, partial, say);
  });
  return { folder, made };
}

/**
 * Downloads one wheel, has its hash checked, and unpacks it; a wheel that an earlier run unpacked whole is left alone.
 *
 * @param {Wheel} wheel
 * @param {string} folder
 * @param {(line: string) => void} say
 */
export async function bringWheel(wheel, folder, say) {
  const done = join(folder, `.${wheel.name}.done`);
  if (existsSync(done)) return;
  say(`downloading ${wheel.name} ${wheel.version}, ${wheel.megabytes.download} MB`);
  const download = join(folder, ".download");
  rmSync(download, { recursive: true, force: true });
  mkdirSync(download);
  try {
    await unpack(wheel, await downloadWheel(wheel, download), folder);
  } finally {
    rmSync(download, { recursive: true, force: true });
  }
  writeFileSync(done, `${wheel.version} ${wheel.sha256}\n`);
}

/**
 * @param {Wheel} wheel
 * @param {string} folder
 * @returns {Promise<string>} The wheel's path; pip refuses to leave a file there whose hash is another.
 */
async function downloadWheel({ name, version, sha256 }, folder) {
  const requirements = join(folder, "requirements.txt");
  writeFileSync(requirements, `${name}==${version} --hash=sha256:${sha256}\n`);
  const show = process.stdout.isTTY;
  const result = await run(
    python,
    [
      "-m",
      "pip",
      "download",
      "--no-deps",
      "--no-cache-dir",
      "--require-hashes",
      "--disable-pip-version-check",
    ]
      .concat(show ? [] : ["--quiet"], PIP_TARGET)
      .concat("--dest", folder, "--requirement", requirements),
    { show, env: { TMPDIR: folder } }, // the system's own may be too small
  );
  const file = readdirSync(folder).find((entry) => entry.endsWith(".whl"));
  if (result.ok && file !== undefined) return join(folder, file);
  const mismatch = /do not match the hashes/i.test(result.stderr + result.stdout);
  throw new SetupError(`pip cannot bring ${name} ${version}`, {
    expected: `a wheel with sha256 ${sha256}`,
    found: mismatch
      ? `another file (${/Got\s+(\w+)/.exec(result.stderr)?.[1] ?? "other hash"})`
      : lastLine(result),
    fix: mismatch
      ? "a clean Python registry: a mirror or PIP_FIND_LINKS gives another file"
      : "check the network and pip's index, or set PIP_FIND_LINKS to a folder with the wheel; then the same command again",
  });
}

/**
 * @param {Wheel} wheel
 * @param {string} path
 * @param {string} folder
 */
async function unpack(wheel, path, folder) {
  const script = fileURLToPath(new URL("unpack_wheel.py", import.meta.url));
  const result = await run(python, [script, path, folder, ...wheel.unpack]);
  if (!result.ok)
    throw new SetupError(`cannot unpack ${wheel.name} ${wheel.version}`, {
      found: lastLine(result),
      fix: "see that the disk has room, then the same command again",
    });
}

/**
 * @param {string} cache
 * @param {Device} device
 */
function checkDiskSpace(cache, device) {
  const sum = (/** @type {number[]} */ sizes) => sizes.reduce((total, size) => total + size, 0);
  const needed =
    sum(wheels[device].map(({ megabytes }) => megabytes.unpacked)) +
    Math.max(...wheels[device].map(({ megabytes }) => megabytes.download)) * 2;
  const { bavail, bsize } = statfsSync(cache);
  const free = Math.floor((bavail * bsize) / 1e6);
  if (free < needed)
    throw new SetupError(`too little disk space in ${cache}`, {
      expected: `${needed} MB`,
      found: `${free} MB free`,
      fix: "free some, or set MTARD_CACHE to a folder on another disk",
    });
}
