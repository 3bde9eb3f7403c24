import { loadWeights, type StoredTensor, type StoredWeights, type Weights } from "../graph/parameters.js";
import { InputError } from "../errors.js";
import { isFloat, toFloat32 } from "./dtype.js";
import { isNpz, openNpz } from "./npz.js";
import { openSafetensors } from "./safetensors.js";
import { type SourceFile, damagedFile, quoted, unknownFormat, withSourceFile } from "./source-file.js";
import type { TorchFile } from "./torch-file.js";
import { readTorchLegacy } from "./torch-legacy.js";
import { TorchTensor, gather } from "./torch-tensor.js";
import { readTorchZip } from "./torch-zip.js";
import { readZipMembers, type ZipMember } from "./zip.js";

export type WeightsFormat = "torch-zip" | "torch-legacy" | "safetensors" | "npz";

/** The floating-point tensors of a weights file, by their names in the file: still stored in it, or already read. */
export interface WeightsFile<Tensors = StoredWeights> {
  readonly format: WeightsFormat;
  readonly weights: Tensors;
  /** What a user may want to know: where in the file the weights were, and what was left out. */
  readonly notes: readonly string[];
}

/** Where training scripts put a state dict; the first that is there wins. */
const wrapperKeys = [
  "state_dict",
  "model_state_dict",
  "net",
  "model",
  "network",
  "ema",
  "ema_state_dict",
  "model_ema",
  "state_dict_ema",
] as const;

const MAXIMUM_NESTING = 3;

/** All tensors together may have as many values as the file has bytes, as in a float16 file with tied weights, and this many more. */
const SPARE_VALUES = 2 ** 20;

/**
 * Opens a PyTorch (zip or legacy), safetensors or npz file, recognised by its content, and lets `use` read its tensors as float32.
 * The file stays open until what `use` returns has settled.
 *
 * `num_batches_tracked` is left out, as nothing reads it; other integers are left out with a note.
 *
 * @param key Where in a PyTorch file to look first, before the usual keys.
 * @throws {InputError} if the file is something else, damaged, hostile, or holds no weights; reading a tensor may throw it too.
 */
export function withWeightsFile<T>(
  path: string,
  use: (file: WeightsFile) => T | Promise<T>,
  key?: string,
): Promise<T> {
  return withSourceFile(path, async (file) => use(await openWeights(file, key)));
}

/**
 * Opens a weights file as {@link withWeightsFile} does, and reads all its tensors.
 *
 * @throws {InputError} if the file is something else, damaged, hostile, or holds no weights.
 */
export function readWeightsFile(path: string): Promise<WeightsFile<Weights>> {
  return withWeightsFile(path, (file) => ({ ...file, weights: loadWeights(file.weights) }));
}

async function openWeights(file: SourceFile, key?: string): Promise<WeightsFile> {
  const container = recognise(file);
  switch (container) {
    case "safetensors":
      return { format: container, ...safetensorsWeights(file) };
    case "torch-legacy":
      return { format: container, ...torchWeights(readTorchLegacy(file), file, key) };
    case "zip": {
      const members = await readZipMembers(file);
      return isNpz(members)
        ? { format: "npz", ...npzWeights(file, members) }
        : { format: "torch-zip", ...torchWeights(readTorchZip(file, members), file, key) };
    }
  }
}

function recognise(file: SourceFile): "zip" | "torch-legacy" | "safetensors" {
  const { path } = file;
  const head = Buffer.from(file.bytes(0, Math.min(file.size, 1024)));
  const text = head
    .toString("latin1")
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart();
  if (text.startsWith("PK\x03\x04")) return "zip";
  if (/^<(!doctype|html|head|body|!--|\?xml)/i.test(text)) {
    throw unknownFormat(
      path,
      "a web page",
      "download the file itself: the address gave a page about it, or an error",
    );
  }
  if (text.startsWith("version https://git-lfs")) {
    throw unknownFormat(path, "a Git LFS pointer", "fetch the file it stands for with: git lfs pull");
  }
  if (text.startsWith("\x93NUMPY")) {
    throw unknownFormat(
      path,
      "a single NumPy array, without a name",
      "save the arrays by name with numpy.savez(FILE, **arrays); of DeepMind's weights take the .pt file",
    );
  }
  if (head.length >= 9 && head[8] === 0x7b && head.readBigUInt64LE() < 2n ** 40n) return "safetensors";
  // A pickle's protocol mark, or what a pickle without one can start with.
  if (head[0] === 0x80 || /^(c[\w.]+\n|L\d+L\n|[(\]}])/.test(text)) return "torch-legacy";
  throw unknownFormat(path, `bytes that start with ${quoted(head.subarray(0, 8).toString("latin1"))}`);
}

