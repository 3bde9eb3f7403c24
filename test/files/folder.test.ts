import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import { placeFolder } from "#mtard/files/folder.js";

let place: string;
let folder: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "mtard-folder-"));
  folder = join(place, "deep", "it");
});
afterEach(() => rmSync(place, { recursive: true }));

/** No process has this number: Linux ends at 2^22. */
const GONE = 99_999_999;

function put(name: string, content: string): void {
  mkdirSync(join(place, "deep", name), { recursive: true });
  writeFileSync(join(place, "deep", name, "file"), content);
}

const write =
  (content: string) =>
  (partial: string): Promise<string> => {
    writeFileSync(join(partial, "file"), content);
    return Promise.resolve(content);
  };
const there = (): string[] => readdirSync(join(place, "deep")).sort();
const content = (): string => readFileSync(join(folder, "file"), "utf8");

describe("a folder put in its place", () => {
  it("is written beside, and is there once it is whole", async () => {
    const filled = await placeFolder(folder, (partial) => {
      expect(there()).toEqual([`.it.${process.pid}.partial`]);
      return write("new")(partial);
    });
    expect(filled).toBe("new");
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("new");
  });

  it("takes the place of the one before, of which nothing stays", async () => {
    put("it", "old");
    writeFileSync(join(folder, "other"), "");
    await placeFolder(folder, (partial) => {
      expect(content()).toBe("old");
      return write("new")(partial);
    });
    expect(there()).toEqual(["it"]);
    expect(readdirSync(folder)).toEqual(["file"]);
    expect(content()).toBe("new");
  });

  it("leaves what was there where it is not accepted", async () => {
    put("it", "old");
    expect(await placeFolder(folder, write("new"), (filled) => filled !== "new")).toBe("new");
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("old");
  });

  it.each([
    ["filling", () => Promise.reject(new InputError("wrong input")), () => true],
    [
      "accepting",
      write("new"),
      () => {
        throw new InputError("wrong input");
      },
    ],
  ])("leaves what was there where %s it fails, and says the same", async (_, fill, accept) => {
    put("it", "old");
    await expect(placeFolder<string>(folder, fill, accept)).rejects.toThrow(new InputError("wrong input"));
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("old");
  });

  it("gives way to the one before where it cannot be moved", async () => {
    put("it", "old");
    const vanishing = (partial: string): Promise<void> => {
      rmSync(partial, { recursive: true });
      return Promise.resolve();
    };
    const error: unknown = await placeFolder(folder, vanishing).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WorkError);
    expect((error as WorkError).message).toBe(`cannot write ${folder}`);
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("old");
  });

  it("is refused where there can be no folder", async () => {
    writeFileSync(join(place, "deep"), "a file");
    await expect(placeFolder(folder, write("new"))).rejects.toThrow(`cannot write ${folder}`);
    expect(readFileSync(join(place, "deep"), "utf8")).toBe("a file");
  });
});

describe("what other processes left beside a folder", () => {
  it("goes if they are gone, and stays if they are running or wrote another folder", async () => {
    put("it", "old");
    put(`.it.${GONE}.partial`, "abandoned");
    put(`.it.${GONE}.replaced`, "abandoned");
    const others = [
      `.it.${process.ppid}.partial`,
      `.it.${process.ppid}.replaced`,
      `.it.too.${GONE}.partial`,
      `.its.${GONE}.partial`,
      ".it.download",
    ];
    for (const name of others) put(name, "another's");
    await placeFolder(folder, write("new"));
    expect(there()).toEqual([...others, "it"].sort());
  });

  it("goes if it has the number of the process that now writes", async () => {
    put(`.it.${process.pid}.partial`, "abandoned");
    await placeFolder(folder, (partial) => {
      expect(readdirSync(partial)).toEqual([]);
      return write("new")(partial);
    });
    expect(there()).toEqual(["it"]);
  });

  it("is back in its place if it was all there was", async () => {
    put(`.it.${GONE}.replaced`, "old");
    put(`.it.${GONE}.partial`, "abandoned");
    const failing = (): Promise<never> => Promise.reject(new WorkError("failed"));
    await expect(placeFolder(folder, failing)).rejects.toThrow("failed");
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("old");
  });
});
