import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findDataset, ownDatasetIds } from "#mtard/data/datasets.js";
import { datasetFromArrays, type DatasetArrays } from "#mtard/data/memory.js";
import type { LeftOutFile } from "#mtard/data/own-files.js";
import type { OwnOptions } from "#mtard/data/own-prepare.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset, readStoreRecord } from "#mtard/data/store.js";
import { InputError } from "#mtard/errors.js";
import { bytesOf, folderOf, npy, npzOf, plain, texts, twoClasses, zipOf } from "./own-sources.js";
import { temporaryFolder } from "./tiny-cifar.js";

const NAME = "pets";

/** Packs own images and opens the store. */
async function packed(from: string, own: OwnOptions = {}) {
  const dataDir = temporaryFolder();
  const prepared = await prepareDataset(NAME, dataDir, { from, own });
  return { prepared, dataDir, dataset: openDataset(NAME, dataDir) };
}

/** The report of a refusal, which leaves nothing behind. */
async function refusal(from: string | undefined, own: OwnOptions = {}, name = NAME): Promise<string> {
  const dataDir = temporaryFolder();
  const error: unknown = await prepareDataset(name, dataDir, {
    ...(from === undefined ? {} : { from }),
    own,
  }).then(
    () => new Error("it was taken"),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(InputError);
  expect(readdirSync(dataDir)).toEqual([]);
  return (error as InputError).report();
}

describe("a folder of class folders", () => {
  it("is packed with its description, and found by its name", async () => {
    const { prepared, dataDir, dataset } = await packed(folderOf(await twoClasses()));
    expect(prepared).toMatchObject({ dataset: NAME, train: 4, test: 4, classes: 2, alreadyThere: false });
    expect(findDataset(NAME, dataDir)).toEqual({
      id: NAME,
      title: "own images, from own",
      image: { height: 8, width: 8, channels: 3 },
      classNames: ["blue", "red"],
      augmentation: { padding: 1, flip: true },
      origin: { kind: "own" },
    });
    expect(ownDatasetIds(dataDir)).toEqual([NAME]);
    expect([...dataset.train.labels]).toEqual([0, 1, 0, 1]);
    expect([...dataset.train.images.read(1, 1).subarray(0, 6)]).toEqual([200, 30, 40, 200, 30, 40]);
    expect(dataset.fingerprint).toBe(prepared.fingerprint);
    expect(await prepareDataset(NAME, dataDir)).toMatchObject({ alreadyThere: true, train: 4 });
  });

  it("gives the same store as a zip archive of it", async () => {
    const files = await twoClasses();
    const [folder, zip] = [await packed(folderOf(files)), await packed(zipOf(files))];
    expect(zip.prepared.fingerprint).toBe(folder.prepared.fingerprint);
  });

  it("names and counts what is converted, kept in the record", async () => {
    const grey = await plain([90, 90, 90]).toColourspace("b-w").png().toBuffer();
    const from = folderOf(await twoClasses({ "train/red/3.png": grey, "test/red/3.png": grey }));
    const { prepared, dataDir } = await packed(from);
    expect(prepared.images).toEqual({ converted: { "grey, given three equal channels": 2 }, leftOut: 0 });
    expect(readStoreRecord(NAME, dataDir)?.images).toEqual(prepared.images);
  });

  it("is refused with broken images, each named with its reason, and packed without them where that is asked", async () => {
    const jpeg = await plain([9, 9, 9], { width: 64, height: 64 }).jpeg().toBuffer();
    const from = folderOf(
      await twoClasses({
        "train/red/empty.png": "",
        "train/red/note.txt": "hello",
        "test/blue/size.jpg": jpeg,
        "test/stray.jpg": jpeg,
        "train/blue/\u001b[2J.png": "x",
      }),
    );
    symlinkSync("/etc/hostname", join(from, "train/red/out.png"));
    symlinkSync(join(from, "train/red"), join(from, "train/blue/round"));
    symlinkSync("nowhere", join(from, "train/blue/lost.png"));
    const report = await refusal(from, { size: { height: 8, width: 8 } });
    expect(report).toMatch(/error: 7 of 16 files of .* cannot be read as images/);
    expect(report).toContain('"train/blue/\\u001b[2J.png": it is none of JPEG');
    expect(report).toContain('"train/blue/lost.png": it is a link to nothing');
    expect(report).toMatch(/and 2 more\n +try +.*--skip-broken/);

    const named: LeftOutFile[] = [];
    const { prepared } = await packed(from, {
      size: { height: 8, width: 8 },
      skipBroken: true,
      onLeftOut: (file) => void named.push(file),
    });
    expect(prepared).toMatchObject({ train: 4, test: 5, images: { leftOut: 7 } });
    expect(named.map(({ name, reason }) => [name, reason.split(" ").slice(0, 5).join(" ")])).toEqual([
      ["test/stray.jpg", "it lies in no class"],
      ["train/blue/\u001b[2J.png", "it is none of JPEG,"],
      ["train/blue/lost.png", "it is a link to"],
      ["train/blue/round", "it is a link to"],
      ["train/red/empty.png", "it is empty"],
      ["train/red/note.txt", "it is none of JPEG,"],
      ["train/red/out.png", "it is a link that"],
    ]);
    expect(prepared.report?.leftOut).toEqual(named);
  });

  it("follows a link within the folder", async () => {
    const from = folderOf(await twoClasses());
    symlinkSync(join(from, "train/red/1.png"), join(from, "train/red/link.png"));
    linkSync(join(from, "train/red/1.png"), join(from, "train/red/hard.png"));
    expect((await packed(from)).prepared.train).toBe(6);
  });

  it("says of empty folders that they are not used", async () => {
    const from = folderOf(await twoClasses());
    mkdirSync(join(from, "train/green"));
    expect((await packed(from)).prepared.report?.notes).toContain(
      'empty folders are not used: "train/green"',
    );
  });

  it("says which sizes there are, how many, and proposes one", async () => {
    const [wide, tall] = await Promise.all(
      [
        { width: 70, height: 40 },
        { width: 66, height: 90 },
      ].map((size) => plain([1, 2, 3], size).png().toBuffer()),
    );
    const files = {
      ...(await twoClasses()),
      "train/red/wide.png": wide ?? "",
      "train/red/tall.png": tall ?? "",
    };
    const report = await refusal(folderOf(files));
    expect(report).toMatch(
      /have 3 sizes[^]*height x width: 8x8 \(8\), 90x66 \(1\), 40x70 \(1\)[^]*--size 32/,
    );
    const { dataset } = await packed(folderOf(files), { size: { height: 16, width: 12 } });
    expect(dataset.description).toMatchObject({
      image: { height: 16, width: 12, channels: 3 },
      augmentation: { padding: 2, flip: true },
    });
    expect(dataset.train.count).toBe(6);
  });

  it("takes another augmentation", async () => {
    const from = folderOf(await twoClasses());
    const { dataset, prepared } = await packed(from, { padding: 0, flip: false });
    expect(dataset.description.augmentation).toEqual({ padding: 0, flip: false });
    // It decides what is trained on, so it belongs to the data set's identity.
    expect((await packed(from)).prepared.fingerprint).not.toBe(prepared.fingerprint);
  });

  it("is refused where a class is left without images", async () => {
    const files = await twoClasses({ "test/red/1.png": "x", "test/red/2.png": "x" });
    expect(await refusal(folderOf(files), { skipBroken: true })).toMatch(
      /1 classes of .* have no test image[^]*none of red/,
    );
  });

  it.each([
    ["images that are too large", async () => folderOf(await large()), /too large[^]*1100x1100/],
    ["an archive that is not read", () => Promise.resolve(tarFile()), /unpack it first/],
    [
      "class names, which are for arrays",
      async () => folderOf(await twoClasses()),
      /--classes/,
      { classNames: ["a", "b"] },
    ],
    ["a zip that is damaged", () => Promise.resolve(tarFile("own.zip")), /damaged/],
  ] as [string, () => Promise<string>, RegExp, OwnOptions?][])("%s", async (_, make, pattern, own) => {
    expect(await refusal(await make(), own)).toMatch(pattern);
  });

  async function large(): Promise<Record<string, Uint8Array>> {
    const png = await plain([1, 1, 1], { width: 1100, height: 1100 }).png().toBuffer();
    return Object.fromEntries(
      ["train/a", "train/b", "test/a", "test/b"].map((folder) => [`${folder}/1.png`, png]),
    );
  }

  function tarFile(name = "own.tar.gz"): string {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, "not read");
    return path;
  }
});

