import { encodeZip } from "#mtard/weights/zip-writer.js";

/** A tensor of float32 values to be written into a PyTorch file. */
export class Tensor {
  constructor(
    readonly shape: readonly number[],
    readonly values: Float32Array,
  ) {}
}

/** A value with opcodes before and after it, such as those of a call. */
export class Wrapped {
  constructor(
    readonly before: string,
    readonly value: Saved,
    readonly after: string,
  ) {}
}

/** What a PyTorch file can be written of: objects become dictionaries. */
export type Saved =
  Tensor | Wrapped | number | string | boolean | null | readonly Saved[] | { [key: string]: Saved };

const uint32 = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes.toString("latin1");
};
const text = (value: string): string => {
  const bytes = Buffer.from(value);
  return `X${uint32(bytes.length)}${bytes.toString("latin1")}`;
};
const number = (value: number): string => `J${uint32(value)}`;
const tuple = (values: readonly number[]): string => `(${values.map(number).join("")}t`;

function opcodesOf(value: Saved, storages: Float32Array[]): string {
  if (value instanceof Wrapped) return value.before + opcodesOf(value.value, storages) + value.after;
  if (value instanceof Tensor) {
    const key = String(storages.push(value.values) - 1);
    const strides = value.shape.map((_, axis) =>
      value.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1),
    );
    const storage = `(${text("storage")}ctorch\nFloatStorage\n${text(key)}${text("cpu")}${number(value.values.length)}tQ`;
    return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K\0${tuple(value.shape)}${tuple(strides)}\x89ccollections\nOrderedDict\n)RtR`;
  }
  if (value === null) return "N";
  if (typeof value === "boolean") return value ? "\x88" : "\x89";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return text(value);
  if (Array.isArray(value))
    return `](${(value as readonly Saved[]).map((item) => opcodesOf(item, storages)).join("")}e`;
  const items = Object.entries(value).map(([key, item]) => `${text(key)}${opcodesOf(item, storages)}`);
  return `}(${items.join("")}u`;
}

/** A PyTorch zip file, as `torch.save` writes it. */
export function torchFile(value: Saved): Buffer {
  const storages: Float32Array[] = [];
  const pickle = Buffer.from(`\x80\x02${opcodesOf(value, storages)}.`, "latin1");
  const members = [
    { name: "archive/data.pkl", pieces: [pickle] },
    ...storages.map(({ buffer, byteOffset, byteLength }, index) => ({
      name: `archive/data/${index}`,
      pieces: [new Uint8Array(buffer, byteOffset, byteLength)],
    })),
  ];
  return Buffer.concat([...encodeZip(members)]);
}
