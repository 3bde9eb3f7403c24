import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { encodeZip } from "#mtard/weights/zip-writer.js";
import { temporaryFolder } from "./tiny-cifar.js";

export type Colour = readonly [red: number, green: number, blue: number];

/** An image of one colour, to be encoded. */
export function plain([r, g, b]: Colour, { width = 8, height = 8 } = {}): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

/** A PNG of pixels given row by row. */
export function pngOf(
  pixels: readonly number[],
  { width, height, channels }: { width: number; height: number; channels: 1 | 2 | 3 | 4 },
): Promise<Buffer> {
  return sharp(Uint8Array.from(pixels), { raw: { width, height, channels } }).png().toBuffer();
}

/** A PNG whose header claims this size; its checksum is right, its pixels are not there. */
export async function pngClaiming(width: number, height: number): Promise<Buffer> {
  const png = await plain([0, 0, 0]).png().toBuffer();
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

/** A folder with these files. */
export function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const root = join(temporaryFolder(), "own");
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

/** The same files as a zip archive. */
export function zipOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const members = Object.entries(files).map(([name, content]) => ({
    name,
    pieces: [Buffer.from(content as string)],
  }));
  const path = join(temporaryFolder(), "own.zip");
  writeFileSync(path, Buffer.concat([...encodeZip(members)]));
  return path;
}

/** Two classes of two red and two blue PNGs in each split. */
export async function twoClasses(
  changes: Readonly<Record<string, Uint8Array | string>> = {},
): Promise<Record<string, Uint8Array | string>> {
  const red = await plain([200, 30, 40]).png().toBuffer();
  const blue = await plain([10, 20, 220]).png().toBuffer();
  const files: Record<string, Uint8Array | string> = {};
  for (const split of ["train", "test"])
    for (const index of [1, 2]) {
      files[`${split}/red/${index}.png`] = red;
      files[`${split}/blue/${index}.png`] = blue;
    }
  return { ...files, ...changes };
}

/** An array as `numpy.save` writes it. */
export function npy(
  descr: string,
  shape: readonly number[],
  values: Uint8Array,
  columnMajor = false,
): Uint8Array {
  const tuple = shape.length === 1 ? `${shape.join()},` : shape.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': ${columnMajor ? "True" : "False"}, 'shape': (${tuple}), }\n`;
  const head = Buffer.alloc(10);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text), values]);
}

/** Bytes of a typed array. */
export const bytesOf = (array: Float32Array | BigInt64Array | Uint32Array | Uint16Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Texts as NumPy stores them, `<U` with this many characters each. */
export function texts(values: readonly string[], characters: number): Uint8Array {
  const codes = values.flatMap((text) =>
    Array.from({ length: characters }, (_, at) => text.codePointAt(at) ?? 0),
  );
  return npy(`<U${characters}`, [values.length], bytesOf(Uint32Array.from(codes)));
}

/** An npz file of these arrays. */
export function npzOf(arrays: Readonly<Record<string, Uint8Array>>): string {
  const members = Object.entries(arrays).map(([name, content]) => ({
    name: `${name}.npy`,
    pieces: [content],
  }));
  const path = join(temporaryFolder(), "own.npz");
  writeFileSync(path, Buffer.concat([...encodeZip(members)]));
  return path;
}
