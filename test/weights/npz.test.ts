import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { parseNpyHeader } from "#mtard/weights/npy.js";
import { encodeNpz, openNpz } from "#mtard/weights/npz.js";
import { withSourceFile } from "#mtard/weights/source-file.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { encodeZip } from "#mtard/weights/zip-writer.js";
import { readZipMembers } from "#mtard/weights/zip.js";
import { InputError } from "#mtard/errors.js";
import type { StoredTensor } from "#mtard/graph/parameters.js";
import { fixture } from "./fixtures.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-npz-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(content: Uint8Array): string {
  const path = join(folder, "file.npz");
  writeFileSync(path, content);
  return path;
}

async function refusal(content: Uint8Array): Promise<string> {
  const outcome: unknown = await readWeightsFile(write(content)).catch((error: unknown) => error);
  if (!(outcome instanceof InputError)) throw new Error("it was read", { cause: outcome });
  return outcome.report();
}

const array = (header: string, length = 0): Uint8Array => {
  const size = Buffer.alloc(2);
  size.writeUInt16LE(header.length);
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00", "latin1"),
    size,
    Buffer.from(header),
    Buffer.alloc(length),
  ]);
};

const header = (shape: string, type = "<f4"): string =>
  `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }\n`;

const zip = (...members: readonly (readonly [name: string, content: Uint8Array])[]): Buffer =>
  Buffer.concat([...encodeZip(members.map(([name, content]) => ({ name, pieces: [content] })))]);

describe("npz files made by NumPy", () => {
  it("leave out what is not floating point, pickled objects unread", async () => {
    expect((await readWeightsFile(fixture("types.npz"))).leftOut).toEqual([
      "counts",
      "flag",
      "text",
      "complex",
    ]);
    const { weights, leftOut } = await readWeightsFile(fixture("pickled.npz"));
    expect([...weights.keys()]).toEqual(["w"]);
    expect(leftOut).toEqual(["e"]);
  });

  it("fail the checksum where a byte of a value is changed", async () => {
    const content = readFileSync(fixture("types.npz"));
    // 23 as a float32, the last value of layer1.0.conv1.weight.
    const at = content.indexOf(Buffer.from([0, 0, 0xb8, 0x41]));
    content[at] = 1;
    expect(await refusal(content)).toMatch(/"layer1.0.conv1.weight.npy" fails its checksum/);
  });
});

