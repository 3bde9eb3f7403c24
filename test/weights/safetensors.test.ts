import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { encodeSafetensors, float32Values, readSafetensors } from "#mtard/weights/safetensors.js";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { hasShared, shared } from "../shared.js";
import { expectedWeights, fixture } from "./fixtures.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this header, whatever it says, and this much data. */
function forged(header: unknown, dataLength: number): string {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  const path = join(folder, "forged.safetensors");
  writeFileSync(path, Buffer.concat([length, Buffer.from(text), Buffer.alloc(dataLength)]));
  return path;
}

const tensor = (begin: number, end: number, more: object = {}): object => ({
  dtype: "F32",
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
  ...more,
});

describe("readSafetensors", () => {
  it("takes a header with a text of eight million characters, escaped or not", async () => {
    for (const text of ["a".repeat(8_400_000), '\\"'.repeat(2_000_000)]) {
      const { metadata, tensors } = await readSafetensors(
        forged({ __metadata__: { note: text }, w: tensor(0, 8) }, 8),
      );
      expect({ length: metadata["note"]?.length, names: [...tensors.keys()] }).toEqual({
        length: text.length,
        names: ["w"],
      });
    }
    await expect(readSafetensors(forged({ ["a".repeat(8_400_000)]: "no tensor" }, 0))).rejects.toThrow(
      InputError,
    );
  });

  it("finds a name that stands twice, whatever stands around it", async () => {
    const entry = JSON.stringify(tensor(0, 8));
    for (const again of [`"w":`, `"w"  \t:`, `"\\u0077":`])
      await expect(
        readSafetensors(forged(`{"__metadata__":{"w":"{[\\""},"w":${entry},${again}${entry}}`, 8)),
      ).rejects.toMatchObject({ detail: { found: 'its header names "w" twice' } });
  });

  it("reads what Python's safetensors wrote: metadata, every type, integers raw", async () => {
    const { metadata, tensors } = await readSafetensors(fixture("types.safetensors"));
    expect(metadata).toEqual({ "made by": "safetensors", é: "ü" });
    const expected = expectedWeights.get("types.safetensors");
    for (const name of ["float64", "float32", "float16", "bfloat16"] as const) {
      const found = tensors.get(name);
      expect(found?.dtype).toBe(name);
      if (found !== undefined)
        expect([...float32Values(found)]).toEqual([...Float32Array.from(expected?.get(name)?.data ?? [])]);
    }
    const counts = tensors.get("counts");
    expect(counts).toMatchObject({ dtype: "int64", shape: [3] });
    const bytes = counts?.bytes.slice() ?? new Uint8Array();
    expect([...new BigInt64Array(bytes.buffer)]).toEqual([1n, -2n, 2n ** 40n]);
    expect([...(tensors.get("bytes")?.bytes ?? [])]).toEqual([1, 255]);
    expect(() => float32Values({ dtype: "int64", shape: [1], bytes })).toThrow(InputError);
  });

  it.skipIf(!hasShared)("reads golden/methods.safetensors", async () => {
    const { tensors } = await readSafetensors(shared("golden/methods.safetensors"));
    const labels = tensors.get("labels");
    expect(labels?.shape).toHaveLength(1);
    expect(labels?.bytes.length).toBe((labels?.shape[0] ?? NaN) * (labels?.dtype === "int64" ? 8 : 4));
  });

  it.each([
    ["a gap", () => forged({ a: tensor(0, 4), b: tensor(8, 12) }, 12), /gap or overlap at byte 4/],
    ["an overlap", () => forged({ a: tensor(0, 8), b: tensor(4, 12) }, 12), /gap or overlap at byte 8/],
    ["data after the last tensor", () => forged({ a: tensor(0, 4) }, 8), /take 4 bytes and its data has 8/],
    ["a tensor beyond the data", () => forged({ a: tensor(0, 8) }, 4), /take 8 bytes and its data has 4/],
    [
      "a shape that does not fill its bytes",
      () => forged({ a: tensor(0, 8, { shape: [3] }) }, 8),
      /needs 12 bytes and has 8/,
    ],
    [
      "a shape of 2^60",
      () => forged({ a: tensor(0, 8, { shape: [2 ** 30, 2 ** 30] }) }, 8),
      /needs 4611686018427388000 bytes/,
    ],
    [
      "a negative size",
      () => forged({ a: tensor(0, 8, { shape: [-1, -2] }) }, 8),
      /no valid type, shape and offsets/,
    ],
    ["offsets that run backwards", () => forged({ a: tensor(0, 8, { data_offsets: [8, 0] }) }, 8), /has -8/],
    [
      "a fraction of a byte",
      () => forged({ a: tensor(0, 4, { data_offsets: [0.5, 4.5] }) }, 8),
      /no valid type/,
    ],
    ["an unknown field", () => forged({ a: tensor(0, 4, { stride: 1 }) }, 4), /no valid type/],
    ["an unknown type", () => forged({ a: tensor(0, 4, { dtype: "F8_E4M3" }) }, 4), /"a" is "F8_E4M3"/],
    ["a list", () => forged([], 0), /not a JSON object/],
    ["metadata that is not text", () => forged({ __metadata__: { a: 1 } }, 0), /metadata is not a table/],
    [
      "a name twice",
      () => forged(`{"a":${JSON.stringify(tensor(0, 4))},"\\u0061":${JSON.stringify(tensor(0, 4))}}`, 4),
      /names "a" twice/,
    ],
  ])("refuses %s", async (_, path, message) => {
    const failure = await readSafetensors(path()).then(
      () => "read",
      (error: unknown) => (error instanceof InputError ? error.report() : error),
    );
    expect(failure).toMatch(message);
  });

  it("refuses a forged header length without taking the memory", async () => {
    const path = forged({}, 0);
    const length = Buffer.alloc(9, "{");
    for (const claimed of [2n ** 63n, 2n ** 32n, 64n]) {
      length.writeBigUInt64LE(claimed);
      writeFileSync(path, length);
      await expect(readSafetensors(path)).rejects.toThrow(/damaged or cut short/);
    }
  });

  it("keeps __proto__ as a name", async () => {
    const header = `{"__metadata__":{"__proto__":"x"},"__proto__":${JSON.stringify(tensor(0, 4))}}`;
    const { tensors, metadata } = await readSafetensors(forged(header, 4));
    expect([...tensors.keys()]).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(metadata)).not.toBe("x");
    expect(Object.keys({})).toEqual([]);
  });
});

