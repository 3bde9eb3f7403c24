import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import { InputError } from "#mtard/errors.js";
import { hasShared, shared } from "../shared.js";
import { archivedCifar10, record, temporaryFolder, unpackedCifar10 } from "./tiny-cifar.js";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The InputError of a preparation that fails and must leave nothing in the store. */
async function refusal(dataDir: string, options: Parameters<typeof prepareDataset>[2]): Promise<InputError> {
  const before = readdirSync(dataDir);
  const error: unknown = await prepareDataset("cifar10", dataDir, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InputError);
  expect(readdirSync(dataDir)).toEqual(before);
  return error as InputError;
}

describe("prepareDataset from a local copy", () => {
  it("packs records as NHWC, with sizes from the files", async () => {
    const pixels = record([3], 0);
    for (let index = 0; index < 3072; index++) pixels[1 + index] = (index * 7) % 251;
    const dataDir = temporaryFolder();
    const from = archivedCifar10({ "data_batch_1.bin": pixels });
    const prepared = await prepareDataset("cifar10", dataDir, { from });
    expect(prepared).toMatchObject({
      dataset: "cifar10",
      train: 9,
      test: 2,
      classes: 10,
      alreadyThere: false,
    });
    expect(readdirSync(dataDir)).toEqual(["cifar10"]);

    const { train, test, fingerprint } = openDataset("cifar10", dataDir);
    expect(fingerprint).toBe(prepared.fingerprint);
    expect([...train.labels]).toEqual([3, 1, 8, 2, 7, 3, 6, 4, 5]);
    expect([...test.labels]).toEqual([5, 4]);
    for (const [y, x, channel] of [
      [0, 0, 0],
      [0, 1, 2],
      [17, 30, 1],
      [31, 31, 2],
    ] as const)
      expect(train.images.read(0, 1)[(y * 32 + x) * 3 + channel]).toBe(
        ((channel * 1024 + y * 32 + x) * 7) % 251,
      );
  });

  it("gives the same store from the archive and from its folder, and knows it is there already", async () => {
    const dataDir = temporaryFolder();
    const { fingerprint } = await prepareDataset("cifar10", dataDir, { from: archivedCifar10() });
    for (const options of [{}, { from: archivedCifar10() }, { from: unpackedCifar10() }])
      expect(await prepareDataset("cifar10", dataDir, options)).toMatchObject({
        fingerprint,
        alreadyThere: true,
      });
    expect(await prepareDataset("cifar10", dataDir, { from: unpackedCifar10(), force: true })).toMatchObject({
      fingerprint,
      alreadyThere: false,
    });
    expect(readdirSync(dataDir)).toEqual(["cifar10"]);
  });

  it("refuses to replace other contents unless forced", async () => {
    const dataDir = temporaryFolder();
    await prepareDataset("cifar10", dataDir, { from: archivedCifar10() });
    const from = unpackedCifar10({ "test_batch.bin": record([1], 1) });
    expect((await refusal(dataDir, { from })).report()).toContain("--force");
    expect(openDataset("cifar10", dataDir).test.count).toBe(2);
    await prepareDataset("cifar10", dataDir, { from, force: true });
    expect(openDataset("cifar10", dataDir).test.count).toBe(1);
  });

  it("checks --sha256 and says both when it is wrong", async () => {
    const dataDir = temporaryFolder();
    const from = archivedCifar10();
    const right = sha256(readFileSync(from));
    const wrong = right.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
    const error = await refusal(dataDir, { from, sha256: wrong });
    expect(error.message).toMatch(/wrong checksum/);
    expect(error.report()).toContain(right);
    const prepared = await prepareDataset("cifar10", dataDir, { from, sha256: right.toUpperCase() });
    expect(prepared.source).toMatchObject({ sha256: right });
  });

  it.each([
    [
      "a label out of range",
      { "data_batch_2.bin": record([10], 1) },
      /image 0 of data_batch_2.bin has label 10/,
    ],
    [
      "a file that is not whole records",
      { "test_batch.bin": new Uint8Array(3072) },
      /test_batch.bin is not a whole/,
    ],
    ["an empty file", { "test_batch.bin": new Uint8Array() }, /test_batch.bin is not a whole/],
    ["a missing file", { "data_batch_5.bin": null }, /lacks data_batch_5.bin/],
  ])("refuses %s and leaves nothing", async (_, changes, message) => {
    const dataDir = temporaryFolder();
    expect((await refusal(dataDir, { from: archivedCifar10(changes) })).message).toMatch(message);
    expect((await refusal(dataDir, { from: unpackedCifar10(changes) })).message).toMatch(message);
  });

  it.each([
    [{ from: "no/such/file" }, /no file or folder/],
    [{ sha256: "0".repeat(64) }, /checksum of a local archive/],
    [{ from: ".", sha256: "0".repeat(64) }, /checksum of a local archive/],
    [{ from: "package.json", sha256: "12ab" }, /not a sha256/],
  ])("refuses the call %j", async (options, message) => {
    expect((await refusal(temporaryFolder(), options)).message).toMatch(message);
  });

  it("removes what a killed process left behind", async () => {
    const dataDir = temporaryFolder();
    mkdirSync(join(dataDir, ".cifar10.99.partial"));
    mkdirSync(join(dataDir, ".cifar10.mtard-new"));
    writeFileSync(join(dataDir, ".cifar10.mtard-lock"), "");
    mkdirSync(join(dataDir, ".cifar100.mtard-new"));
    await prepareDataset("cifar10", dataDir, { from: archivedCifar10() });
    expect(readdirSync(dataDir).toSorted()).toEqual([".cifar100.mtard-new", "cifar10"]);
  });

  it("puts back what a killed process had moved away, for whoever opens it", async () => {
    const dataDir = temporaryFolder();
    await prepareDataset("cifar10", dataDir, { from: archivedCifar10() });
    renameSync(join(dataDir, "cifar10"), join(dataDir, ".cifar10.99.replaced"));
    expect(openDataset("cifar10", dataDir).train.count).toBe(10);
    expect(readdirSync(dataDir)).toEqual(["cifar10"]);
  });

  it("packs it once where several want it at once, and says who does it", async () => {
    const dataDir = temporaryFolder();
    const from = archivedCifar10();
    const waited: string[] = [];
    const all = await Promise.all(
      Array.from({ length: 5 }, () =>
        prepareDataset("cifar10", dataDir, { from, onWait: (holder) => waited.push(holder) }),
      ),
    );
    expect(all.map(({ alreadyThere }) => alreadyThere).sort()).toEqual([false, true, true, true, true]);
    expect(waited).toHaveLength(4);
    expect(waited[0]).toContain(`process ${process.pid} on `);
    expect(readdirSync(dataDir)).toEqual(["cifar10"]);
  });
});