describe("the header of an array", () => {
  const fail = (found: string): InputError => new InputError(found);
  const read = (text: string): unknown => parseNpyHeader(array(text), fail);

  it.each([
    [header(""), []],
    [header("3,"), [3]],
    [header("3L, 4L"), [3, 4]],
    [`{"shape": (2, 0), "fortran_order": False, "descr": "<f4"}`, [2, 0]],
  ])("%j has shape %j", (text, shape) => {
    expect(read(text)).toMatchObject({ shape, dtype: "float32", bigEndian: false, columnMajor: false });
  });

  it.each([
    ["  ", /not a dictionary/],
    ["{}", /not a dictionary/],
    ["(1, 2)", /not a dictionary/],
    [header("2").replace("False", "open('x')"), /not a dictionary/],
    [header("2").replace("False", "'False'"), /not a dictionary/],
    [header("2").replace("'<f4'", "[('a', '<f4')]"), /not a dictionary/],
    [header("2").replace("}", "'more': 'x', }"), /not a dictionary/],
    [header("2").replace("}", "'shape': (3,), }"), /not a dictionary/],
    [header("2").replace("}", "} + {}"), /not a dictionary/],
    [header("2").replace("'descr'", "'desc'"), /not a dictionary/],
    [header("-2"), /not a dictionary/],
    [header("2", "<f4,<f4"), /without a plain type/],
    [header("2,,3"), /no valid shape/],
    [header("1".repeat(16)), /no valid shape/],
    [header("99999999, 99999999, 9"), /no valid shape/],
    [header(Array(9).fill("1").join()), /no valid shape/],
  ])("%j is refused", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it("is refused where its length is forged", () => {
    const content = Buffer.from(array(header("2")));
    content.writeUInt16LE(0xffff, 8);
    expect(() => parseNpyHeader(content, fail)).toThrow(/claims a header of 65545 bytes/);
    content[6] = 2;
    expect(() => parseNpyHeader(content, fail)).toThrow(/claims a header of/);
    content[6] = 9;
    expect(() => parseNpyHeader(content, fail)).toThrow(/is not an array as NumPy writes it/);
  });
});

describe("hostile npz files", () => {
  it("with a size other than its shape's are refused before anything is read", async () => {
    expect(await refusal(zip(["w.npy", array(header("2"), 4)]))).toMatch(/has \d+ bytes instead of/);
    expect(await refusal(zip(["w.npy", array(header("1000000000, 1000000"), 4)]))).toMatch(
      /bytes instead of/,
    );
  });

  /** A zip archive of one deflated member, its sizes as they are claimed. */
  const deflated = (content: Uint8Array, claimed: number): Buffer => {
    const packed = deflateRawSync(content);
    const archive = zip(["w.npy", packed]);
    const directory = archive.indexOf("PK\x01\x02");
    for (const at of [0, directory + 2]) {
      archive.writeUInt16LE(8, at + 8);
      archive.writeUInt32LE(claimed, at + 22);
    }
    return archive;
  };

  it("that unpack to more than they claim are refused", async () => {
    const bomb = array(header("40000000"), 160_000_000);
    expect(await refusal(deflated(bomb, bomb.length))).toMatch(
      /the archive claims to unpack to 160000\d+ bytes/,
    );
    expect(await refusal(deflated(bomb, 1000))).toMatch(/"w.npy" cannot be unpacked|bytes instead of/);
    const honest = array(header("1000"), 4000);
    expect(await refusal(deflated(honest, honest.length + 4))).toMatch(/bytes instead of/);
  });

  it.each([
    ["../w.npy", /invalid relative path/],
    ["/etc/w.npy", /absolute path/],
    ["a\\w.npy", /invalid characters/],
    ["C:/w.npy", /absolute path/],
  ])("with a member %s are refused", async (name, message) => {
    expect(await refusal(zip([name, array(header("1"), 4)]))).toMatch(message);
  });

  it("with two members of one name are refused", async () => {
    const archive = zip(["a.npy", array(header("1"), 4)], ["b.npy", array(header("1"), 4)]);
    const twice = Buffer.from(archive.toString("latin1").replaceAll("b.npy", "a.npy"), "latin1");
    expect(await refusal(twice)).toMatch(/has "a.npy" twice/);
  });

  it.each([
    ["<i8", Buffer.from(BigInt64Array.of(9n, -2n, 16_777_216n).buffer), [9, -2, 2 ** 24]],
    [">i8", Buffer.from(BigInt64Array.of(9n, -2n).buffer).swap64(), [9, -2]],
    ["<i4", Buffer.from(Int32Array.of(9, -2).buffer), [9, -2]],
    [">i2", Buffer.from(Int16Array.of(9, -2).buffer).swap16(), [9, -2]],
    ["|i1", Buffer.from(Int8Array.of(9, -2).buffer), [9, -2]],
    ["|u1", Buffer.from(Uint8Array.of(9, 254).buffer), [9, 254]],
  ])("give integers of type %s apart from weights", async (type, values, expected) => {
    const path = write(
      zip(["labels.npy", Buffer.concat([array(header(`${expected.length},`, type)), values])]),
    );
    const [read, tensors, others] = await withSourceFile(path, async (file) => {
      const npz = openNpz(file, await readZipMembers(file));
      return [npz.integers.get("labels")?.read(), [...npz.tensors.keys()], npz.others];
    });
    expect([...(read ?? [])]).toEqual(expected);
    expect([tensors, others]).toEqual([[], ["labels"]]);
  });

  it("without a floating-point array hold no weights", async () => {
    expect(await refusal(zip(["n.npy", array(header("1", "<i4"), 4)]))).toMatch(
      /holds no weights[^]*keys "n"/,
    );
    expect(await refusal(zip(["readme.txt", Buffer.from("x")]))).toMatch(
      /not one that PyTorch or NumPy wrote/,
    );
  });
});

describe("encodeNpz", () => {
  const stored = (shape: number[], ...values: number[]): StoredTensor => ({
    shape,
    read: () => Float32Array.from(values),
  });

  it("comes back: order, names, shapes and bits", async () => {
    const tensors: (readonly [string, StoredTensor])[] = [
      ["layer1.0.conv1.weight", stored([2, 2], 1, -0, NaN, 1e-40)],
      ["scalar", stored([], 7)],
      ["empty", stored([0, 3])],
      ["é/__proto__", stored([1], Infinity)],
    ];
    const { weights, format } = await readWeightsFile(write(Buffer.concat([...encodeNpz(tensors)])));
    expect(format).toBe("npz");
    expect([...weights].map(([name, { shape, data }]) => [name, shape, [...data]])).toEqual(
      tensors.map(([name, { shape, read }]) => [name, shape, [...read()]]),
    );
  });

  /** NumPy 2.4's own bytes for this array, which starts at a multiple of 64 within its member. */
  it("writes an array's header as NumPy does", () => {
    const [, array = Buffer.of()] = [...encodeNpz([["w", stored([2, 3], 0, 0, 0, 0, 0, 0)]])];
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    expect(Buffer.from(array).toString("latin1")).toBe(`\x93NUMPY\x01\0\x76\0${text.padEnd(117)}\n`);
  });

  it("reads each tensor when its turn comes", () => {
    const read: string[] = [];
    const tensor = (name: string): readonly [string, StoredTensor] => [
      name,
      { shape: [1], read: () => (read.push(name), new Float32Array(1)) },
    ];
    const pieces = encodeNpz([tensor("a"), tensor("b")]);
    pieces.next();
    expect(read).toEqual(["a"]);
    expect([...pieces].length).toBeGreaterThan(0);
    expect(read).toEqual(["a", "b"]);
  });

  it("refuses two tensors of one name, and values that do not fill their shape", () => {
    expect(() => [
      ...encodeNpz([
        ["a", stored([1], 1)],
        ["a", stored([1], 1)],
      ]),
    ]).toThrow(/two members are called "a.npy"/);
    expect(() => [...encodeNpz([["a", stored([2], 1)]])]).toThrow(/of shape \[2\] has 1 values/);
  });
});
