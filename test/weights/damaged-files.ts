import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { type ModelProto, TensorProto_DataLocation } from "onnx-buf";
import { encodeNpz } from "#mtard/weights/npz.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { withSourceFile } from "#mtard/weights/source-file.js";
import { encodeZip } from "#mtard/weights/zip-writer.js";
import { readZipMembers } from "#mtard/weights/zip.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { storedWeights } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { floatTensor, int64Tensor, intAttribute, intsAttribute, node } from "#mtard/onnx/build.js";
import { graphOf, parseModel, serializeModel } from "#mtard/onnx/model.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { type GraphInit, model, plainGraph, reshapedGraph, values } from "../onnx/models.js";
import { fixture, fixtureNames } from "./fixtures.js";
import { costlyPickles, hostilePickles, inLegacyFile } from "./hostile-pickles.js";

/** How a file is brought in. */
export type Way =
  /** Every tensor of it is read. */
  | "read"
  /** `mtard teacher import --network resnet-8 --weights`. */
  | "weights"
  /** `mtard teacher import --onnx`. */
  | "onnx";

/** A file made to do harm, or damaged. */
export interface DamagedFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly way: Way;
  /** Whether it may also turn out to be whole. */
  readonly mayBeWhole: boolean;
}

/** The CIFAR-10 network whose weights the larger files hold. */
const NETWORK = createNetwork("resnet-8", { image: { height: 32, width: 32, channels: 3 }, classes: 10 });

/** Values of lengths, counts and positions that programs get wrong, little-endian in 1, 2, 4 or 8 bytes. */
const forgedLengths = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
].concat([2n ** 40n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n]);

/** A copy with bytes changed, a stretch cut out, doubled or cut off, a length forged, or a number in its text made huge. */
export function damage(content: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(content);
  const at = random.below(bytes.length);
  const length = 1 + random.below(16);
  switch (random.below(7)) {
    case 0:
      for (let count = 0; count < length; count++) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return withHugeNumber(bytes, random);
    case 5:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    default: {
      const forged = Buffer.alloc(8);
      forged.writeBigUInt64LE(forgedLengths[random.below(forgedLengths.length)] ?? 0n);
      forged.copy(bytes, at, 0, 1 << random.below(4));
      return bytes;
    }
  }
}

/** The digits of one of the numbers in its text replaced by nines, one more than they were in every second case. */
function withHugeNumber(bytes: Buffer, random: Random): Buffer {
  const numbers = [...bytes.toString("latin1").matchAll(/\d+/g)];
  const number = numbers[random.below(Math.max(1, numbers.length))];
  if (!number) return bytes.subarray(0, bytes.length - 1);
  const nines = Buffer.from("9".repeat(number[0].length + random.below(2) * 8));
  return Buffer.concat([
    bytes.subarray(0, number.index),
    nines,
    bytes.subarray(number.index + number[0].length),
  ]);
}

/** Damage inside one member of a zip archive, packed again so that sizes and checksums fit. */
async function damageMember(name: string, random: Random): Promise<Buffer> {
  const members = await withSourceFile(fixture(name), async (file) =>
    [...(await readZipMembers(file))].map(([path, { start, size }]) => ({
      name: path,
      pieces: [file.bytes(start, size)],
    })),
  );
  const pickles = members.filter((member) => /\.(pkl|npy)$/.test(member.name));
  const target = pickles[random.below(pickles.length)]?.name;
  const changed = members.map((member) =>
    member.name === target
      ? { ...member, pieces: member.pieces.map((piece) => damage(piece, random)) }
      : member,
  );
  return Buffer.concat([...encodeZip(changed)]);
}

/** `count` damaged copies of every kind of file, the same for the same seed. */
export async function damagedFiles(seed: number, count: number): Promise<DamagedFile[]> {
  const weights = initialWeights(NETWORK, Random.fromSeed(seed));
  const origin = { version: "0", dataset: "cifar10" };
  const small = fixtureNames.map((name) => [name, readFileSync(fixture(name)), "read"] as const);
  const bases: readonly (readonly [string, Uint8Array, Way])[] = [
    ...small,
    ["resnet-8.safetensors", Buffer.concat(encodeSafetensors(weights)), "weights"],
    ["resnet-8.npz", Buffer.concat([...encodeNpz(storedWeights(weights))]), "weights"],
    ["resnet-8.onnx", networkToOnnx(NETWORK, weights, origin), "onnx"],
    ["plain.onnx", serializeModel(model(plainGraph())), "onnx"],
    ["reshaped.onnx", serializeModel(model(reshapedGraph([1n, 64n]))), "onnx"],
  ];
  const repacked = fixtureNames.filter((name) => /(?<!compressed)\.(zip\.pth|npz)$/.test(name));
  const random = Random.fromSeed(seed, 1);
  const files: DamagedFile[] = [];
  for (let index = 0; index < count; index++) {
    for (const [name, content, way] of bases)
      files.push({ name: `${index}-${name}`, content: damage(content, random), way, mayBeWhole: true });
    for (const name of repacked) {
      const content = await damageMember(name, random);
      files.push({ name: `${index}-repacked-${name}`, content, way: "read", mayBeWhole: true });
    }
  }
  return files;
}

