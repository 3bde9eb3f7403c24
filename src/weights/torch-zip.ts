import { crc32 } from "node:zlib";
import { InputError } from "../errors.js";
import { elementSizes } from "./dtype.js";
import { MAXIMUM_PICKLE_BYTES, unpickle } from "./pickle.js";
import { type SourceFile, damagedFile, quoted } from "./source-file.js";
import type { TorchFile } from "./torch-file.js";
import { torchRules } from "./torch-pickle.js";
import type { ZipMember } from "./zip.js";

/** How many bytes are read at a time to check a storage. */
const CHECKED_PIECE = 2 ** 20;

/**
 * Reads the pickle of a PyTorch zip file (`torch.save` since 1.6); storages, or parts of them, are read from the file when asked for.
 * Checks a storage's CRC-32 once, before any part of it is handed out.
 *
 * @throws {InputError} if the archive is damaged, compressed, not PyTorch's, or its pickle asks for anything outside the allow-list.
 */
export function readTorchZip(file: SourceFile, members: ReadonlyMap<string, ZipMember>): TorchFile {
  const { path } = file;
  const folder = archiveFolder(members, path);

  const find = (name: string): ZipMember => {
    const member = members.get(name);
    if (member === undefined) throw damagedFile(path, `the archive has no ${quoted(name)}`);
    if (member.packing !== "stored") throw compressedArchive(path, name, member);
    return member;
  };
  const checked = new Set<string>();
  const check = (name: string, found: number, checksum: number): void => {
    // torch.serialization.set_crc32_options(False) writes 0.
    if (checksum !== 0 && found !== checksum) throw damagedFile(path, `${quoted(name)} fails its checksum`);
    checked.add(name);
  };
  const read = (name: string): Uint8Array<ArrayBuffer> => {
    const { start, size, checksum } = find(name);
    const bytes = file.bytes(start, size);
    if (!checked.has(name)) check(name, crc32(bytes), checksum);
    return bytes;
  };
  const readPart = (name: string, offset: number, length: number): Uint8Array<ArrayBuffer> => {
    const { start, size, checksum } = find(name);
    if (length === size) return read(name);
    if (!checked.has(name)) {
      let found = 0;
      for (let done = 0; done < size; done += CHECKED_PIECE)
        found = crc32(file.bytes(start + done, Math.min(CHECKED_PIECE, size - done)), found);
      check(name, found, checksum);
    }
    return file.bytes(start + offset, length);
  };

  if (members.has(`${folder}byteorder`) && Buffer.from(read(`${folder}byteorder`)).toString() !== "little") {
    throw new InputError(`${path} was written on a big-endian machine`, {
      expected: "little-endian numbers",
    });
  }
  const rules = torchRules(path);
  const pickle = read(`${folder}data.pkl`);
  if (pickle.length > MAXIMUM_PICKLE_BYTES) {
    throw new InputError(`${path} has a pickle of ${pickle.length} bytes`, {
      expected: `at most ${MAXIMUM_PICKLE_BYTES} bytes`,
    });
  }
  const { value } = unpickle(pickle, 0, rules);
  return {
    root: value,
    storageBytes: ({ key, dtype, total }, start, length) => {
      const name = `${folder}data/${key}`;
      const elementSize = elementSizes[dtype];
      const { size } = find(name);
      if (size !== total * elementSize) {
        throw damagedFile(path, `storage ${quoted(key)} has ${size} bytes instead of ${total * elementSize}`);
      }
      return readPart(name, start * elementSize, length * elementSize);
    },
  };
}

/** The one folder a PyTorch archive has, with its slash. */
function archiveFolder(members: ReadonlyMap<string, ZipMember>, path: string): string {
  const pickles = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new InputError(`${path} is a zip archive, but not one that PyTorch or NumPy wrote`, {
      expected: "one entry FOLDER/data.pkl, or entries NAME.npy",
      found: `${members.size} entries, such as ${[...members.keys()].slice(0, 2).map(quoted).join(", ")}`,
      fix: "if it is an archive around the weights, unpack it and give the file inside",
    });
  }
  const folder = pickle.slice(0, -"data.pkl".length);
  if (members.has(`${folder}constants.pkl`)) {
    throw new InputError(`${path} is a TorchScript program`, {
      expected: "a file of weights",
      fix: "save its weights alone in PyTorch: torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)",
    });
  }
  return folder;
}

function compressedArchive(path: string, name: string, { packing }: ZipMember): InputError {
  return new InputError(`${path} is a compressed or encrypted zip archive`, {
    expected: "the archive as torch.save wrote it, whose entries are stored",
    found: `${quoted(name)} is ${packing === "deflated" ? "deflated" : "packed in another way or encrypted"}`,
    fix: "unpack it and pack it again without compression: zip -0 -r NEW_FILE FOLDER",
  });
}
