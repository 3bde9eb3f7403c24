import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "tar";
import { describe, expect, it } from "vitest";
import { publishedCorruptions } from "#mtard/corruptions/published.js";
import { datasets } from "#mtard/data/datasets.js";
import { InputError } from "#mtard/errors.js";
import { craftedArchive, temporaryFolder } from "../data/tiny-cifar.js";

const COUNT = 3;
const SIZE = 3072;

/** A `.npy` array as NumPy writes it. */
function npy(descr: string, shape: readonly number[], content: Uint8Array): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const header = `${text.padEnd(118 - 1)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([start, Buffer.from(header), content]);
}

const images = Uint8Array.from({ length: 5 * COUNT * SIZE }, (_, at) => Math.floor(at / SIZE));
const labels = Uint8Array.from({ length: 5 * COUNT }, (_, at) => (7 * (at % COUNT)) % 10);

/** CIFAR-10-C with three images; `changes` replaces files. */
function unpacked(changes: Readonly<Record<string, Uint8Array>> = {}): string {
  const folder = join(temporaryFolder(), "CIFAR-10-C");
  mkdirSync(folder);
  const files = {
    "fog.npy": npy("|u1", [5 * COUNT, 32, 32, 3], images),
    "jpeg_compression.npy": npy("|u1", [5 * COUNT, 32, 32, 3], images),
    "labels.npy": npy("|u1", [5 * COUNT], labels),
    ...changes,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

function archived(changes: Readonly<Record<string, Uint8Array>> = {}, options: object = {}): string {
  const folder = unpacked(changes);
  const file = join(folder, "..", "CIFAR-10-C.tar");
  create({ file, sync: true, cwd: join(folder, ".."), ...options }, ["CIFAR-10-C"]);
  return file;
}

const open = (path: string, count?: number): ReturnType<typeof publishedCorruptions> =>
  publishedCorruptions(path, datasets.cifar10, count);

describe("published corruptions", () => {
  it.each([
    ["an archive", () => archived()],
    ["a portable archive", () => archived({}, { portable: true })],
    ["a folder", () => unpacked()],
    ["a folder above it", () => join(unpacked(), "..")],
  ])("are read from %s: the images of each severity, and the labels", async (_, make) => {
    const found = open(make(), 2);
    expect(found.count).toBe(2);
    expect([...found.labels]).toEqual([0, 7]);
    expect(found.lacks("jpeg-compression")).toBeNull();
    expect(found.lacks("snow")).toContain("lacks snow.npy");
    const bytes = await found.read("jpeg-compression", 4, () => undefined);
    expect(bytes.length).toBe(2 * SIZE);
    expect([bytes[0], bytes[SIZE]]).toEqual([3 * COUNT, 3 * COUNT + 1]);
  });

  it("have a checksum of their bytes, in an archive as in a folder", () => {
    const [one, other] = [open(archived()), open(unpacked())];
    expect(one.originOf("fog", 1)).toEqual(other.originOf("fog", 1));
    const changed = Uint8Array.from(images, (byte, at) => (at === 9 ? 200 : byte));
    const third = open(unpacked({ "fog.npy": npy("|u1", [5 * COUNT, 32, 32, 3], changed) }));
    expect(third.originOf("fog", 1).file).not.toBe(one.originOf("fog", 1).file);
  });

  it("may have labels of eight bytes", () => {
    const wide = new BigInt64Array([...labels].map(BigInt));
    const found = open(unpacked({ "labels.npy": npy("<i8", [5 * COUNT], new Uint8Array(wide.buffer)) }));
    expect([...found.labels]).toEqual([0, 7, 4]);
  });

  it.each<[string, () => string, RegExp]>([
    ["nothing", () => join(temporaryFolder(), "none.tar"), /there is no/],
    ["an empty folder", () => temporaryFolder(), /lacks labels.npy/],
    ["a compressed archive", () => archived({}, { gzip: true }), /not a whole plain tar/],
    [
      "a link",
      () => craftedArchive({ path: "labels.npy", type: "2", linkpath: "/etc/passwd" }),
      /holds something/,
    ],
    ["a way out", () => craftedArchive({ path: "../labels.npy" }), /holds something/],
    ["an archive cut short", () => cut(archived()), /not a whole plain tar/],
    [
      "an entry of more than there is",
      () => craftedArchive({ path: "labels.npy", size: 2 ** 30 }),
      /not a whole/,
    ],
    ["labels of CIFAR-100", () => unpacked({ "labels.npy": labelled(99) }), /not those of the benchmark/],
    ["labels that change", () => unpacked({ "labels.npy": labelled(3) }), /not those of the benchmark/],
    ["no labels", () => unpacked({ "labels.npy": npy("|u1", [0], new Uint8Array(0)) }), /not those/],
    ["labels that are texts", () => unpacked({ "labels.npy": Buffer.from("\u001b[31mno") }), /is damaged/],
  ])("are refused as InputErrors: %s", (_, make, message) => {
    const path = make();
    expect(() => open(path)).toThrow(InputError);
    expect(() => open(path)).toThrow(message);
  });

  it.each<[string, Uint8Array]>([
    ["another count", npy("|u1", [COUNT, 32, 32, 3], images.subarray(0, COUNT * SIZE))],
    ["floats", npy("<f4", [5 * COUNT, 32, 32, 3], new Uint8Array(4 * images.length))],
    ["fewer bytes than its header says", npy("|u1", [5 * COUNT, 32, 32, 3], images.subarray(5))],
    ["an extent beyond all numbers", npy("|u1", [5 * COUNT, 32, 32, 3, 10 ** 14], images)],
  ])("refuse an array with %s before any image is read", (_, content) => {
    const found = open(unpacked({ "fog.npy": content }));
    expect(() => found.read("fog", 1, () => undefined)).toThrow(InputError);
  });

  it("are refused for a data set without an archive of arrays", () => {
    expect(() => publishedCorruptions(unpacked(), datasets["tiny-imagenet"])).toThrow(/reads no published/);
  });
});

function cut(path: string): string {
  truncateSync(path, readFileSync(path).length - 3000);
  return path;
}

/** Labels whose last one is another. */
function labelled(last: number): Uint8Array {
  return npy(
    "|u1",
    [5 * COUNT],
    Uint8Array.from(labels, (label, at) => (at === labels.length - 1 ? last : label)),
  );
}