/** Files made to do harm; none of them may be taken. */
export function hostileFiles(): DamagedFile[] {
  const made = (name: string, content: Uint8Array, way: Way = "read"): DamagedFile => ({
    name,
    content,
    way,
    mayBeWhole: false,
  });
  const pickles = hostilePickles().map((pickle, index) => {
    const name = `hostile-${index}`;
    if (index % 3 === 0) return made(`${name}.pkl`, pickle);
    if (index % 3 === 1) return made(`${name}.legacy.pth`, inLegacyFile(pickle));
    return made(
      `${name}.zip.pth`,
      zip(["archive/data.pkl", pickle], ["archive/version", Buffer.from("3\n")]),
    );
  });
  const costly = costlyPickles().flatMap((pickle, index) => [
    made(`costly-${index}.legacy.pth`, inLegacyFile(pickle)),
    made(`costly-${index}.zip.pth`, zip(["archive/data.pkl", pickle])),
  ]);
  const models = hostileModels().map((one, index) =>
    made(`hostile-${index}.onnx`, serializeModel(one), "onnx"),
  );
  return [
    ...pickles,
    ...costly,
    ...zipTricks().map((content, index) => made(`trick-${index}.zip`, content)),
    ...safetensorsTricks().map((content, index) => made(`trick-${index}.safetensors`, content)),
    ...models,
    made("nested.onnx", nestedGraphs(20_000), "onnx"),
  ];
}

function zip(...members: readonly (readonly [name: string, content: Uint8Array])[]): Buffer {
  return Buffer.concat([...encodeZip(members.map(([name, content]) => ({ name, pieces: [content] })))]);
}

function npy(header: string, length: number): Buffer {
  const start = Buffer.from(`\x93NUMPY\x01\0\0\0${header}\n`, "latin1");
  start.writeUInt16LE(start.length - 10, 8);
  return Buffer.concat([start, Buffer.alloc(length)]);
}

const array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);

/** Names that lead out of a folder, names that come twice, sizes that are not so, members that share their bytes. */
function zipTricks(): Buffer[] {
  const paths = ["../w.npy", "/etc/w.npy", "a/../../w.npy", "C:/w.npy", "..\\w.npy", "a\\w.npy"];
  const directory = (archive: Buffer): number => archive.indexOf("PK\x01\x02");
  const forged = (field: number, value: number): Buffer => {
    const archive = zip(["w.npy", array]);
    archive.writeUInt32LE(value, directory(archive) + field);
    return archive;
  };
  const packed = (claimed: number, content: Buffer): Buffer => {
    const archive = zip(["w.npy", deflateRawSync(content)]);
    for (const at of [0, directory(archive) + 2]) {
      archive.writeUInt16LE(8, at + 8);
      archive.writeUInt32LE(claimed, at + 22);
    }
    return archive;
  };
  const zeros = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (50000000,), }", 200_000_000);
  const one = zip(["a.npy", array], ["b.npy", array]);
  const repeated = Array.from({ length: 3000 }, (_, index) => [`${index}.npy`, array] as const);
  const overlapping = zip(...repeated);
  for (let at = directory(overlapping); at !== -1; at = overlapping.indexOf("PK\x01\x02", at + 4))
    overlapping.writeUInt32LE(0, at + 42);
  // Keeps the first member and the directory, which says that all three thousand lie there.
  const shared = Buffer.concat([
    zip(["0.npy", array]).subarray(0, 35 + array.length),
    overlapping.subarray(directory(overlapping)),
  ]);
  shared.writeUInt32LE(35 + array.length, shared.length - 6);
  return [
    ...paths.map((path) => zip([path, array])),
    ...paths.map((path) => zip([path, Buffer.from("N.")], ["archive/data.pkl", Buffer.from("}.")])),
    Buffer.from(one.toString("latin1").replaceAll("b.npy", "a.npy"), "latin1"),
    ...[20, 24, 42].flatMap((field) =>
      [1, 2, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1].map((value) => forged(field, value)),
    ),
    packed(zeros.length, zeros),
    packed(1000, zeros),
    packed(2 ** 32 - 2, zeros),
    shared,
    zip(["w.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }", 8)]),
    zip(["w.npy", npy("__import__('os').system('touch canary')", 8)]),
    zip([
      "w.npy",
      npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').system('touch canary'),), }",
        8,
      ),
    ]),
    zip(["w.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 0)]),
  ];
}