describe("the name of an own data set", () => {
  it.each(["..", "../x", "a/b", "", ".hidden", "-force", "x".repeat(65), "pets.json", "a\u001b[2J"])(
    "is not %j",
    async (name) => {
      expect(await refusal(folderOf(await twoClasses()), {}, name)).toMatch(
        /cannot be the name of a data set/,
      );
    },
  );

  it.each(["Demo", "CIFAR10"])("is not %s, which is built in", async (name) => {
    expect(await refusal(folderOf(await twoClasses()), {}, name)).toMatch(
      /other than the built-in demo, cifar10/,
    );
  });

  it("is listed where another is asked for", async () => {
    const { dataDir } = await packed(folderOf(await twoClasses()));
    expect(() => findDataset("dogs", dataDir)).toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({
          expected: "demo, cifar10, cifar100, tiny-imagenet; of your own: pets",
        }) as object,
      }) as Error,
    );
    expect(() => findDataset("../pets", join(dataDir, "x"))).toThrow(/no data set/);
    expect(await refusal(undefined, {}, "dogs")).toMatch(/there is no data set "dogs"/);
  });

  it("takes no options of own images where it is built in", async () => {
    expect(await refusal(undefined, { flip: false }, "demo")).toMatch(/taken as they are[^]*flip/);
  });
});

