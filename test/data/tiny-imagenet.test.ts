import { createHash } from "node:crypto";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { openPromise } from "yauzl";
import { createTrainingBatches } from "#mtard/data/batches.js";
import { datasets } from "#mtard/data/datasets.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset, type Split } from "#mtard/data/store.js";
import { InputError } from "#mtard/errors.js";
import { hasShared, shared } from "../shared.js";
import { temporaryFolder } from "./tiny-cifar.js";
import {
  folder,
  jpeg,
  tinyImageNetFiles,
  unpackedTinyImageNet,
  wnids,
  writeZip,
  zippedTinyImageNet,
  type Changes,
  type CraftedEntry,
} from "./tiny-tiny-imagenet.js";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The InputError of a preparation that fails and must leave nothing in the store. */
async function refusal(from: string): Promise<InputError> {
  const dataDir = temporaryFolder();
  const error: unknown = await prepareDataset("tiny-imagenet", dataDir, { from }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InputError);
  expect(readdirSync(dataDir)).toEqual([]);
  return error as InputError;
}

describe("Tiny-ImageNet, made here", () => {
  it("takes one image of each class in turn, in the order of their numbers, and val in that of theirs", async () => {
    const dataDir = temporaryFolder();
    const from = await zippedTinyImageNet();
    expect(await prepareDataset("tiny-imagenet", dataDir, { from })).toMatchObject({
      train: 202,
      test: 3,
      classes: 200,
    });
    expect(readdirSync(dataDir)).toEqual(["tiny-imagenet"]);
    const { train, test } = openDataset("tiny-imagenet", dataDir);
    expect([...train.labels]).toEqual(Array.from({ length: 202 }, (_, index) => index % 200));
    expect([...test.labels]).toEqual([3, 7, 12]);
    const colours = (split: Split, indices: readonly number[]): number[][] =>
      indices.map((index) => [...split.images.read(index, 1).subarray(0, 3)]);
    // The ones numbered 9 come before those numbered 10.
    const [grey, otherGrey, red, ...later] = colours(train, [0, 1, 2, 200, 201]);
    expect([grey, otherGrey]).toEqual([Array(3).fill(90), Array(3).fill(90)]);
    expect(later).toEqual([red, red]);
    for (const [channel, level] of [200, 30, 40].entries())
      expect(Math.abs((red?.[channel] ?? 0) - level)).toBeLessThanOrEqual(2);
    expect(colours(test, [0, 1, 2])).toEqual([red, grey, red]);
  });

  it("gives the same store from the archive, its folder and the folder around that", async () => {
    const dataDir = temporaryFolder();
    const seen = new Set<string>();
    const unpacked = await unpackedTinyImageNet();
    const withoutFolder = writeZip(
      Array.from(await tinyImageNetFiles(), ([name, content]) => ({ name, content, method: 0 })),
    );
    for (const from of [await zippedTinyImageNet(), unpacked, `${unpacked}/..`, withoutFolder])
      seen.add((await prepareDataset("tiny-imagenet", dataDir, { from, force: true })).fingerprint);
    expect(seen.size).toBe(1);
    expect(await prepareDataset("tiny-imagenet", dataDir, { from: unpacked })).toMatchObject({
      alreadyThere: true,
    });
  });

  it("keeps what is there when other contents come without --force, or damaged ones with it", async () => {
    const dataDir = temporaryFolder();
    const { fingerprint } = await prepareDataset("tiny-imagenet", dataDir, {
      from: await zippedTinyImageNet(),
    });
    const other = await zippedTinyImageNet({ "val/images/val_3.JPEG": await jpeg([1, 2, 3]) });
    const damaged = await zippedTinyImageNet({ "val/images/val_12.JPEG": "" });
    await expect(prepareDataset("tiny-imagenet", dataDir, { from: other })).rejects.toThrow(/other contents/);
    await expect(prepareDataset("tiny-imagenet", dataDir, { from: damaged, force: true })).rejects.toThrow(
      /val_12/,
    );
    expect(readdirSync(dataDir)).toEqual(["tiny-imagenet"]);
    expect(openDataset("tiny-imagenet", dataDir).fingerprint).toBe(fingerprint);
  });

  it("reports how far decoding is", async () => {
    const seen: number[] = [];
    await prepareDataset("tiny-imagenet", temporaryFolder(), {
      from: await zippedTinyImageNet(),
      onProgress: (progress) => {
        if (progress.stage !== "decode") return;
        expect(progress).toMatchObject({ total: 205 });
        expect(progress.rate).toBeGreaterThan(0);
        seen.push(progress.done);
      },
    });
    expect(seen).toEqual(Array.from({ length: 205 }, (_, index) => index + 1));
  });

  const [first = "", second = ""] = wnids;
  const image = `train/${first}/images/${first}_9.JPEG`;
  const line = (n: number): string => `val_${n}.JPEG\t${wnids[n] ?? ""}\t0\t0\t63\t63\n`;
  it.each<[string, Changes | (() => Promise<Changes>), RegExp]>([
    ["a class without images", withoutImages(second), new RegExp(`1 classes .* no training image`)],
    ["an image of an unknown class", { "train/n00000001/images/n00000001_1.JPEG": "" }, /known class/],
    ["an image in the wrong folder", { [`train/${first}/images/${second}_3.JPEG`]: "" }, /known class/],
    ["a val image without a line", { "val/val_annotations.txt": line(12) + line(7) }, /1 images are not in/],
    ["a line without a val image", { "val/images/val_3.JPEG": null }, /names 1 images that are not there/],
    ["a line twice", { "val/val_annotations.txt": line(3) + line(12) + line(3) }, /line 3 of .* is wrong/],
    ["a line of another class", { "val/val_annotations.txt": "val_3.JPEG\tn00000001\t0" }, /line 1 of/],
    ["a line that leaves the folder", { "val/val_annotations.txt": `../x.JPEG\t${first}` }, /line 1 of/],
    ["no annotations", { "val/val_annotations.txt": null }, /lacks val\/val_annotations.txt/],
    ["other classes", { "wnids.txt": wnids.slice(1).join("\n") }, /does not name the classes/],
    ["no list of classes", { "wnids.txt": null }, /lacks wnids.txt/],
    ["an image that is empty", { [image]: "" }, new RegExp(`"${image}" is damaged`)],
    [
      "an image in another format",
      { [image]: '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>' },
      /is damaged/,
    ],
    ["an image cut short", async () => ({ [image]: (await noise()).subarray(0, 3000) }), new RegExp(image)],
    [
      "an image of another size",
      async () => ({ [image]: await jpeg([1, 2, 3], { width: 63 }) }),
      /is damaged/,
    ],
    ["an image that says it is huge", async () => ({ [image]: await huge() }), /is damaged/],
    ["a file too large", { [image]: new Uint8Array(2 ** 20 + 1) }, new RegExp(image)],
  ])("refuses %s", async (_, made, message) => {
    const error = await refusal(await zippedTinyImageNet(typeof made === "function" ? await made() : made));
    expect(error.message).toMatch(message);
    expect(error.report().split("\n").length).toBeLessThanOrEqual(4);
  });

  it("refuses the same in a folder, and any other folder", async () => {
    const tooLarge = await refusal(await unpackedTinyImageNet({ [image]: new Uint8Array(2 ** 20 + 1) }));
    expect(tooLarge.report()).toMatch(/1048577 bytes long/);
    const empty = await refusal(await unpackedTinyImageNet({ "val/images/val_7.JPEG": "" }));
    expect(empty.message).toMatch(/"val\/images\/val_7.JPEG" is damaged/);
    expect((await refusal("/usr")).message).toMatch(/lacks wnids.txt/);
  });

  it.each<[string, CraftedEntry, RegExp]>([
    ["a path upwards", { name: `${folder}/../../x`, content: Buffer.from("x") }, /invalid relative path/],
    ["an absolute path", { name: "/etc/passwd", content: Buffer.from("x") }, /absolute path/],
    ["a backslash", { name: "train\\x.JPEG", content: Buffer.from("x") }, /invalid characters/],
    ["a file twice", { name: `${folder}/wnids.txt`, content: Buffer.from("x") }, /twice/],
    ["a false checksum", { name: folder + "/" + image, content: Buffer.from("x"), checksum: 1 }, /checksum/],
    ["an encrypted file", { name: folder + "/" + image, content: Buffer.from("x"), flags: 1 }, /encrypted/],
    [
      "an unknown compression",
      { name: folder + "/" + image, content: Buffer.from("x"), method: 99 },
      /method 99/,
    ],
    [
      "a file that swells beyond what it says",
      { name: folder + "/" + image, content: new Uint8Array(2 ** 24), declaredSize: 1000 },
      /larger than|too large/i,
    ],
    [
      "a file longer than it says",
      { name: folder + "/" + image, content: new Uint8Array(99), declaredSize: 9 },
      /larger than 9 bytes/,
    ],
  ])("refuses a zip with %s", async (_, entry, message) => {
    const others = await tinyImageNetFiles({ [image]: null });
    const entries = Array.from(others, ([name, content]) => ({ name: `${folder}/${name}`, content }));
    const { message: said, detail } = await refusal(writeZip([...entries, entry]));
    expect(`${said} ${detail.found ?? ""}`).toMatch(message);
  });

  it("refuses what is no zip, and a zip cut short or changed anywhere in its directory", async () => {
    const from = await zippedTinyImageNet();
    const whole = readFileSync(from);
    for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
      writeFileSync(from, whole);
      truncateSync(from, length);
      expect((await refusal(from)).message).toMatch(/damaged/);
    }
    // An entry's size, and where its file begins.
    const entry = whole.indexOf("PK\x01\x02");
    for (const [at, value] of [
      [entry + 20, 0x7fffffff],
      [entry + 42, 0x7ffffff0],
    ] as const) {
      const changed = Buffer.from(whole);
      changed.writeUInt32LE(value, at);
      writeFileSync(from, changed);
      expect((await refusal(from)).message).toMatch(/damaged/);
    }
    writeFileSync(from, "<!DOCTYPE html>");
    expect((await refusal(from)).message).toMatch(/damaged/);
  });

  it("augments images of 64x64 alike from memory and from the file", async () => {
    const dataDir = temporaryFolder();
    await prepareDataset("tiny-imagenet", dataDir, { from: await zippedTinyImageNet() });
    const batches = [Infinity, 0].map((most) => {
      const { train, description } = openDataset("tiny-imagenet", dataDir, { train: 150 }, most);
      const { image, augmentation } = description;
      return createTrainingBatches(train, { image, augmentation, batchSize: 64, start: { seed: 1 } });
    });
    for (let step = 0; step < 6; step++) {
      const [inMemory, inFile] = batches.map((each) => each.next());
      expect(sha256(new Uint8Array(inFile?.images.slice().buffer ?? []))).toBe(
        sha256(new Uint8Array(inMemory?.images.slice().buffer ?? [1])),
      );
      expect(inFile?.labels).toEqual(inMemory?.labels);
      expect(inMemory?.images.length).toBe((step % 3 === 2 ? 22 : 64) * 64 * 64 * 3);
    }
  });
});

