import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { imagesInNpz } from "#mtard/evaluation/image-files.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-images-"));
afterAll(() => rmSync(folder, { recursive: true }));

const shape = { height: 2, width: 2, channels: 3 };
const SIZE = 12;

function npy(extents: string, values: Float32Array): Buffer {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${extents}), }\n`;
  const head = Buffer.from("\x93NUMPY\x01\0\0\0", "latin1");
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text), Buffer.from(values.buffer)]);
}

/** An npz file as `numpy.savez_compressed` writes it; of the images, the last `cut` packed bytes are spoilt. */
function compressed(members: Record<string, Buffer>, cut = 0): string {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const [name, content] of Object.entries(members)) {
    const packed = deflateRawSync(content);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const stored = Buffer.from(packed);
    if (cut > 0 && name === "images.npy") stored.fill(0xff, stored.length - cut);
    pieces.push(Buffer.from("PK\x03\x04"), fields, Buffer.from(name), stored);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(position, 10);
    directory.push(Buffer.from("PK\x01\x02"), Buffer.of(20, 0), fields, place, Buffer.from(name));
    position += 30 + name.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  const count = Object.keys(members).length;
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(position, 16);
  const path = join(folder, "file.npz");
  writeFileSync(path, Buffer.concat([...pieces, list, end]));
  return path;
}

const values = (count: number): Float32Array =>
  Float32Array.from({ length: count * SIZE }, (_, index) => (index % 251) / 251);
const labels = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => index % 10);

describe("imagesInNpz", () => {
  it("reads the first images of a packed file, and no more", async () => {
    const count = 200_000;
    const path = compressed({
      "images.npy": npy(`${count}, 2, 2, 3`, values(count)),
      "labels.npy": npy(`${count},`, labels(count)),
    });
    const before = process.memoryUsage().arrayBuffers;
    const images = await imagesInNpz(path, shape, 3);
    // All of them would take 10 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5e6);
    expect(images.count).toBe(3);
    expect(Array.from(images.labels)).toEqual([0, 1, 2]);
    expect([...images.read([2])]).toEqual([...values(3).subarray(2 * SIZE)]);
  });

  it("checks all where all are read", async () => {
    const members = {
      "images.npy": npy("40, 2, 2, 3", values(40)),
      "labels.npy": npy("40,", labels(40)),
    };
    expect((await imagesInNpz(compressed(members), shape, 100)).count).toBe(40);
    await expect(imagesInNpz(compressed(members, 4), shape, 100)).rejects.toThrow(/damaged/);
  });

  it("refuses values outside [0, 1] among those that it reads", async () => {
    const bad = values(5);
    bad[2 * SIZE] = 200;
    const path = compressed({ "images.npy": npy("5, 2, 2, 3", bad), "labels.npy": npy("5,", labels(5)) });
    expect((await imagesInNpz(path, shape, 2)).count).toBe(2);
    await expect(imagesInNpz(path, shape, 3)).rejects.toThrow(/image 2 of .* has a pixel value outside/);
  });
});
