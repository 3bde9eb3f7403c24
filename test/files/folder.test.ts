import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import {
  type Place,
  readWhole,
  replaceByRenaming,
  takePlace,
  tidyPlace,
  tidyPlaces,
} from "#mtard/files/folder.js";

const module = new URL("../../dist/files/folder.js", import.meta.url).href;
let place: string;
let folder: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "mtard-folder-"));
  folder = join(place, "deep", "it");
});
afterEach(() => rmSync(place, { recursive: true }));

const rule = { busy: "another mtard writes it", once: "one at a time", instead: "another name" };

/** Puts a folder in its place and gives the place up. */
async function placeFolder<T>(
  path: string,
  fill: (partial: string) => Promise<T>,
  accept?: (filled: T) => boolean,
): Promise<T> {
  const place: Place = takePlace(path, rule);
  try {
    return await place.put(fill, accept);
  } finally {
    place.release();
  }
}

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
      expect(there()).toEqual([".it.mtard-lock", ".it.mtard-new"]);
      expect(() => takePlace(folder, rule)).toThrow(/^another mtard writes it$/);
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
    await expect(placeFolder(folder, write("new"))).rejects.toThrow(`cannot write ${join(place, "deep")}`);
    expect(readFileSync(join(place, "deep"), "utf8")).toBe("a file");
  });
});

/** What a killed process may leave beside a folder; earlier versions named it by process id. */
const leftovers = [".it.mtard-lock", ".it.mtard-new", ".it.mtard-gone-0123456789ab", ".it.99.partial"];
const moved = [".it.mtard-old", ".it.99.replaced"];
/** What belongs to other folders, or to nobody known. */
const others = [
  ".it.too.mtard-new",
  ".it.too.99.partial",
  ".its.99.partial",
  ".it.download",
  ".it.old",
  ".it.new",
];

describe("what killed processes left beside a folder", () => {
  beforeEach(() => {
    for (const name of others) put(name, "another's");
  });
  const leave = (names: readonly string[]): void => {
    for (const name of names)
      if (name.endsWith("lock")) writeFileSync(join(place, "deep", name), "");
      else put(name, "abandoned");
  };

  it("goes when the next one writes, and what others write stays", async () => {
    put("it", "old");
    leave([...leftovers, ...moved]);
    await placeFolder(folder, write("new"));
    expect(there()).toEqual([...others, "it"].sort());
    expect(content()).toBe("new");
  });

  it("goes when the next one fails", async () => {
    put("it", "old");
    leave([...leftovers, ...moved]);
    const failing = (): Promise<never> => Promise.reject(new WorkError("failed"));
    await expect(placeFolder(folder, failing)).rejects.toThrow("failed");
    expect(there()).toEqual([...others, "it"].sort());
    expect(content()).toBe("old");
  });

  it("goes when the next one only reads", () => {
    put("it", "old");
    leave([...leftovers, ...moved]);
    tidyPlace(folder);
    expect(there()).toEqual([...others, "it"].sort());
    expect(content()).toBe("old");
  });

  it.each(moved)("is back in its place if %s was all there was", (name) => {
    leave(leftovers);
    put(name, "old");
    readWhole(folder, () => expect(content()).toBe("old"));
    expect(there()).toEqual([...others, "it"].sort());
  });

  it("is back in its place for whoever lists what there is", () => {
    leave(leftovers);
    put(".it.mtard-old", "old");
    tidyPlaces(join(place, "deep"));
    expect(there()).toEqual(
      [...others.filter((name) => !name.startsWith(".it.too") && !name.startsWith(".its")), "it"].sort(),
    );
    expect(content()).toBe("old");
  });

  it("stays while another process has the place", () => {
    const taken = takePlace(folder, rule);
    put(".it.mtard-new", "another's");
    put("it", "old");
    tidyPlace(folder);
    expect(there()).toEqual([...others, ".it.mtard-lock", ".it.mtard-new", "it"].sort());
    taken.release();
    tidyPlace(folder);
    expect(there()).toEqual([...others, "it"].sort());
  });
});

/** Does something in mounts of its own. */
const APART = ["--mount", "--propagation", "private"];

describe("what cannot be removed while somebody uses it", () => {
  // A network disk keeps a removed file that is open; here it is a mount that cannot be removed.
  const program = `import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
    import { execFileSync } from "node:child_process";
    import { takePlace, tidyPlace } from ${JSON.stringify(module)};
    const path = process.argv[1];
    mkdirSync(path + "/used", { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "none", path + "/used"]);
    for (const content of ["new", "newer"]) {
      const place = takePlace(path, { busy: "busy", once: "", instead: "" });
      await place.put(async (partial) => writeFileSync(partial + "/file", content));
      place.release();
    }
    const left = () => readdirSync(path + "/..").map((name) => name.replace(/[0-9a-f]{12}$/, "RANDOM"));
    const [gone] = readdirSync(path + "/..");
    console.log(readFileSync(path + "/file", "utf8"), ...left());
    execFileSync("umount", [path + "/../" + gone + "/used"]);
    tidyPlace(path);
    console.log(...left());`;

  it.skipIf(spawnSync("unshare", [...APART, "true"]).status !== 0)(
    "keeps nobody from writing, and goes when it can",
    () => {
      const { stdout, stderr } = spawnSync(
        "unshare",
        [...APART, process.execPath, "--input-type=module", "--eval", program, folder],
        { encoding: "utf8" },
      );
      expect(stderr).toBe("");
      expect(stdout).toBe("newer .it.mtard-gone-RANDOM it\nit\n");
    },
  );
});

describe("where names cannot be exchanged", () => {
  it("a folder is replaced by two renames", () => {
    put("it", "old");
    put(".it.mtard-new", "new");
    replaceByRenaming(folder, join(place, "deep", ".it.mtard-new"));
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("new");
  });

  it("the one before is put back if the second rename fails", () => {
    put("it", "old");
    expect(() => replaceByRenaming(folder, join(place, "deep", ".it.mtard-new"))).toThrow("ENOENT");
    expect(there()).toEqual(["it"]);
    expect(content()).toBe("old");
  });
});

describe("what is read of a folder", () => {
  it("is all of one folder, though another takes its place meanwhile", async () => {
    put("it", "old");
    let reads = 0;
    const replace = placeFolder.bind(null, folder, write("new"));
    await replace();
    put("other", "newer");
    const read = readWhole(folder, () => {
      const first = content();
      // Another process replaces it between two reads.
      if (reads++ === 0) replaceByRenaming(folder, join(place, "deep", "other"));
      return [first, content()];
    });
    expect(read).toEqual(["newer", "newer"]);
  });

  it("fails where it fails though nothing changed", () => {
    put("it", "old");
    expect(() =>
      readWhole(folder, () => {
        throw new InputError("damaged");
      }),
    ).toThrow("damaged");
  });
});
