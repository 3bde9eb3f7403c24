import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import sharp from "sharp";
import { datasets } from "#mtard/data/datasets.js";
import { temporaryFolder } from "./tiny-cifar.js";

export const { wnids, folder } = datasets["tiny-imagenet"].origin;

/** A JPEG of one colour; `grey` writes a single channel. */
export async function jpeg(
  colour: readonly [number, number, number],
  { grey = false, width = 64, height = 64 } = {},
): Promise<Buffer> {
  const [r, g, b] = colour;
  const image = sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
  return (grey ? image.toColourspace("b-w") : image).jpeg({ quality: 100 }).toBuffer();
}

/** Changes to the archive: other contents by name, null to leave a file out. */
export type Changes = Readonly<Record<string, Uint8Array | string | null>>;

/** The files of an archive with a training image a class, two of the first two, and three of val; names without its folder. */
export async function tinyImageNetFiles(changes: Changes = {}): Promise<Map<string, Uint8Array>> {
  const red = await jpeg([200, 30, 40]);
  const grey = await jpeg([90, 90, 90], { grey: true });
  const files: [string, Uint8Array | string | null][] = [
    ["wnids.txt", wnids.toReversed().join("\n")],
    ["words.txt", "not read"],
    ...wnids.map((wnid): [string, Uint8Array] => [`train/${wnid}/images/${wnid}_10.JPEG`, red]),
    // The first number is larger as a number and smaller as text.
    ...wnids.slice(0, 2).map((wnid): [string, Uint8Array] => [`train/${wnid}/images/${wnid}_9.JPEG`, grey]),
    [
      "val/val_annotations.txt",
      [12, 3, 7].map((n) => `val_${n}.JPEG\t${wnids[n] ?? ""}\t0\t0\t63\t63\n`).join(""),
    ],
    ...[12, 3, 7].map((n): [string, Uint8Array] => [`val/images/val_${n}.JPEG`, n === 7 ? grey : red]),
    ["test/images/test_0.JPEG", "not read"],
  ];
  const changed = new Map([...files, ...Object.entries(changes)]);
  return new Map(
    [...changed].flatMap(([name, content]) =>
      content === null ? [] : [[name, Buffer.from(content as string)]],
    ),
  );
}

/** The archive's files in a folder of their own. */
export async function unpackedTinyImageNet(changes: Changes = {}): Promise<string> {
  const root = join(temporaryFolder(), folder);
  for (const [name, content] of await tinyImageNetFiles(changes)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

/** The archive as a zip. */
export async function zippedTinyImageNet(changes: Changes = {}): Promise<string> {
  const files = await tinyImageNetFiles(changes);
  return writeZip(Array.from(files, ([name, content]) => ({ name: `${folder}/${name}`, content })));
}

/** A zip's entry; what its headers say can be other than the truth. */
export interface CraftedEntry {
  readonly name: string;
  readonly content: Uint8Array;
  /** 8 deflates. */
  readonly method?: number;
  readonly flags?: number;
  readonly declaredSize?: number;
  readonly checksum?: number;
}

/** Writes a zip archive by hand, as no packer would write it. */
export function writeZip(entries: readonly CraftedEntry[]): string {
  const [locals, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const { name, content, method = 8, flags = 0, declaredSize, checksum } of entries) {
    const bytes = method === 8 ? deflateRawSync(content) : content;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(checksum ?? crc32(content), 10);
    fields.writeUInt32LE(bytes.length, 14);
    fields.writeUInt32LE(declaredSize ?? content.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), fields, rest, Buffer.from(name));
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, Buffer.from(name), bytes]);
    locals.push(local);
    offset += local.length;
  }
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  const path = join(temporaryFolder(), "tiny-imagenet-200.zip");
  writeFileSync(path, Buffer.concat([...locals, ...directory, end]));
  return path;
}
