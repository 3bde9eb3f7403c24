import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFolders } from "#mtard/files/make-folders.js";
import { systemCodeOf } from "#mtard/files/system-error.js";

let place = "";
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "mtard-folders-"));
});
afterAll(() => {
  rmSync(place, { recursive: true });
});

function codeOf(path: string): string | null {
  try {
    makeFolders(path);
    return null;
  } catch (error) {
    return systemCodeOf(error);
  }
}

describe("makeFolders", () => {
  it("makes what is missing, and says where it began", () => {
    const path = join(place, "a/b/c");
    expect(makeFolders(path)).toBe(join(place, "a"));
    expect(statSync(path).isDirectory()).toBe(true);
    expect(makeFolders(path)).toBeUndefined();
    expect(makeFolders(join(place, "a/b/d"))).toBe(join(place, "a/b/d"));
    expect(makeFolders("/")).toBeUndefined();
  });

  it("goes through links to folders", () => {
    mkdirSync(join(place, "real"));
    symlinkSync("real", join(place, "link"));
    makeFolders(join(place, "link/below"));
    expect(statSync(join(place, "real/below")).isDirectory()).toBe(true);
  });

  it("ends where a file stands, or a link that leads nowhere", () => {
    writeFileSync(join(place, "file"), "");
    symlinkSync("nowhere", join(place, "dangling"));
    expect(codeOf(join(place, "file"))).toBe("EEXIST");
    expect(codeOf(join(place, "file/below/it"))).toBe("ENOTDIR");
    expect(codeOf(join(place, "dangling"))).toBe("EEXIST");
  });

  it.runIf(process.platform === "linux")(
    "ends where the system says that what it is to make is not there",
    () => {
      expect(codeOf("/proc/nope")).toBe("ENOENT");
      expect(codeOf("/proc/nope/below")).toBe("ENOENT");
    },
  );

  function commandWith(...call: string[]): { status: number | null; signal: string | null } {
    const { status, signal } = spawnSync(process.execPath, ["dist/cli/main.js", ...call], {
      timeout: 100_000,
      killSignal: "SIGKILL",
      env: { ...process.env, MTARD_DATA: join(place, "data"), MTARD_DEVICE: "cpu" },
    });
    return { status, signal };
  }

  it.each<[number, ...string[]]>([
    [0, "teacher", "list", "--teachers-dir", "/proc/nope"],
    [1, "data", "demo", "--data-dir", "/proc/nope"],
    [1, "evaluate", "demo-robust", "--attacks", "fgsm", "--limit", "2", "--runs-dir", "/proc/nope"],
    [1, "train", "--dataset", "demo", "--method", "natural", "--epochs", "1", "--out", "/proc/nope/run"],
  ])("lets no command run for ever, which ends with %i: %s %s %s %s", (code, ...call) => {
    expect(commandWith("data", "demo").status).toBe(0);
    expect(commandWith(...call)).toEqual({ status: code, signal: null });
  });
});