describe("openDataset", () => {
  async function stored(): Promise<string> {
    const dataDir = temporaryFolder();
    await prepareDataset("cifar10", dataDir, { from: unpackedCifar10() });
    return dataDir;
  }
  const opening = (dataDir: string) => (): unknown => openDataset("cifar10", dataDir);

  it("says how to get a data set that is absent", () => {
    const dataDir = temporaryFolder();
    let report = "";
    try {
      openDataset("cifar10", dataDir);
    } catch (error) {
      report = (error as InputError).report();
    }
    expect(report).toMatch(/try +mtard data cifar10$/);
  });

  it("keeps the first images with a limit, and the fingerprint of all", async () => {
    const dataDir = await stored();
    const whole = openDataset("cifar10", dataDir);
    const { train, test, fingerprint } = openDataset("cifar10", dataDir, { train: 3, test: 99 });
    expect(fingerprint).toBe(whole.fingerprint);
    expect([train.count, test.count]).toEqual([3, 2]);
    expect(Buffer.from(train.images.read(0, 3))).toEqual(Buffer.from(whole.train.images.read(0, 3)));
    expect([...train.labels]).toEqual([0, 9, 1]);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses a limit of %s", async (train) => {
    const dataDir = await stored();
    expect(() => openDataset("cifar10", dataDir, { train })).toThrow(InputError);
  });

  it.each([
    ["a changed byte", (folder: string) => flipByte(join(folder, "train.bin"), 5000)],
    ["a changed label", (folder: string) => flipByte(join(folder, "test.bin"), 2 * 3072)],
    ["a file cut short", (folder: string) => truncateSync(join(folder, "test.bin"), 100)],
    ["a missing file", (folder: string) => renameSync(join(folder, "test.bin"), join(folder, "gone"))],
    ["a broken store.json", (folder: string) => writeFileSync(join(folder, "store.json"), '{"format": 1,')],
    ["another count", (folder: string) => edit(folder, '"train": 10', '"train": 1e9')],
    ["another fingerprint", (folder: string) => edit(folder, /"fingerprint": "../, '"fingerprint": "zz')],
    [
      "another data set's store",
      (folder: string) => edit(folder, '"dataset": "cifar10"', '"dataset": "cifar100"'),
    ],
  ])("notices %s", async (_, damage) => {
    const dataDir = await stored();
    damage(join(dataDir, "cifar10"));
    expect(opening(dataDir)).toThrow(/the stored data set cifar10 is damaged/);
    await prepareDataset("cifar10", dataDir, { from: unpackedCifar10(), force: true });
    expect(opening(dataDir)).not.toThrow();
  });
});

describe.skipIf(!hasShared)("the real images in shared/", () => {
  // Digests of images and labels as NumPy reads the archives: reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).
  it.each([
    [
      "cifar10",
      "data/cifar-10-binary-subset.tar.gz",
      { train: 10_000, test: 2_000 },
      {
        train:
          "8af2e7ddfe4ed036b8e5198da114127ae409476610795af1c1e17dfb01f0b562 cde1a2062ac646747455d60291856b3f99e3c2039374fdfcf62642f890ded44d",
        test: "80bbd0680ca910aba6cf2ceedbda7524ab86c9f8e2816a1f3277476314ef182a 3262ed730c868537f3fa3d8ccc1b4d7c934c559456103336ca800475bc48e073",
      },
    ],
    [
      "cifar100",
      "data/cifar-100-binary-subset.tar.gz",
      { train: 2_000, test: 1_000 },
      {
        train:
          "4814f506a6aa31dbcfd784860b53c2a4c8a21134dc26ecf0c64b1c054304847e ea1fc442506d01c8dbdb43bf515f42dd4fec1d225e3e0e44a98672b9419a879f",
        test: "e15acb41ee8e61f721888c0e5d1b11fd951520913930233f400766c929dbddf3 8155258d4723ae36cd5c55f7bef52b13446f0e810c91376c42b6cf7631739767",
      },
    ],
  ] as const)("%s is packed as NumPy reads it", async (id, archive, counts, digests) => {
    const dataDir = temporaryFolder();
    await prepareDataset(id, dataDir, { from: shared(archive) });
    const dataset = openDataset(id, dataDir);
    for (const split of ["train", "test"] as const) {
      const { count, images, labels } = dataset[split];
      expect(count).toBe(counts[split]);
      expect(`${sha256(images.read(0, count))} ${sha256(labels)}`).toBe(digests[split]);
    }
    expect(existsSync(join(dataDir, id, "store.json"))).toBe(true);
  });
});

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

function edit(folder: string, from: string | RegExp, to: string): void {
  const path = join(folder, "store.json");
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(from);
  writeFileSync(path, text.replace(from, to));
}