describe("a stored own data set", () => {
  it("is kept; other contents are refused without force", async () => {
    const { dataDir, prepared } = await packed(folderOf(await twoClasses()));
    const other = folderOf(await twoClasses({ "train/red/3.png": await plain([0, 0, 0]).png().toBuffer() }));
    await expect(prepareDataset(NAME, dataDir, { from: other })).rejects.toThrow(
      /already there with other contents/,
    );
    expect(openDataset(NAME, dataDir).fingerprint).toBe(prepared.fingerprint);
    expect(await prepareDataset(NAME, dataDir, { from: other, force: true })).toMatchObject({ train: 5 });
    await expect(prepareDataset(NAME, dataDir, { force: true })).rejects.toThrow(
      /only be made of your images/,
    );
  });

  it.each([
    [
      "a class was renamed",
      (text: string) => text.replace('"red"', '"pink"'),
      /contents with sha256|damaged/,
    ],
    ["a class was taken out", (text: string) => text.replace('"blue",', ""), /damaged/],
    ["the image grew", (text: string) => text.replace('"height": 8', '"height": 9'), /damaged/],
    ["it is no description", () => "[]", /damaged/],
  ])("is refused where %s in its description", async (_, change, pattern) => {
    const { dataDir } = await packed(folderOf(await twoClasses()));
    const path = join(dataDir, NAME, "dataset.json");
    writeFileSync(path, change(readFileSync(path, "utf8")));
    expect(() => openDataset(NAME, dataDir)).toThrow(pattern);
  });
});

/** Images whose every pixel is their number, and their labels. */
const images = (count: number, size: number): Uint8Array =>
  Uint8Array.from({ length: count * size }, (_, at) => Math.floor(at / size));
const labels = (values: readonly number[], shape = [values.length]): Uint8Array =>
  npy("<i8", shape, bytesOf(BigInt64Array.from(values, BigInt)));

const grey = {
  x_train: npy("|u1", [4, 3, 5], images(4, 15)),
  y_train: labels([1, 0, 1, 0]),
  x_test: npy("|u1", [2, 3, 5], images(2, 15)),
  y_test: labels([0, 1]),
};

