import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/* PyTorch files of a state_dict, as torch.save writes them, tensor by tensor. */

/**
 * @typedef {object} Tensor
 * @property {string} name
 * @property {readonly number[]} shape
 * @property {() => Float32Array} values Asked for when they are written.
 */

/**
 * A PyTorch zip file (torch.save since 1.6), in pieces: stored entries, the data of each at a multiple of 64 bytes.
 *
 * @param {readonly Tensor[]} tensors Less than 4 GiB together.
 * @returns {Generator<Uint8Array>}
 */
export function* torchZip(tensors) {
  /** @type {Buffer[]} */
  const directory = [];
  let position = 0;
  /** @param {string} name @param {Uint8Array} data */
  function* entry(name, data) {
    const path = Buffer.from(`archive/${name}`);
    const padding = (64 - ((position + 30 + path.length + 4) % 64)) % 64;
    const common = Buffer.alloc(26);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const extra = Buffer.alloc(4 + padding);
    extra.write("FB", "latin1");
    extra.writeUInt16LE(padding, 2);
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(position, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\0\0", "latin1"), common, place, path]));
    const head = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), local, path, extra]);
    yield head;
    yield data;
    position += head.length + data.length;
  }
  yield* entry("data.pkl", Buffer.concat([Buffer.from("\x80\x02", "latin1"), stateDict(tensors, false)]));
  yield* entry("byteorder", Buffer.from("little"));
  for (const [index, { values }] of tensors.entries()) yield* entry(`data/${index}`, bytesOf(values()));
  yield* entry("version", Buffer.from("3\n"));
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(position, 16);
  yield list;
  yield end;
}

/**
 * A legacy PyTorch file (torch.save before 1.6), in pieces.
 *
 * @param {readonly Tensor[]} tensors
 * @returns {Generator<Uint8Array>}
 */
export function* torchLegacy(tensors) {
  const protocol = "\x80\x02";
  yield Buffer.from(`${protocol}\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.`, "latin1");
  yield Buffer.from(`${protocol}M\xe9\x03.`, "latin1");
  yield Buffer.concat([
    Buffer.from(`${protocol}}(`, "latin1"),
    ...[text("protocol_version"), integer(1001), text("little_endian"), Buffer.from("\x88u.", "latin1")],
  ]);
  yield Buffer.concat([Buffer.from(protocol, "latin1"), stateDict(tensors, true)]);
  const keys = tensors.map((_, index) => text(String(index)));
  yield Buffer.concat([Buffer.from(`${protocol}](`, "latin1"), ...keys, Buffer.from("e.", "latin1")]);
  for (const { values } of tensors) {
    const data = bytesOf(values());
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(data.length / 4));
    yield count;
    yield data;
  }
}

/**
 * The pickle of an OrderedDict of contiguous float32 tensors, each with a storage of its own, without the protocol's mark.
 *
 * @param {readonly Tensor[]} tensors
 * @param {boolean} legacy Whether a storage's name has a place for a view.
 */
function stateDict(tensors, legacy) {
  const pieces = [Buffer.from("ccollections\nOrderedDict\n)R(", "latin1")];
  for (const [index, { name, shape }] of tensors.entries()) {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, extent) => size * extent, 1));
    const count = shape.reduce((size, extent) => size * extent, 1);
    pieces.push(
      text(name),
      Buffer.from("ctorch._utils\n_rebuild_tensor_v2\n((", "latin1"),
      ...[text("storage"), Buffer.from("ctorch\nFloatStorage\n", "latin1")],
      ...[text(String(index)), text("cpu"), integer(count), Buffer.from(legacy ? "NtQ" : "tQ", "latin1")],
      ...[integer(0), tuple(shape), tuple(strides)],
      Buffer.from("\x89ccollections\nOrderedDict\n)RtR", "latin1"),
    );
  }
  return Buffer.concat([...pieces, Buffer.from("u.", "latin1")]);
}

/** @param {string} value */
function text(value) {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(5);
  head.write("X");
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** @param {number} value */
function integer(value) {
  const bytes = Buffer.alloc(5);
  bytes.write("J");
  bytes.writeInt32LE(value, 1);
  return bytes;
}

/** @param {readonly number[]} values */
function tuple(values) {
  return Buffer.concat([Buffer.from("("), ...values.map(integer), Buffer.from("t")]);
}

/** @param {Float32Array} values */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
