import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { parseModel, readModelFile, serializeModel } from "#mtard/onnx/model.js";
import { Random } from "#mtard/runtime/random.js";
import { model, plainGraph } from "./models.js";

const whole = serializeModel(model(plainGraph()));
const folder = mkdtempSync(join(tmpdir(), "mtard-onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));

function refusal(bytes: Uint8Array): string {
  try {
    parseModel(bytes, "x.onnx");
  } catch (error) {
    if (error instanceof InputError) return error.report();
    throw error;
  }
  throw new Error("it was not refused");
}

describe("parseModel", () => {
  it("writes back the bytes it was given", () => {
    expect(serializeModel(parseModel(whole, "x.onnx"))).toEqual(whole);
  });

  it("refuses a file cut at any of 200 places", () => {
    for (let step = 1; step < 200; step++)
      expect(refusal(whole.subarray(0, Math.floor((whole.length * step) / 200)))).toContain("x.onnx is not");
  });

  it.each([
    ["a web page", "<!DOCTYPE html><html></html>", "a web page"],
    ["a web page after blank lines", "\n\n  <html>", "a web page"],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"],
    ["a PyTorch zip file", "PK\u0003\u0004rest", "--network ID --weights"],
    ["a pickle", "\u0080\u0002ctorch", "--network ID --weights"],
    ["nothing", "", "no graph"],
  ])("says that %s is not a model", (_, text, said) => {
    expect(refusal(Buffer.from(text, "latin1"))).toContain(said);
  });

  it("answers random damage with a model or an InputError, nothing else", () => {
    const random = Random.fromSeed(5);
    for (let round = 0; round < 300; round++) {
      const bytes = whole.slice();
      for (let hits = 0; hits < 3; hits++) bytes[random.below(bytes.length)] = random.below(256);
      try {
        parseModel(bytes, "x.onnx");
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }
  });

  it("refuses graphs inside graphs without end", () => {
    // An attribute with a graph with a node with an attribute, 20,000 deep.
    let bytes: Buffer = Buffer.alloc(0);
    const wrap = (field: number, inner: Buffer): Buffer => {
      const length: number[] = [];
      let rest = inner.length;
      for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
      return Buffer.concat([Buffer.from([(field << 3) | 2, ...length, rest]), inner]);
    };
    for (let depth = 0; depth < 6000; depth++) bytes = wrap(1, wrap(5, wrap(6, bytes)));
    expect(refusal(wrap(7, bytes))).toContain("not a whole ONNX model");
  });

  it("refuses operator sets before 7", () => {
    expect(refusal(serializeModel(model(plainGraph(), { opset: 6 })))).toContain("operator set 7 or newer");
  });
});

describe("readModelFile", () => {
  it("refuses a file that is absent, empty or too large, and a folder", () => {
    const large = join(folder, "large.onnx");
    writeFileSync(large, "");
    expect(() => readModelFile(large)).toThrow(InputError);
    truncateSync(large, 2 ** 31);
    expect(() => readModelFile(large)).toThrow(InputError);
    expect(() => readModelFile(join(folder, "absent.onnx"))).toThrow(InputError);
    expect(() => readModelFile(folder)).toThrow(InputError);
  });
});
