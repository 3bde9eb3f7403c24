import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "./run.mjs";

/**
 * Something set-up needs of the machine.
 *
 * @typedef {object} Prerequisite
 * @property {string} name
 * @property {boolean} ok
 * @property {string} found
 * @property {string} [expected]
 * @property {string} [fix] How to get it.
 */

/** The Python that runs pip: `PYTHON`, else `python3`. */
export const python = process.env["PYTHON"] || "python3";

/**
 * Whether a version lies in a range of the form `^20.19.0 || ^22.12.0`, the form package.json's `engines` has here.
 *
 * @param {string} version
 * @param {string} range
 */
export function versionInRange(version, range) {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, "").split(".").map(Number);
  return range.split("||").some((part) => {
    const [wantedMajor = 0, wantedMinor = 0, wantedPatch = 0] = part
      .trim()
      .replace("^", "")
      .split(".")
      .map(Number);
    return major === wantedMajor && (minor > wantedMinor || (minor === wantedMinor && patch >= wantedPatch));
  });
}

/** @returns {Prerequisite} */
function checkNode() {
  const { engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return {
    name: "Node.js",
    ok: versionInRange(process.version, engines.node),
    expected: engines.node,
    found: process.version,
    fix: "install Node.js 24 (nodejs.org, or your version manager)",
  };
}

/** @returns {Prerequisite} */
function checkPlatform() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  const libc =
    header.glibcVersionRuntime === undefined ? "without glibc" : `glibc ${header.glibcVersionRuntime}`;
  return {
    name: "platform",
    ok: process.platform === "linux" && process.arch === "x64" && header.glibcVersionRuntime !== undefined,
    expected: "Linux on x86-64 with glibc",
    found: `${process.platform} ${process.arch}, ${libc}`,
    fix: "use such a machine, or a Debian or Ubuntu container on it: TensorFlow publishes these libraries for no other",
  };
}

/**
 * @param {string} name
 * @param {string} program
 * @param {string[]} args
 * @param {string} packages What the package managers call it.
 * @returns {Promise<Prerequisite>}
 */
async function checkProgram(name, program, args, packages) {
  const { ok, stdout } = await run(program, args);
  const found = ok
    ? (stdout.split("\n")[0] ?? "").replace(/ from .*?( \(|$)/, "$1")
    : `${program} ${args.join(" ")} does not run`;
  return { name, ok, expected: name, found, fix: `install it: ${packages}` };
}

/** @returns {Promise<Prerequisite[]>} Everything set-up needs, whether it is there or not. */
export async function checkPrerequisites() {
  return [
    checkNode(),
    checkPlatform(),
    ...(await Promise.all([
      checkProgram(
        "Python 3 with pip",
        python,
        ["-m", "pip", "--version"],
        "apt-get install python3-pip (Debian, Ubuntu), dnf install python3-pip (Fedora)",
      ),
      checkProgram(
        "g++",
        process.env["CXX"] || "g++",
        ["--version"],
        "apt-get install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora)",
      ),
      checkProgram("npm", "npm", ["--version"], "it comes with Node.js (nodejs.org)"),
    ])),
  ];
}

// `mtard doctor` runs this file to show the same list.
if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(`${JSON.stringify(await checkPrerequisites())}\n`);
