import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readArchive, readFolder } from "#mtard/data/archive.js";
import { InputError } from "#mtard/errors.js";
import {
  archivedCifar10,
  cifar10Files,
  craftedArchive,
  temporaryFolder,
  unpackedCifar10,
} from "./tiny-cifar.js";

/** What the wanted files may have together. */
const most = 2 ** 20;

/** The error `run` throws, which must be an InputError. */
async function refusal(run: () => unknown): Promise<InputError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return error as InputError;
  }
  throw new Error("nothing was thrown");
}

describe("readArchive", () => {
  it.each([true, false])("reads the wanted files and skips others (gzip %s)", async (gzip) => {
    const path = archivedCifar10({}, gzip);
    const wanted = ["data_batch_2.bin", "test_batch.bin"];
    const files = await readArchive(path, wanted, most);
    expect([...files.keys()]).toEqual(wanted);
    for (const name of wanted)
      expect(Buffer.from(files.get(name) ?? [])).toEqual(
        readFileSync(join(dirname(path), "cifar-10-batches-bin", name)),
      );
  });

  it.each([true, false])("refuses an archive cut short anywhere (gzip %s)", async (gzip) => {
    const path = archivedCifar10({}, gzip);
    const whole = readFileSync(path);
    // Uncompressed, the last kilobyte is only padding.
    const end = gzip ? whole.length : whole.length - 1024;
    for (const share of [0, 0.001, 0.2, 0.5, 0.77, 0.95, 0.999]) {
      writeFileSync(path, whole.subarray(0, Math.floor(end * share)));
      await refusal(() => readArchive(path, cifar10Files, most));
    }
  });

  it("refuses an archive with one byte changed", async () => {
    const path = archivedCifar10();
    const whole = readFileSync(path);
    whole[Math.floor(whole.length / 2)] = (whole[Math.floor(whole.length / 2)] ?? 0) ^ 0x55;
    writeFileSync(path, whole);
    expect((await refusal(() => readArchive(path, cifar10Files, most))).message).toMatch(
      /damaged or cut short/,
    );
  });

  it("refuses a web page saved under the archive's name", async () => {
    const path = join(temporaryFolder(), "cifar-10-binary.tar.gz");
    writeFileSync(path, "<!DOCTYPE html><html><body>404 Not Found</body></html>".repeat(40));
    expect((await refusal(() => readArchive(path, cifar10Files, most))).message).toMatch(
      /damaged or cut short/,
    );
  });

  it.each(["../data_batch_1.bin", "a/../../data_batch_1.bin", "/tmp/data_batch_1.bin", "..", "a\\..\\b"])(
    "refuses the path %s, wanted or not",
    async (path) => {
      const archive = craftedArchive({ path });
      expect((await refusal(() => readArchive(archive, cifar10Files, most))).report()).toContain(
        JSON.stringify(path),
      );
      expect(readdirSync(dirname(archive))).toEqual(["crafted.tar"]);
    },
  );

  it.each([
    ["a symbolic link", "2", "SymbolicLink"],
    ["a hard link", "1", "Link"],
    ["a device", "3", "CharacterDevice"],
  ])("refuses %s", async (_, type, name) => {
    const target = type === "3" ? {} : { linkpath: "elsewhere" };
    const archive = craftedArchive({ path: "data_batch_1.bin", type, ...target });
    expect((await refusal(() => readArchive(archive, cifar10Files, most))).report()).toContain(name);
  });

  it("refuses an entry that says it is huge before keeping room for it", async () => {
    const archive = craftedArchive({ path: "data_batch_1.bin", size: 2 ** 32 });
    expect((await refusal(() => readArchive(archive, cifar10Files, most))).message).toMatch(/too large/);
  });

  it("names the files that are missing", async () => {
    const error = await refusal(() =>
      readArchive(archivedCifar10({ "data_batch_3.bin": null }), cifar10Files, most),
    );
    expect(error.message).toMatch(/it lacks data_batch_3.bin$/);
  });
});

describe("readFolder", () => {
  it("reads the folder itself or the one around it", () => {
    const folder = unpackedCifar10();
    expect([...readFolder(folder, "cifar-10-batches-bin", cifar10Files, most).keys()]).toEqual(cifar10Files);
    expect([...readFolder(dirname(folder), "cifar-10-batches-bin", cifar10Files, most).keys()]).toEqual(
      cifar10Files,
    );
  });

  it("names the files that are missing", async () => {
    const folder = unpackedCifar10({ "test_batch.bin": null });
    expect(
      (await refusal(() => readFolder(folder, "cifar-10-batches-bin", cifar10Files, most))).message,
    ).toMatch(/lacks test_batch/);
  });
});