function safetensorsWeights(file: SourceFile): Omit<WeightsFile, "format"> {
  const { tensors } = openSafetensors(file);
  const weights = new Map<string, StoredTensor>();
  const leftOut: string[] = [];
  for (const [name, { dtype, shape, read }] of tensors) {
    if (isFloat(dtype)) weights.set(name, { shape, read: () => toFloat32(read(), dtype) });
    else leftOut.push(name);
  }
  if (weights.size === 0) throw noWeights(file.path, [...tensors.keys()]);
  return { weights, notes: leftOutNotes(leftOut) };
}

function npzWeights(file: SourceFile, members: ReadonlyMap<string, ZipMember>): Omit<WeightsFile, "format"> {
  const { tensors, others } = openNpz(file, members);
  if (tensors.size === 0) throw noWeights(file.path, others);
  return { weights: tensors, notes: leftOutNotes(others) };
}

function torchWeights(
  { root, storageBytes }: TorchFile,
  file: SourceFile,
  key?: string,
): Omit<WeightsFile, "format"> {
  const { path } = file;
  const inner: unknown = key !== undefined && root instanceof Map ? root.get(key) : undefined;
  const found = findStateDict(inner, [key ?? ""], new Set()) ?? findStateDict(root, [], new Set());
  if (found === undefined) throw noWeights(path, root instanceof Map ? [...root.keys()] : []);
  const weights = new Map<string, StoredTensor>();
  const leftOut: string[] = [];
  let values = 0;

  for (const [name, tensor] of found.stateDict) {
    if (typeof name !== "string") throw damagedFile(path, "its state dict has a key that is not text");
    if (!(tensor instanceof TorchTensor)) {
      leftOut.push(name);
      continue;
    }
    const { storage, offset, shape, count, span } = tensor;
    const { dtype } = storage;
    if (!isFloat(dtype)) {
      leftOut.push(name);
      continue;
    }
    values += Math.max(count, span);
    if (values > file.size + SPARE_VALUES) {
      throw damagedFile(path, `tensor ${quoted(name)} repeats its values more often than weights do`);
    }
    weights.set(name, {
      shape,
      read: () => gather(tensor, toFloat32(storageBytes(storage, offset, span), dtype)),
    });
  }
  const where = found.keys.length === 0 ? [] : [`weights found under ${found.keys.map(quoted).join(" / ")}`];
  return { weights, notes: [...where, ...leftOutNotes(leftOut)] };
}

interface FoundStateDict {
  readonly stateDict: ReadonlyMap<unknown, unknown>;
  /** The keys that lead to it. */
  readonly keys: readonly string[];
}

/** The first dictionary with a floating-point tensor in it, at the top or under one of the usual keys. */
function findStateDict(
  value: unknown,
  keys: readonly string[],
  seen: Set<unknown>,
): FoundStateDict | undefined {
  if (!(value instanceof Map) || seen.has(value) || keys.length > MAXIMUM_NESTING) return undefined;
  seen.add(value);
  for (const item of value.values()) {
    if (item instanceof TorchTensor && isFloat(item.storage.dtype)) return { stateDict: value, keys };
  }
  for (const key of wrapperKeys) {
    const found = findStateDict(value.get(key), [...keys, key], seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

function noWeights(path: string, keys: readonly unknown[]): InputError {
  const names = keys.slice(0, 8).map((key) => (typeof key === "string" ? quoted(key) : typeof key));
  return new InputError(`${path} holds no weights`, {
    expected: `floating-point tensors by name, at the top or under ${wrapperKeys.slice(0, 4).join(", ")}`,
    found: keys.length === 0 ? "no dictionary" : `keys ${names.join(", ")}${keys.length > 8 ? ", ..." : ""}`,
    fix: "save them in PyTorch with torch.save(model.state_dict(), FILE)",
  });
}

function leftOutNotes(names: readonly string[]): string[] {
  const others = names.filter((name) => !isBatchCount(name));
  const shown = others.slice(0, 3).map(quoted).join(", ");
  return others.length === 0 ? [] : [`left out ${others.length} that are not floating point: ${shown}`];
}

/** Whether a name is batch norm's count of batches, which no network here reads. */
export function isBatchCount(name: string): boolean {
  return name === "num_batches_tracked" || name.endsWith(".num_batches_tracked");
}
