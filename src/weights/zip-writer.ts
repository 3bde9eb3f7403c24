import { crc32 } from "node:zlib";
import { WorkError } from "../errors.js";
import { quoted } from "./source-file.js";

/** Larger positions and sizes need the zip64 extension, which nothing here writes. */
const MAXIMUM_POSITION = 2 ** 32 - 1;
const MAXIMUM_MEMBERS = 2 ** 16 - 1;
/** The version of the format that can read stored members, and the flag for names in UTF-8. */
const VERSION = 20;
const UTF8 = 1 << 11;
/** 1 January 1980, so that the same members give the same bytes. */
const DATE = (1 << 5) | 1;

/**
 * A zip archive of stored members, as pieces to be written one after another.
 *
 * @throws {WorkError} if a name occurs twice, or the archive would pass 4 GiB.
 * @see PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16
 */
export function* encodeZip(
  members: Iterable<{ readonly name: string; readonly pieces: readonly Uint8Array[] }>,
): Generator<Uint8Array> {
  const directory: Buffer[] = [];
  const names = new Set<string>();
  let position = 0;
  for (const { name, pieces: given } of members) {
    // On an empty piece, Node's crc32 forgets the sum so far.
    const pieces = given.filter(({ length }) => length > 0);
    if (names.has(name)) throw new WorkError(`two members are called ${quoted(name)}`);
    names.add(name);
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const path = Buffer.from(name);
    if (position + 30 + path.length + size > MAXIMUM_POSITION || names.size > MAXIMUM_MEMBERS)
      throw new WorkError("a zip archive holds at most 4 GiB and 65,535 members", {
        fix: "choose safetensors",
      });

    const described = Buffer.alloc(26);
    described.writeUInt16LE(VERSION, 0);
    described.writeUInt16LE(UTF8, 2);
    described.writeUInt16LE(DATE, 8);
    described.writeUInt32LE(
      pieces.reduce((sum, piece) => crc32(piece, sum), 0),
      10,
    );
    described.writeUInt32LE(size, 14);
    described.writeUInt32LE(size, 18);
    described.writeUInt16LE(path.length, 22);
    yield Buffer.concat([Buffer.from("PK\x03\x04"), described, path]);
    yield* pieces;

    const place = Buffer.alloc(14);
    place.writeUInt32LE(position, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.of(VERSION, 0), described, place, path]));
    position += 30 + path.length + size;
  }
  const length = directory.reduce((sum, entry) => sum + entry.length, 0);
  yield* directory;
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(names.size, 8);
  end.writeUInt16LE(names.size, 10);
  end.writeUInt32LE(length, 12);
  end.writeUInt32LE(position, 16);
  yield end;
}
