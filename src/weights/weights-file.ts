import { loadWeights, type StoredTensor, type StoredWeights, type Weights } from "../graph/parameters.js";
import { InputError } from "../errors.js";
import { FORMAT_HEAD, otherFormat } from "../files/file-format.js";
import { isFloat, toFloat32 } from "./dtype.js";
import { preferenceOf } from "./preference.js";
import { isNpz, openNpz } from "./npz.js";
import { openSafetensors } from "./safetensors.js";
import { type SourceFile, damagedFile, quoted, unknownFormat, withSourceFile } from "./source-file.js";
import type { TorchFile } from "./torch-file.js";
import { readTorchLegacy } from "./torch-legacy.js";
import { findTorchSets, type UnnamedTensors } from "./torch-sets.js";
import { gather } from "./torch-tensor.js";
import { readTorchZip } from "./torch-zip.js";
import { readZipMembers, type ZipMember } from "./zip.js";

export type WeightsFormat = "torch-zip" | "torch-legacy" | "safetensors" | "npz";

/** A set of floating-point tensors in a file, by their names there: still stored in it, or already read. */
export interface WeightSet<Tensors = StoredWeights> {
  /** The keys that lead to it, joined by dots; "" for the file's own. */
  readonly key: string;
  readonly weights: Tensors;
  /** What stands beside them, and is no floating-point tensor. */
  readonly leftOut: readonly string[];
}

/** The sets of tensors in a weights file, likeliest first, and lists of tensors without names. */
export interface WeightsFile {
  readonly format: WeightsFormat;
  readonly sets: readonly [WeightSet, ...WeightSet[]];
  readonly unnamed: readonly UnnamedTensors[];
}

/** All tensors together may have as many values as the file has bytes, as in a float16 file with tied weights, and this many more. */
const SPARE_VALUES = 2 ** 20;

/**
 * Opens a PyTorch (zip or legacy), safetensors or npz file, recognised by its content, and lets `use` read its tensors as float32.
 * The file stays open until what `use` returns has settled.
 *
 * @throws {InputError} if the file is something else, damaged, hostile, or holds no weights; reading a tensor may throw it too.
 */
export function withWeightsFile<T>(path: string, use: (file: WeightsFile) => T | Promise<T>): Promise<T> {
  return withSourceFile(path, async (file) => use(await openWeights(file)));
}

/**
 * Opens a weights file as {@link withWeightsFile} does, and reads all tensors of its likeliest set.
 *
 * @throws {InputError} if the file is something else, damaged, hostile, or holds no weights.
 */
export function readWeightsFile(
  path: string,
): Promise<WeightSet<Weights> & { readonly format: WeightsFormat }> {
  return withWeightsFile(path, ({ format, sets: [{ key, weights, leftOut }] }) => ({
    format,
    key,
    weights: loadWeights(weights),
    leftOut,
  }));
}

async function openWeights(file: SourceFile): Promise<WeightsFile> {
  const container = recognise(file);
  switch (container) {
    case "safetensors":
      return { format: container, ...safetensorsWeights(file) };
    case "torch-legacy":
      return { format: container, ...torchWeights(readTorchLegacy(file), file) };
    case "zip": {
      const members = await readZipMembers(file);
      return isNpz(members)
        ? { format: "npz", ...npzWeights(file, members) }
        : { format: "torch-zip", ...torchWeights(readTorchZip(file, members), file) };
    }
  }
}

function recognise(file: SourceFile): "zip" | "torch-legacy" | "safetensors" {
  const { path } = file;
  const head = Buffer.from(file.bytes(0, Math.min(file.size, FORMAT_HEAD)));
  const text = head.toString("latin1");
  if (text.startsWith("PK\x03\x04")) return "zip";
  if (head.length >= 9 && head[8] === 0x7b && head.readBigUInt64LE() < 2n ** 40n) return "safetensors";
  const other = otherFormat(head, "weights");
  if (other) throw unknownFormat(path, other.found, other.fix);
  // A pickle's protocol mark, or what a pickle without one can start with.
  if (head[0] === 0x80 || /^(c[\w.]+\n|L\d+L\n|[(\]}])/.test(text)) return "torch-legacy";
  throw unknownFormat(path, `bytes that start with ${quoted(text.slice(0, 8))}`);
}

type Sets = Omit<WeightsFile, "format">;

function oneSet(weights: StoredWeights, leftOut: readonly string[]): Sets {
  return { sets: [{ key: "", weights, leftOut }], unnamed: [] };
}

function safetensorsWeights(file: SourceFile): Sets {
  const { tensors } = openSafetensors(file);
  const weights = new Map<string, StoredTensor>();
  const leftOut: string[] = [];
  for (const [name, { dtype, shape, read }] of tensors) {
    if (isFloat(dtype)) weights.set(name, { shape, read: () => toFloat32(read(), dtype) });
    else leftOut.push(name);
  }
  if (weights.size === 0) throw noWeights(file.path, [...tensors.keys()]);
  return oneSet(weights, leftOut);
}

function npzWeights(file: SourceFile, members: ReadonlyMap<string, ZipMember>): Sets {
  const { tensors, others } = openNpz(file, members);
  if (tensors.size === 0) throw noWeights(file.path, others);
  return oneSet(tensors, others);
}

function torchWeights({ root, storageBytes }: TorchFile, file: SourceFile): Sets {
  const found = findTorchSets(root);
  const sets = found.sets.map(({ key, tensors, leftOut }): WeightSet => {
    let values = 0;
    const weights = new Map<string, StoredTensor>();
    for (const [name, tensor] of tensors) {
      const { storage, offset, shape, count, span } = tensor;
      const { dtype } = storage;
      if (!isFloat(dtype)) continue;
      values += Math.max(count, span);
      if (values > file.size + SPARE_VALUES)
        throw damagedFile(file.path, `tensor ${quoted(name)} repeats its values more often than weights do`);
      const read = (): Float32Array => gather(tensor, toFloat32(storageBytes(storage, offset, span), dtype));
      weights.set(name, { shape, read });
    }
    return { key, weights, leftOut };
  });
  const size = ({ weights }: WeightSet): number => weights.size;
  // Equally likely ones: a value or two beside the weights come after them.
  const [first, ...others] = sets.toSorted(
    (a, b) => preferenceOf(b.key) - preferenceOf(a.key) || size(b) - size(a),
  );
  if (first === undefined) throw noWeights(file.path, root instanceof Map ? [...root.keys()] : []);
  return { sets: [first, ...others], unnamed: found.unnamed };
}

function noWeights(path: string, keys: readonly unknown[]): InputError {
  const names = keys.slice(0, 8).map((key) => (typeof key === "string" ? quoted(key) : typeof key));
  return new InputError(`${path} holds no weights`, {
    expected: "floating-point tensors by name, at the beginning or under keys such as state_dict, model, net",
    found: keys.length === 0 ? "no dictionary" : `keys ${names.join(", ")}${keys.length > 8 ? ", ..." : ""}`,
    fix: "save them in PyTorch with torch.save(model.state_dict(), FILE)",
  });
}
