import { InputError } from "../errors.js";
import { elementSizes } from "./dtype.js";
import { MAXIMUM_PICKLE_BYTES, unpickle } from "./pickle.js";
import { type SourceFile, damagedFile, quoted, unknownFormat } from "./source-file.js";
import type { TorchFile } from "./torch-file.js";
import { torchRules } from "./torch-pickle.js";

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;

/**
 * Reads the pickles of a legacy PyTorch file (`torch.save` before 1.6): magic number, protocol version, system, the value and the
 * list of storages, then each storage as a 64-bit count of elements and its bytes, which are read when asked for.
 *
 * @throws {InputError} if the file is not such a file, is damaged, or asks for anything outside the allow-list.
 */
export function readTorchLegacy(file: SourceFile): TorchFile {
  const { root, starts } = readPickles(file);
  return {
    root,
    storageBytes: ({ key, dtype }, start, length) => {
      const position = starts.get(key);
      if (position === undefined) throw damagedFile(file.path, `it has no storage ${quoted(key)}`);
      const size = elementSizes[dtype];
      return file.bytes(position + start * size, length * size);
    },
  };
}

/** Reads the value, and where each storage's elements start in the file; the bytes read are not kept. */
function readPickles(file: SourceFile): { root: unknown; starts: ReadonlyMap<string, number> } {
  const { path } = file;
  const head = file.bytes(0, Math.min(file.size, MAXIMUM_PICKLE_BYTES));
  const rules = torchRules(path);
  let position = 0;
  const next = (): unknown => {
    const { value, end } = unpickle(head, position, rules);
    position = end;
    return value;
  };

  if (next() !== MAGIC_NUMBER) throw unknownFormat(path, "a Python pickle without PyTorch's magic number");
  if (next() !== PROTOCOL_VERSION) throw damagedFile(path, "it has another protocol version than 1001");
  const system = next();
  if (system instanceof Map && system.get("little_endian") === false) {
    throw new InputError(`${path} was written on a big-endian machine`, {
      expected: "little-endian numbers",
    });
  }
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw damagedFile(path, "its list of storages is not a list");

  const starts = new Map<string, number>();
  for (const key of keys as readonly unknown[]) {
    const storage = typeof key === "string" ? rules.storages.get(key) : undefined;
    if (storage === undefined || starts.has(storage.key)) {
      throw damagedFile(path, "its list of storages does not fit its tensors");
    }
    const count = new DataView(file.bytes(position, 8).buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.total)) {
      throw damagedFile(
        path,
        `storage ${quoted(storage.key)} has ${count} elements instead of ${storage.total}`,
      );
    }
    starts.set(storage.key, position + 8);
    position += 8 + storage.total * elementSizes[storage.dtype];
    if (position > file.size) throw damagedFile(path, `it ends before storage ${quoted(storage.key)} does`);
  }
  return { root, starts };
}