describe("encodeSafetensors", () => {
  /** What Python's safetensors 0.8 writes for this one tensor, apart from our spaces: read back there as well. */
  it("writes the format byte by byte", () => {
    const pieces = encodeSafetensors([["w", { shape: [1, 2], data: Float32Array.of(1, -2) }]], {
      format: "pt",
    });
    const checksum = '"mtard.sha256":"d91bc7a6fff520e5203bd46a1d66d9e05502d8d2ecfffc9a483f875895632330"';
    const header = `{"__metadata__":{${checksum},"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}`;
    expect(Buffer.concat(pieces).toString("latin1")).toBe(
      `\xb0\0\0\0\0\0\0\0${header.padEnd(176)}\0\0\x80\x3f\0\0\0\xc0`,
    );
  });

  it("comes back from a file: order, names, shapes, values and metadata", async () => {
    const path = join(folder, "ours.safetensors");
    const tensors = new Map([
      ["10", { shape: [2, 2], data: Float32Array.of(1, 2, 3, NaN) }],
      ["2", { shape: [], data: Float32Array.of(-0) }],
      ['quote " and é', { shape: [0, 3], data: new Float32Array() }],
      ["__proto__", { shape: [1], data: Float32Array.of(1e-40, 7).subarray(1) }],
    ]);
    writeFileAtomically(path, encodeSafetensors(tensors, { step: "3", note: "line\nline" }));
    const read = await readSafetensors(path);
    expect(read.metadata).toEqual({ step: "3", note: "line\nline" });
    expect([...read.tensors].map(([name, value]) => [name, value.shape, [...float32Values(value)]])).toEqual(
      [...tensors].map(([name, { shape, data }]) => [name, shape, [...data]]),
    );
  });

  it("hands on the tensors' own memory", () => {
    const data = new Float32Array(4);
    const [header, body] = encodeSafetensors([["a", { shape: [4], data }]]);
    expect(body?.buffer).toBe(data.buffer);
    expect((header?.length ?? 1) % 8).toBe(0);
  });

  it("refuses two tensors of one name, and data that does not fill its shape", () => {
    const one = { shape: [1], data: new Float32Array(1) };
    expect(() =>
      encodeSafetensors([
        ["a", one],
        ["a", one],
      ]),
    ).toThrow(/two tensors are called "a"/);
    expect(() => encodeSafetensors([["a", { ...one, shape: [2] }]])).toThrow(/of shape \[2\] has 1 values/);
  });
});