describe.skipIf(!hasShared)("the real images of Tiny-ImageNet in shared/", () => {
  const archive = shared("data/tiny-imagenet-200-subset.zip");

  // Pillow 13.0.0 with libjpeg-turbo 3.2.0, Image.open(f).convert("RGB"); NumPy, C order; images in the order above.
  it("are packed as Pillow decodes them, to the bit", async () => {
    const dataDir = temporaryFolder();
    await prepareDataset("tiny-imagenet", dataDir, { from: archive });
    const { train, test } = openDataset("tiny-imagenet", dataDir);
    expect([train.count, test.count]).toEqual([1000, 600]);
    for (const [split, digests] of [
      [
        train,
        "31ae6e91e250d7383506cc470365e50be6612f93f00a97bcb0d56956525fce4e b628a12f784b4f01e880733a6eff8a97931d91b0a7f58d023660a45b8bf8f010",
      ],
      [
        test,
        "20492cd1012c6fcb8416dd3e9ac5b5b3a5fb97c04660c521864f8b1ea19f6aee 1cb25b4e7fd1e40a686069f0d1bd17e6fb3729f2168405adcee90b2eac5ec5ec",
      ],
    ] as const)
      expect(`${sha256(split.images.read(0, split.count))} ${sha256(split.labels)}`).toBe(digests);
  });

  it("have the labels of their folders and annotations, every one, and grey ones three equal channels", async () => {
    const dataDir = temporaryFolder();
    await prepareDataset("tiny-imagenet", dataDir, { from: archive });
    const dataset = openDataset("tiny-imagenet", dataDir);
    const entries = await readEntries(archive);
    const sorted = (entries.get("wnids.txt") as Buffer).toString().trim().split(/\s+/).sort();
    const annotations = new Map(
      (entries.get("val/val_annotations.txt") as Buffer)
        .toString()
        .trim()
        .split("\n")
        .map((row) => row.split("\t") as [string, string]),
    );
    let grey = 0;
    for (const [split, prefix] of [
      ["train", "train/"],
      ["test", "val/images/"],
    ] as const) {
      const { images, labels, count } = dataset[split];
      const stored = new Map<string, number>();
      for (let index = 0; index < count; index++)
        stored.set(sha256(images.read(index, 1)), labels[index] as number);
      let checked = 0;
      for (const [name, content] of entries) {
        if (!name.startsWith(prefix) || !name.endsWith(".JPEG")) continue;
        const parts = name.split("/");
        const wnid = split === "train" ? parts[1] : annotations.get(parts.at(-1) ?? "");
        const pixels = await sharp(content).toColourspace("srgb").raw().toBuffer();
        const label = stored.get(sha256(pixels));
        expect(sorted[label ?? -1], name).toBe(wnid);
        checked++;
        if ((await sharp(content).metadata()).channels !== 1) continue;
        grey++;
        expect(pixels.every((value, at) => value === pixels[at - (at % 3)])).toBe(true);
      }
      expect([checked, stored.size]).toEqual([count, count]);
    }
    expect(grey).toBe(31);
  });

  it("are of the classes this program names", async () => {
    const words = ((await readEntries(archive)).get("words.txt") as Buffer).toString().trim().split("\n");
    const named = new Map(words.map((row) => row.split("\t") as [string, string]));
    expect([...named.keys()].sort()).toEqual(wnids);
    expect(datasets["tiny-imagenet"].classNames).toEqual(wnids.map((wnid) => named.get(wnid)?.split(",")[0]));
  });
});

function withoutImages(wnid: string): Changes {
  return { [`train/${wnid}/images/${wnid}_9.JPEG`]: null, [`train/${wnid}/images/${wnid}_10.JPEG`]: null };
}

/** A JPEG that is long enough to be cut amid its pixels. */
function noise(): Promise<Buffer> {
  const pixels = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * index * 31) % 251));
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
    .jpeg({ quality: 100 })
    .toBuffer();
}

/** A JPEG whose header says 65,500 pixels a side. */
async function huge(): Promise<Buffer> {
  const small = await jpeg([1, 2, 3]);
  const frame = small.indexOf(Buffer.from([0xff, 0xc0]));
  small.writeUInt16BE(65_500, frame + 5);
  small.writeUInt16BE(65_500, frame + 7);
  return small;
}

/** Every file of the archive as yauzl reads it, by its name within the archive's folder. */
async function readEntries(path: string): Promise<Map<string, Buffer>> {
  const zip = await openPromise(path, { autoClose: false });
  const entries = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    entries.set(entry.fileName.replace(`${folder}/`, ""), Buffer.concat(chunks));
  }
  zip.close();
  return entries;
}
