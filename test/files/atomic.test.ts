import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { requireFilePath, syncFolder, writeFileAtomically, writeFileOnce } from "#mtard/files/atomic.js";
import { keepAs } from "#mtard/files/keep.js";
import { openBeside, removeLeftovers } from "#mtard/files/leftovers.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mtard-atomic-"));
  path = join(folder, "it.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

const module = new URL("../../dist/files/atomic.js", import.meta.url).href;

const leftoversModule = new URL("../../dist/files/leftovers.js", import.meta.url).href;

describe("a file written whole or not at all", () => {
  it("stays as it was where what is written fails, and nothing lies beside it", () => {
    writeFileAtomically(path, "old");
    const failing = function* (): Generator<Uint8Array> {
      yield Buffer.from("new");
      throw new InputError("wrong");
    };
    expect(() => writeFileAtomically(path, failing())).toThrow("wrong");
    expect(readdirSync(folder)).toEqual(["it.json"]);
    expect(readFileSync(path, "utf8")).toBe("old");
  });

  it("takes the place of no pipe", () => {
    spawnSync("mkfifo", [path]);
    expect(() => requireFilePath(path, "it.json")).toThrow(`${path} is not a file`);
    expect(() => writeFileAtomically(path, "new")).toThrow(`${path} is not a file`);
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  it("is kept under a second name, and what a killed process left beside that is removed", () => {
    writeFileAtomically(path, "old");
    writeFileSync(join(folder, "kept.json.4711.partial"), "half");
    keepAs(path, join(folder, "kept.json"));
    expect(readdirSync(folder).sort()).toEqual(["it.json", "kept.json"]);
  });

  it("needs no file system that puts folders on the disk, as /proc does not", () => {
    expect(() => syncFolder("/proc/self")).not.toThrow();
    expect(() => syncFolder(join(folder, "nowhere"))).toThrow("ENOENT");
  });

  it("is the first one's where it is written once, and nothing lies beside it", () => {
    writeFileOnce(path, "first");
    writeFileOnce(path, "second");
    expect(readFileSync(path, "utf8")).toBe("first");
    expect(readdirSync(folder)).toEqual(["it.json"]);
  });

  it("is written however often others remove what killed processes left", async () => {
    const removing = spawn(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { removeLeftovers } from ${JSON.stringify(leftoversModule)};
       console.log("removing");
       for (;;) removeLeftovers(${JSON.stringify(path)});`,
    ]);
    try {
      await once(removing.stdout, "data");
      for (let count = 0; count < 2000; count++) writeFileAtomically(path, String(count));
      expect(readFileSync(path, "utf8")).toBe("1999");
    } finally {
      removing.kill("SIGKILL");
      await once(removing, "exit");
    }
  });

  it("leaves nothing after the next write, if a process was killed while it wrote", () => {
    writeFileAtomically(path, "old");
    const killed = spawnSync(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { writeFileAtomically } from ${JSON.stringify(module)};
       writeFileAtomically(${JSON.stringify(path)}, (function* () {
         yield Buffer.from("new");
         process.kill(process.pid, "SIGKILL");
         for (;;) ;
       })());`,
    ]);
    expect(killed.signal).toBe("SIGKILL");
    expect(readdirSync(folder)).toHaveLength(2);
    expect(readFileSync(path, "utf8")).toBe("old");
    writeFileAtomically(path, "newer");
    expect(readdirSync(folder)).toEqual(["it.json"]);
    expect(readFileSync(path, "utf8")).toBe("newer");
  });
});

describe("the leftovers of a file", () => {
  it("are those whose lock nobody has", () => {
    const writing = openBeside(path);
    const names = [
      "it.json.4711.partial",
      "it.json.0123456789ab.partial",
      // Not of this file, or of anyone's own.
      "it.json.last.partial",
      "that.json.4711.partial",
      "it.json.partial",
    ];
    for (const name of names) writeFileSync(join(folder, name), "");
    removeLeftovers(path);
    expect(existsSync(writing.path)).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(
      [...names.slice(2), writing.path.slice(folder.length + 1)].sort(),
    );
  });
});
