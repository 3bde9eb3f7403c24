import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "#mtard/weights/safetensors.js";
import { readWeightsFile, withWeightsFile } from "#mtard/weights/weights-file.js";
import type { Weights } from "#mtard/graph/parameters.js";
import { hasShared, shared } from "../shared.js";
import { expectedWeights, fixture } from "./fixtures.js";

const numbers = (weights: Weights): Record<string, unknown> =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { shape, data: [...data] }]));

describe("weights files made by PyTorch and by safetensors", () => {
  it.each([...expectedWeights])("%s holds what PyTorch says", async (name, expected) => {
    const { format, weights } = await readWeightsFile(fixture(name));
    const kind = name.endsWith(".pth") ? `torch-${name.split(".").at(-2) ?? ""}` : name.split(".").at(-1);
    expect(format).toBe(kind);
    expect([...weights.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, { shape, data }] of expected) {
      expect(weights.get(key)?.shape, key).toEqual(shape);
      // Object.is semantics: -0 and infinities count.
      expect([...(weights.get(key)?.data ?? [])], key).toEqual([...Float32Array.from(data)]);
    }
  });

  it("says where the weights were and what was left out", async () => {
    expect(await readWeightsFile(fixture("parameters.zip.pth"))).toMatchObject({
      key: "net",
      leftOut: ["count"],
    });
    expect((await readWeightsFile(fixture("script.legacy.pth"))).key).toBe("state_dict");
  });

  it("keeps names that mean something to JavaScript as plain keys", async () => {
    const { weights } = await readWeightsFile(fixture("prototype.zip.pth"));
    expect([...weights.keys()]).toEqual(["__proto__", "constructor", "toString"]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect((Object.prototype as { shape?: unknown }).shape).toBeUndefined();
  });
});

describe("withWeightsFile", () => {
  it("reads each tensor only when asked, in any order, and again", async () => {
    for (const name of [
      "views.zip.pth",
      "views.legacy.pth",
      "types.zip.pth",
      "types.safetensors",
      "types.npz",
      "compressed.npz",
    ]) {
      const expected = expectedWeights.get(name);
      await withWeightsFile(fixture(name), ({ sets: [{ weights }] }) => {
        expect(weights.size).toBe(expected?.size);
        for (const [key, { shape, read }] of [...weights].reverse().flatMap((entry) => [entry, entry])) {
          expect(shape, key).toEqual(expected?.get(key)?.shape);
          expect([...read()], key).toEqual([...Float32Array.from(expected?.get(key)?.data ?? [])]);
        }
      });
    }
  });

  it("finds damage where it is: the other tensors of the file can be read", async () => {
    const content = readFileSync(fixture("types.zip.pth"));
    const folder = mkdtempSync(join(tmpdir(), "mtard-lazy-"));
    const values = expectedWeights.get("types.zip.pth")?.get("float32")?.data ?? [];
    const at = content.indexOf(Buffer.from(Float32Array.from(values).buffer));
    content[at] = (content[at] as number) ^ 1;
    writeFileSync(join(folder, "flipped.pth"), content);
    await withWeightsFile(join(folder, "flipped.pth"), ({ sets: [{ weights }] }) => {
      expect(weights.get("float64")?.read().length).toBeGreaterThan(0);
      expect(() => weights.get("float32")?.read()).toThrow(/damaged/);
    });
    rmSync(folder, { recursive: true });
  });

  it("reads nothing after the file was closed", async () => {
    const weights = await withWeightsFile(fixture("types.zip.pth"), (file) => file.sets[0].weights);
    expect(() => weights.get("float32")?.read()).toThrow(/read after it was closed/);
  });
});

/** Sums and first values as PyTorch 2 prints them, in float64. */
const realFiles = [
  {
    file: "teachers/cifar10-resnet56.th",
    format: "torch-legacy",
    tensors: 277,
    values: 857082,
    absoluteSum: 41377.086271385946,
    first: {
      name: "module.conv1.weight",
      shape: [16, 3, 3, 3],
      sum: -2.5577811515686335,
      values: [-0.21604876220226288, -0.536896288394928, -0.556312084197998, -0.202890083193779],
    },
    last: {
      name: "module.linear.bias",
      shape: [10],
      sum: -0.0014823153614997864,
      values: [0.13465537130832672, -0.2430870682001114, 0.10410260409116745, 0.10669970512390137],
    },
  },
  {
    file: "teachers/cifar100-resnet56.pth",
    format: "torch-zip",
    tensors: 287,
    values: 865876,
    absoluteSum: 25521.208855454795,
    first: {
      name: "conv1.weight",
      shape: [16, 3, 3, 3],
      sum: -1.3746162167517468,
      values: [0.0219969991594553, -0.11245057731866837, -0.014999852515757084, -0.12829631567001343],
    },
    last: {
      name: "fc.bias",
      shape: [100],
      sum: -3.7175253964960575e-5,
      values: [-0.008849257603287697, -0.03289042413234711, 0.006983315572142601, 0.03058304451406002],
    },
  },
  {
    file: "teachers/cifar10-resnet20-robust.pth",
    format: "torch-zip",
    tensors: 97,
    values: 271098,
    absoluteSum: 11668.76033539934,
    first: {
      name: "conv1.weight",
      shape: [16, 3, 3, 3],
      sum: 6.9235783912590705,
      values: [0.041473280638456345, 0.03698280081152916, 0.439907431602478, 0.020067960023880005],
    },
    last: {
      name: "linear.bias",
      shape: [10],
      sum: 3.768736496567726e-5,
      values: [0.08008914440870285, -0.2580927014350891, -0.04453812167048454, 0.20386502146720886],
    },
  },
];

describe.skipIf(!hasShared)("real weights in shared/", () => {
  it.each(realFiles)("$file", async ({ file, format, tensors, absoluteSum, first, last, values }) => {
    const read = await readWeightsFile(shared(file));
    expect(read.format).toBe(format);
    expect(read.weights.size).toBe(tensors);
    const all = [...read.weights.values()].flatMap(({ data }) => [...data]);
    expect(all.length).toBe(values);
    expect(all.reduce((sum, value) => sum + Math.abs(value), 0)).toBeCloseTo(absoluteSum, 7);
    for (const tensor of [first, last]) {
      const found = read.weights.get(tensor.name);
      expect(found?.shape).toEqual(tensor.shape);
      expect([...(found?.data.subarray(0, 4) ?? [])]).toEqual(tensor.values);
      expect(found?.data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(tensor.sum, 12);
    }
  });

  it("golden/steps-student-initial.safetensors is read alike as tensors and as weights", async () => {
    const path = shared("golden/steps-student-initial.safetensors");
    const { tensors } = await readSafetensors(path);
    const { weights, format } = await readWeightsFile(path);
    expect(format).toBe("safetensors");
    expect([...weights.keys()]).toEqual(
      [...tensors.keys()].filter((name) => tensors.get(name)?.dtype === "float32"),
    );
    expect([...(weights.get("bn1.running_var")?.data ?? [])]).toEqual(Array.from({ length: 16 }, () => 1));
  });
});

describe("files that are no weights, or hostile", () => {
  const folder = mkdtempSync(join(tmpdir(), "mtard-weights-"));
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const error = (path: string): Promise<unknown> => readWeightsFile(path).then(numbersOf, reportOf);
  const numbersOf = ({ weights }: { weights: Weights }): unknown => numbers(weights);
  const reportOf = (reason: unknown): unknown => (reason as { report?: () => string }).report?.() ?? reason;
  let before: string;
  beforeAll(() => {
    before = process.cwd();
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ["system.zip.pth", "posix.system"],
    ["system.legacy.pth", "posix.system"],
    ["system.plain.pkl", "posix.system"],
    ["eval.zip.pth", "builtins.eval"],
  ])("%s asks for %s, which is refused by name and not run", async (name, asked) => {
    process.chdir(folder);
    expect(await error(fixture(name))).toContain(`asks for ${asked}, which mtard never runs`);
    expect(existsSync("mtard-was-here")).toBe(false);
    process.chdir(before);
  });

  it.each([
    ["single.npy", /a single NumPy array, without a name[^]*numpy.savez/],
    ["fields.npz", /"w.npy" has a header that is not a dictionary of a type, an order and a shape/],
    ["script-program.zip.pth", /is a TorchScript program/],
    ["compressed.zip.pth", /is a compressed or encrypted zip archive/],
    ["no-weights.zip.pth", /holds no weights[^]*keys "epoch", "lr"/],
  ])("%s is refused", async (name, message) => {
    expect(await error(fixture(name))).toMatch(message);
  });

  it.each([
    [
      "page.th",
      "<!DOCTYPE html><html><body>404</body></html>",
      /not a file of weights[^]*found {5}a web page/,
    ],
    ["late.th", "\n\n  <html lang=en>", /found {5}a web page/],
    [
      "model.gz",
      gzipSync(Buffer.concat([Buffer.alloc(257), Buffer.from("ustar\0")])),
      /a tar archive[^]*tar -xf/,
    ],
    ["bomb.gz", gzipSync(Buffer.alloc(2 ** 25)), /unpacks to more than a model of its size can have/],
    ["torn.gz", gzipSync("hello world").subarray(0, 20), /damaged or cut short[^]*gzip/],
    [
      "plain.onnx",
      Buffer.from("0807120470797463", "hex"),
      /an ONNX model[^]*try {7}mtard teacher import with --onnx/,
    ],
    [
      "keras.pth",
      Buffer.from("\x89HDF\r\n\x1a\n", "latin1"),
      /an HDF5 file, as Keras writes them[^]*tf2onnx/,
    ],
    ["pointer.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", /a Git LFS pointer/],
    ["empty.pth", "", /is empty/],
    ["short.pth", Buffer.from([0x80]), /damaged or cut short/],
    ["text.pth", "hello world", /bytes that start with "hello wo"/],
    ["control.pth", "\x1b[2Jboom", /bytes that start with "\\u001b\[2Jboom/],
    ["other.pkl", Buffer.from("80024b012e", "hex"), /without PyTorch's magic number/],
    ["deep.pkl", "(".repeat(3_000_000), /more than 2000000 opcodes/],
    ["deep.safetensors", safetensors('{"a":' + "[".repeat(100_000)), /its header is not JSON/],
  ])("%s is refused", async (name, content, message) => {
    expect(await error(write(name, content))).toMatch(message);
  });

  it("are opened where gzip packs them", async () => {
    for (const name of ["types.zip.pth", "types.legacy.pth", "types.safetensors", "types.npz"]) {
      const packed = write(`${name}.any`, gzipSync(readFileSync(fixture(name))));
      expect(await error(packed)).toEqual(await error(fixture(name)));
    }
  });

  it("a whole module is read as its state_dict", async () => {
    const { key, weights } = await readWeightsFile(fixture("module.zip.pth"));
    expect({ key, names: [...weights.keys()] }).toEqual({ key: "", names: ["weight", "bias"] });
  });

  it("a missing file and a folder are refused", async () => {
    expect(await error(join(folder, "absent.pth"))).toMatch(/there is no file/);
    expect(await error(join(write("plain", "x"), "below"))).toMatch(/cannot read .*[^]*ENOTDIR/);
    expect(await error(folder)).toMatch(/is not a file[^]*a folder/);
  });

  /** A fixture with one stretch of bytes replaced, which must occur in it. */
  const forged = (name: string, from: string, to: string): Buffer => {
    const content = readFileSync(fixture(name)).toString("latin1");
    expect(content).toContain(from);
    return Buffer.from(content.replace(from, to), "latin1");
  };

  it("a tensor that reaches beyond its storage is refused", async () => {
    // In views.legacy.pth, `matrix` has the shape (4, 6), written as BININT1 4, BININT1 6.
    const path = write("shape.pth", forged("views.legacy.pth", "K\x04K\x06\x86", "K\x09K\x06\x86"));
    expect(await error(path)).toMatch(/reaches element 53 of 24/);
  });

  it("a tensor that repeats one value a billion times is refused before any memory is taken", async () => {
    // `expanded` is (2, 3) with strides (0, 0): make it (2, 2^31 - 1).
    const path = write(
      "bomb.pth",
      forged("views.legacy.pth", "K\x02K\x03\x86", "K\x02J\xff\xff\xff\x7f\x86"),
    );
    expect(await error(path)).toMatch(/repeats its values more often/);
  });

  it("a storage whose size in the data differs from the pickle's is refused", async () => {
    const content = readFileSync(fixture("views.legacy.pth"));
    const at = content.lastIndexOf(Buffer.from([24, 0, 0, 0, 0, 0, 0, 0]));
    content.writeBigInt64LE(2n ** 60n, at);
    expect(await error(write("numel.pth", content))).toMatch(
      /has 1152921504606846976 elements instead of 24/,
    );
  });

  it("a changed byte of a zip's weights fails the checksum", async () => {
    const content = readFileSync(fixture("views.zip.pth"));
    // 23 as a float32, the last value of the storage.
    const at = content.indexOf(Buffer.from([0, 0, 0xb8, 0x41]));
    content[at] = 1;
    const path = write("flipped.pth", content);
    expect(await error(path)).toMatch(/fails its checksum/);
    // A view of the first values too, though the changed byte is not among them.
    await withWeightsFile(path, ({ sets: [{ weights }] }) => {
      expect(() => weights.get("part")?.read()).toThrow(/damaged/);
    });
  });

  it.each([
    "views.zip.pth",
    "views.legacy.pth",
    "script.zip.pth",
    "types.safetensors",
    "types.npz",
    "compressed.npz",
  ])("%s cut anywhere is refused", async (name) => {
    const content = readFileSync(fixture(name));
    for (let length = 1; length < content.length; length += Math.ceil(content.length / 60)) {
      expect(await error(write("cut", content.subarray(0, length))), String(length)).toMatch(
        /damaged or cut short|not a file of weights/,
      );
    }
  });
});

function safetensors(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header)]);
}