function safetensorsTricks(): Buffer[] {
  const file = (header: string, claimed = BigInt(header.length), data = 8): Buffer => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(claimed);
    return Buffer.concat([length, Buffer.from(header), Buffer.alloc(data)]);
  };
  const tensor = (shape: string, begin: string, end: string): string =>
    `{"dtype":"F32","shape":[${shape}],"data_offsets":[${begin},${end}]}`;
  return [
    ...[2n ** 63n, 2n ** 64n - 1n, 2n ** 40n, 2n ** 32n, 2n ** 24n + 1n].map((claimed) =>
      file("{}", claimed),
    ),
    file(`{"a":${tensor("1000000000,1000000000", "0", "8")}}`),
    file(`{"a":${tensor("2", "0", "8")},"b":${tensor("2", "0", "8")}}`),
    file(`{"a":${tensor("-2,-1", "0", "8")}}`),
    file(`{"a":${tensor("2", "9007199254740991", "9007199254740999")}}`),
    file(`{"a":${tensor("2e0", "0", "1e999")}}`),
    file(`{"a":${tensor("2", "0", "8")},"a":${tensor("2", "0", "8")}}`),
    file("[".repeat(1_000_000)),
    file(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
    file(`{"__metadata__":{"a":{}}}`),
  ];
}

/** Graphs that no runtime should be asked to run: huge attributes and shapes, external data outside the folder. */
function hostileModels(): ModelProto[] {
  const plain = plainGraph();
  const withConvolution = (attributes: ReturnType<typeof intsAttribute>[]): GraphInit => ({
    ...plain,
    node: (plain.node ?? []).map((one) =>
      one.opType === "Conv" ? node("Conv", ["x", "conv.weight", "conv.bias"], "a", attributes) : one,
    ),
  });
  const withWeight = (dims: readonly number[], data: Float32Array): GraphInit => ({
    ...plain,
    initializer: (plain.initializer ?? []).map((tensor) =>
      tensor.name === "conv.weight" ? floatTensor("conv.weight", dims, data) : tensor,
    ),
  });
  const external = (location: string): ModelProto => {
    // A copy: the tensors of one model are those of every other.
    const copy = parseModel(serializeModel(model(plain)), "plain.onnx");
    for (const tensor of graphOf(copy).initializer) {
      tensor.rawData = new Uint8Array();
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = [{ $typeName: "onnx.StringStringEntryProto", key: "location", value: location }];
    }
    return copy;
  };
  const graphs = [
    withWeight([4, 3, 3, 2 ** 31], values(108, 1)),
    withWeight([2 ** 20, 2 ** 20, 3, 3], values(108, 1)),
    withWeight([-1, 3, 3, 3], values(108, 1)),
    withWeight([4, 3, 3, 3], values(4, 1)),
    withConvolution([intsAttribute("kernel_shape", [3, 3]), intsAttribute("strides", [0, 0])]),
    withConvolution([intsAttribute("kernel_shape", [2 ** 31, 2 ** 31])]),
    withConvolution([intsAttribute("kernel_shape", [3, 3]), intsAttribute("pads", [-99, -99, -99, -99])]),
    { ...plain, node: [node("Conv", ["x"], "y", [])] },
    // 40 GB of zeros, added to the logits.
    {
      ...plain,
      initializer: [...(plain.initializer ?? []), int64Tensor("many", [100_000n, 100_000n])],
      node: [
        ...(plain.node ?? []).map((one) =>
          one.opType === "Gemm" ? node("Gemm", one.input ?? [], "d", [intAttribute("transB", 1)]) : one,
        ),
        node("ConstantOfShape", ["many"], "zeros"),
        node("ReduceSum", ["zeros"], "nothing", [intAttribute("keepdims", 0)]),
        node("Add", ["d", "nothing"], "y"),
      ],
    },
    { ...plain, node: [node("Nonsense", ["x"], "y", [])] },
    { ...plain, node: [node("Relu", ["y"], "y", [])] },
  ];
  const locations = [
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "/proc/self/mem",
    "/dev/zero",
    "missing.data",
    "",
  ];
  return [...graphs.map((graph) => model(graph)), ...locations.map(external)];
}

/** Graphs in attributes of nodes of graphs, so deep that reading them by recursion without a limit ends the program. */
function nestedGraphs(depth: number): Buffer {
  const field = (tag: number, content: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = content.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.of(tag, ...length), content]);
  };
  // GraphProto.node = 1, NodeProto.attribute = 5, AttributeProto.g = 6, ModelProto.graph = 7.
  let graph: Buffer = Buffer.of(0x0a, 0);
  for (let level = 0; level < depth; level++) graph = field(0x0a, field(0x2a, field(0x32, graph)));
  return field(0x3a, graph);
}
