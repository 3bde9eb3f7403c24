import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { sha256Of } from "#mtard/files/sha256.js";
import { encodeSafetensors, readSafetensors } from "#mtard/weights/safetensors.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-checksum-"));
const path = join(folder, "a.safetensors");
const tensors = [
  ["a.weight", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ["b", { shape: [1], data: Float32Array.of(-7) }],
] as const;
// A text of 64 zeros of the caller's own is not taken for the place of the checksum.
const metadata = { note: "0".repeat(64), step: "3" };
beforeAll(() => writeFileAtomically(path, encodeSafetensors(tensors, metadata)));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the checksum in a safetensors file", () => {
  it("is the SHA-256 of the file with zeros in its place", () => {
    const text = readFileSync(path).toString("latin1");
    const stated = /"mtard\.sha256":"([0-9a-f]{64})"/.exec(text)?.[1] ?? "";
    expect(stated).not.toBe("0".repeat(64));
    expect(sha256Of(Buffer.from(text.replace(stated, "0".repeat(64)), "latin1"))).toBe(stated);
  });

  it("is not among the metadata that are read, and is made anew when they are written again", async () => {
    const read = await readSafetensors(path);
    expect(read.metadata).toEqual(metadata);
    expect([...read.tensors.keys()]).toEqual(["a.weight", "b"]);
  });

  it("shows every flipped bit: none changes a value or a name unnoticed", async () => {
    const whole = readFileSync(path);
    const expected = await readWeightsFile(path);
    const flipped = join(folder, "flipped.safetensors");
    let unnoticed = 0;
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(flipped, bytes);
      const read = await readWeightsFile(flipped).catch(() => null);
      if (read === null) continue;
      unnoticed++;
      expect(read.weights, `bit ${bit}`).toEqual(expected.weights);
    }
    // A flip in the checksum's own name makes a file without one.
    expect(unnoticed).toBeLessThanOrEqual(8 * "mtard.sha256".length);
  });

  it("need not be there: files of other programs and of earlier versions have none", async () => {
    const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const old = join(folder, "old.safetensors");
    writeFileSync(old, Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)]));
    expect((await readSafetensors(old)).tensors.size).toBe(1);
  });
});