describe("arrays", () => {
  it("grey ones keep one channel and their order", async () => {
    const { dataset } = await packed(npzOf(grey));
    expect(dataset.description).toMatchObject({
      image: { height: 3, width: 5, channels: 1 },
      classNames: ["0", "1"],
    });
    expect([...dataset.train.labels]).toEqual([1, 0, 1, 0]);
    expect([...dataset.train.images.read(2, 1)]).toEqual(Array.from({ length: 15 }, () => 2));
  });

  it("are told apart by MedMNIST's names, with their class names, channels first or last", async () => {
    const last = images(4, 2 * 2 * 3).map((value, at) => 10 * value + (at % 3));
    const first = images(4, 2 * 2 * 3).map((value, at) => 10 * value + (Math.floor(at / 4) % 3));
    const of = (array: Uint8Array, shape: number[]) => ({
      train_images: npy("|u1", shape, array),
      train_labels: labels([0, 1, 0, 1], [4, 1]),
      val_images: npy("|u1", shape, array),
      val_labels: labels([0, 1, 0, 1], [4, 1]),
      test_images: npy("|u1", shape, array),
      test_labels: npy("<u2", [4], bytesOf(Uint16Array.from([0, 1, 0, 1]))),
      class_names: texts(["gut", "schlecht ä"], 12),
    });
    const [one, other] = [
      await packed(npzOf(of(last, [4, 2, 2, 3]))),
      await packed(npzOf(of(first, [4, 3, 2, 2]))),
    ];
    expect(one.dataset.description.classNames).toEqual(["gut", "schlecht ä"]);
    expect([...one.dataset.train.images.read(1, 1)]).toEqual([
      10, 11, 12, 10, 11, 12, 10, 11, 12, 10, 11, 12,
    ]);
    expect(one.prepared.report?.notes).toContain("validation images are not used: 4");
    expect(other.prepared.fingerprint).toBe(one.prepared.fingerprint);
  });

  it("in floating point become the nearest bytes, counted", async () => {
    const floats = Float32Array.from([0, 1, 0.5, 0.25, 254.4 / 255, 1 / 255, 0, 0]);
    const from = npzOf({
      ...grey,
      x_train: npy("<f4", [4, 2, 1], bytesOf(floats)),
      x_test: npy("|u1", [2, 2, 1], images(2, 2)),
    });
    const { dataset, prepared } = await packed(from, { classNames: ["a", "b"] });
    expect([...dataset.train.images.read(0, 4)]).toEqual([0, 255, 128, 64, 254, 1, 0, 0]);
    expect(dataset.description.classNames).toEqual(["a", "b"]);
    expect(prepared.images?.converted).toEqual({ "in floating point, brought to 8 bits": 4 });
  });

  it("column by column are the same images", async () => {
    const rows = images(4, 15).map((_, at) => at);
    const columns = rows.map(
      (_, at) => rows[(at % 4) * 15 + (Math.floor(at / 4) % 3) * 5 + Math.floor(at / 12)] ?? 0,
    );
    const one = await packed(npzOf({ ...grey, x_train: npy("|u1", [4, 3, 5], rows) }));
    const other = await packed(npzOf({ ...grey, x_train: npy("|u1", [4, 3, 5], columns, true) }));
    expect(other.prepared.fingerprint).toBe(one.prepared.fingerprint);
  });

  it("may lie in a folder of npy files, and be divided", async () => {
    const from = folderOf({
      "x.npy": npy("|u1", [20, 4, 4], images(20, 16)),
      "y.npy": labels(Array.from({ length: 20 }, (_, at) => at % 2)),
    });
    const { dataset, prepared } = await packed(from, { split: 0.2, seed: 5 });
    expect(prepared).toMatchObject({ train: 16, test: 4, source: { split: 0.2, seed: 5 } });
    const seen = [dataset.train, dataset.test].flatMap(({ images: stored, count }) =>
      Array.from({ length: count }, (_, at) => stored.read(at, 1)[0]),
    );
    expect(seen.toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(Array.from({ length: 20 }, (_, at) => at));
  });

  it("are resized", async () => {
    const { dataset } = await packed(npzOf(grey), { size: { height: 4, width: 4 } });
    expect(dataset.description.image).toEqual({ height: 4, width: 4, channels: 1 });
    expect([...dataset.train.images.read(3, 1)]).toEqual(Array.from({ length: 16 }, () => 3));
  });

  it.each([
    ["no test images", { x_test: null, y_test: null }, /x_train \[4, 3, 5\]; y_train \[4\]/],
    ["fewer labels", { y_train: labels([1, 0, 1]) }, /4 train images and 3 labels/],
    ["no labels", { y_train: null }, /4 train images and 0 labels/],
    [
      "values beyond 1",
      { x_train: npy("<f4", [4, 3, 5], bytesOf(new Float32Array(60).fill(2.5))) },
      /a value of 2.5/,
    ],
    [
      "no numbers",
      { x_train: npy("<f4", [4, 3, 5], bytesOf(new Float32Array(60).fill(NaN))) },
      /a value of NaN/,
    ],
    [
      "16 bits",
      { x_train: npy("<u2", [4, 3, 5], bytesOf(new Uint16Array(60))) },
      /integers that are not uint8/,
    ],
    ["rows of numbers", { x_train: npy("|u1", [4, 15], images(4, 15)) }, /\[4, 15\]/],
    ["four channels", { x_train: npy("|u1", [4, 6, 5, 4], images(4, 120)) }, /\[4, 6, 5, 4\]/],
    ["test images of another size", { x_test: npy("|u1", [2, 4, 5], images(2, 20)) }, /3x5x1 and 4x5x1/],
    ["several labels an image", { y_train: labels([0, 1, 0, 1, 0, 1, 0, 1], [4, 2]) }, /one class an image/],
    ["a negative label", { y_train: labels([0, 1, 0, -1]) }, /label -1 of image 3/],
    ["a label that is too large", { y_train: labels([0, 1, 0, 256]) }, /label 256 of image 3/],
    [
      "a class without images",
      { y_train: labels([0, 1, 0, 3]) },
      /2 classes of .* have no|1 classes of .* have no train image[^]*none of 2/,
    ],
    [
      "one class",
      { y_train: labels([0, 0, 0, 0]), y_test: labels([0, 0]) },
      /all images of .* are of one class/,
    ],
    ["names that are too few", { class_names: texts(["only"], 8) }, /2 different names/],
    [
      "names that would command a terminal",
      { class_names: texts(["a\u001b[2J", "b"], 8) },
      /without control characters/,
    ],
    [
      "other arrays",
      {
        x_train: null,
        y_train: null,
        x_test: null,
        y_test: null,
        weights: npy("<f4", [1], bytesOf(new Float32Array(1))),
      },
      /weights \[1\]/,
    ],
  ] as const)("are refused: %s", async (_, changes, pattern) => {
    const arrays = Object.entries({ ...grey, ...changes }).filter(([, array]) => array !== null);
    expect(await refusal(npzOf(Object.fromEntries(arrays as [string, Uint8Array][])))).toMatch(pattern);
  });

  it("are refused where they are no npz file, or claim more than there is", async () => {
    const path = join(temporaryFolder(), "own.npz");
    writeFileSync(path, "not an archive at all");
    expect(await refusal(path)).toMatch(/damaged/);
    expect(await refusal(npzOf({ ...grey, x_train: npy("|u1", [1e9, 100, 100], images(4, 15)) }))).toMatch(
      /instead of/,
    );
  });
});

describe("datasetFromArrays", () => {
  const arrays: DatasetArrays = {
    name: NAME,
    image: { height: 3, width: 5, channels: 1 },
    classNames: ["0", "1"],
    train: { images: images(4, 15), labels: [1, 0, 1, 0] },
    test: { images: images(2, 15), labels: [0, 1] },
  };

  it("gives what the same arrays give once they are packed and opened", async () => {
    const { dataset } = await packed(npzOf(grey));
    const made = datasetFromArrays({ ...arrays, title: dataset.description.title });
    expect(made.description).toEqual(dataset.description);
    expect(made.fingerprint).toBe(dataset.fingerprint);
    for (const split of ["train", "test"] as const) {
      expect(made[split].count).toBe(dataset[split].count);
      expect(made[split].labels).toEqual(dataset[split].labels);
      expect([...made[split].images.read(1, 1)]).toEqual([...dataset[split].images.read(1, 1)]);
    }
  });

  it.each([
    ["a built-in name", { name: "cifar10" }, /cannot be the name/],
    ["one class", { classNames: ["0"] }, /class names/],
    [
      "fewer bytes",
      { image: { height: 3, width: 5, channels: 3 } },
      /45 bytes \(3x5x3\)|do not fit their labels/,
    ],
    ["no images", { test: { images: new Uint8Array(), labels: [] } }, /do not fit their labels/],
    [
      "a label that is no class",
      { train: { images: images(1, 15), labels: [2] } },
      /train label of pets is no class/,
    ],
  ])("refuses %s", (_, changes, pattern) => {
    expect(() => datasetFromArrays({ ...arrays, ...changes })).toThrow(pattern);
  });
});
