import { closeSync, linkSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeQuietly, despiteOldViews, isStillAt, refreshFolder } from "#mtard/files/refresh.js";

let folder: string;
let path: string;
let descriptor: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mtard-refresh-"));
  path = join(folder, "it");
  writeFileSync(path, "it");
  descriptor = openSync(path, "r");
});
afterEach(() => {
  closeQuietly(descriptor);
  rmSync(folder, { recursive: true });
});

describe("an open file", () => {
  it("is still at its path until it is removed or replaced", () => {
    expect(isStillAt(path, descriptor)).toBe(true);
    linkSync(path, join(folder, "other"));
    rmSync(path);
    expect(isStillAt(path, descriptor)).toBe(false);
    writeFileSync(path, "another");
    expect(isStillAt(path, descriptor)).toBe(false);
    rmSync(path);
    symlinkSync(join(folder, "other"), path);
    expect(isStillAt(path, descriptor)).toBe(false);
    expect(isStillAt(join(folder, "other"), descriptor)).toBe(true);
  });

  it("is closed without complaint, as one that another host removed", () => {
    closeSync(descriptor);
    expect(() => closeQuietly(descriptor)).not.toThrow();
  });
});

describe("what a host still shows though another replaced it", () => {
  const refused = (code: string): Error => Object.assign(new Error(code), { code, syscall: "open" });

  it("is tried again", () => {
    let calls = 0;
    const work = (): string => {
      if (++calls < 3) throw refused("ESTALE");
      return "done";
    };
    expect([despiteOldViews("ESTALE", work), calls]).toEqual(["done", 3]);
  });

  it("is tried so often, and other errors are thrown at once", () => {
    let calls = 0;
    const failing = (code: string) => (): never => {
      calls++;
      throw refused(code);
    };
    expect(() => despiteOldViews("EEXIST", failing("ESTALE"))).toThrow("ESTALE");
    expect(calls).toBe(1);
    expect(() => despiteOldViews("EEXIST", failing("EEXIST"))).toThrow("EEXIST");
    expect(calls).toBe(61);
  });

  it("is asked for anew, also of a folder that is not there", () => {
    expect(() => refreshFolder(join(folder, "nowhere"))).not.toThrow();
  });
});
