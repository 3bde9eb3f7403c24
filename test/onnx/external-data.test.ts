import type * as Ort from "onnxruntime-common";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  type ModelProto,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  type TensorProto,
  TensorProto_DataType,
} from "onnx-buf";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { int64Tensor } from "#mtard/onnx/build.js";
import { dataFilesOf, openStoredModel } from "#mtard/onnx/external-data.js";
import { graphOf, serializeModel } from "#mtard/onnx/model.js";
import { layOutModel } from "#mtard/onnx/stored-model.js";
import { writeModel } from "#mtard/onnx/write-model.js";
import { openSession } from "#mtard/runtime/onnxruntime.js";
import { model, plainGraph, reshapedGraph, values } from "./models.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";

const ort = onnxRuntime();

const folder = mkdtempSync(join(tmpdir(), "mtard-external-"));
const inside = join(folder, "model");
mkdirSync(inside);
afterAll(() => rmSync(folder, { recursive: true }));

/** Says that a tensor's bytes are where `entries` says. */
function place(tensor: TensorProto, entries: Record<string, string | number>): void {
  tensor.rawData = new Uint8Array();
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
  tensor.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
}

/** The plain classifier; `fc.weight`, its 1280 bytes of weights, moved out to where the test says. */
function outside(entries: Record<string, string | number>): ModelProto {
  const copy = fromBinary(ModelProtoSchema, serializeModel(model(plainGraph())));
  const tensor = graphOf(copy).initializer.find(({ name }) => name === "fc.weight");
  if (tensor) place(tensor, entries);
  return copy;
}

const open = (external: ModelProto) => openStoredModel(serializeModel(external), "x.onnx", inside);

describe("external data of a foreign model are refused", () => {
  writeFileSync(join(inside, "weights.bin"), new Uint8Array(2000));
  writeFileSync(join(folder, "secret.bin"), new Uint8Array(2000));
  symlinkSync(join(folder, "secret.bin"), join(inside, "link.bin"));
  symlinkSync("..", join(inside, "up"));
  mkdirSync(join(inside, "sub"));

  it.each([
    ["an absolute path", { location: join(inside, "weights.bin") }, "which is no plain path"],
    ["a path upwards", { location: "../secret.bin" }, "which is no plain path"],
    ["a path upwards from below", { location: "sub/../../secret.bin" }, "which is no plain path"],
    ["a path of Windows", { location: "..\\secret.bin" }, "which is no plain path"],
    ["an empty path", { location: "" }, "which is no plain path"],
    ["a path with a null byte", { location: "weights.bin\0.txt" }, "which is no plain path"],
    ["a link to outside", { location: "link.bin" }, "a link to outside the model's folder"],
    ["a folder's link to outside", { location: "up/secret.bin" }, "a link to outside the model's folder"],
    ["a folder", { location: "sub" }, "which is no file"],
    ["a device", { location: "up/../../dev/zero" }, "which is no plain path"],
    ["a file that is not there", { location: "none.bin" }, "which is not there"],
    ["no location", { offset: 0 }, "without a location"],
    [
      "an offset beyond the end",
      { location: "weights.bin", offset: 1000 },
      "bytes 1000 to 2280 of weights.bin",
    ],
    ["a negative offset", { location: "weights.bin", offset: -1 }, 'the offset "-1"'],
    ["an offset that is no number", { location: "weights.bin", offset: "1e3" }, 'the offset "1e3"'],
    [
      "another length",
      { location: "weights.bin", length: 1284 },
      "1284 bytes in weights.bin instead of 1280",
    ],
  ])("%s", (_, entries, found) => {
    let report = "it was not refused";
    try {
      open(outside(entries));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      report = error.report();
    }
    expect(report).toContain("x.onnx keeps weights in another file");
    expect(report).toContain('tensor "fc.weight"');
    expect(report).toContain(found);
    expect(report.split("\n").length).toBeLessThanOrEqual(4);
  });

  it("where there is no folder to look in", () => {
    const bytes = serializeModel(outside({ location: "weights.bin" }));
    expect(() => openStoredModel(bytes, "x.onnx", null)).toThrow(/keeps weights in another file/);
  });

  it("where tensors together take more bytes than there are", () => {
    const repeated = outside({ location: "weights.bin" });
    const [tensor] = graphOf(repeated).initializer.filter(({ name }) => name === "fc.weight");
    if (tensor) graphOf(repeated).initializer.push({ ...tensor, name: "again" });
    expect(() => open(repeated)).toThrow(/keeps weights in another file/);
  });

  it("where they claim a shape of more than any file", () => {
    const huge = outside({ location: "weights.bin" });
    for (const tensor of graphOf(huge).initializer) tensor.dims = tensor.dims.map(() => 2n ** 62n);
    expect(() => open(huge)).toThrow(/keeps weights in another file/);
  });

  it("where they are texts", () => {
    const texts = outside({ location: "weights.bin" });
    for (const tensor of graphOf(texts).initializer) tensor.dataType = TensorProto_DataType.STRING;
    expect(() => open(texts)).toThrow(/keeps weights in another file/);
  });
});

describe("external data of a foreign model", () => {
  const images = values(3 * 3 * 8 * 8, 5);
  const logits = async (session: Ort.InferenceSession): Promise<number[]> => {
    const { y } = await session.run({ x: new ort.Tensor("float32", images, [3, 3, 8, 8]) });
    await session.release();
    return [...(y?.data as Float32Array)];
  };

  it("are found in several files and folders, several in one, and run as if they were inside", async () => {
    const copy = fromBinary(ModelProtoSchema, serializeModel(model(plainGraph())));
    const wanted = await logits(await ort.InferenceSession.create(serializeModel(copy)));
    mkdirSync(join(inside, "parts"));
    let offset = 0;
    const together: Uint8Array[] = [];
    for (const tensor of graphOf(copy).initializer) {
      const bytes = tensor.rawData;
      if (tensor.name === "fc.weight") {
        writeFileSync(join(inside, "parts", "fc.weight"), bytes);
        place(tensor, { location: "parts/fc.weight", checksum: "unknown keys are passed over" });
      } else {
        place(tensor, { location: "together.bin", offset, length: bytes.length });
        together.push(bytes);
        offset += bytes.length;
      }
    }
    writeFileSync(join(inside, "together.bin"), Buffer.concat(together));

    const opened = open(copy);
    // Tensors below 1024 bytes are inside now.
    expect(dataFilesOf(opened.model)).toEqual(["parts/fc.weight"]);
    expect([...opened.stored.keys()].map(({ name }) => name)).toEqual(["fc.weight"]);
    const { session } = await openSession(serializeModel(opened.model), "cpu", 1, { dataFolder: inside });
    expect(await logits(session)).toEqual(wanted);

    // Written elsewhere, as one file and as two.
    for (const embedLimit of [Infinity, 0]) {
      const path = join(folder, `written-${embedLimit}.onnx`);
      const { data } = writeModel(path, open(copy), { embedLimit });
      expect(data.map(({ file }) => file)).toEqual(embedLimit === 0 ? ["written-0.onnx.data"] : []);
      expect(await logits(await ort.InferenceSession.create(path))).toEqual(wanted);
    }
  });

  it("do not hide the constants that shapes are made of", () => {
    const copy = fromBinary(ModelProtoSchema, serializeModel(model(reshapedGraph([1n, 64n]))));
    const shape = graphOf(copy).initializer.find(({ name }) => name === "shape");
    writeFileSync(join(inside, "shape.bin"), shape?.rawData ?? "");
    if (shape) place(shape, { location: "shape.bin" });
    const { model: opened, stored } = open(copy);
    expect(stored.size).toBe(0);
    expect(graphOf(opened).initializer.at(-1)).toEqual(int64Tensor("shape", [1n, 64n]));
  });
});

describe("layOutModel", () => {
  it("makes the message that the protocol buffer library makes", () => {
    const original = serializeModel(model(plainGraph()));
    const { graph, data } = layOutModel(openStoredModel(original, "it", null), "", Infinity);
    expect(data).toBeNull();
    const made = fromBinary(ModelProtoSchema, Buffer.concat([...graph]));
    expect(Buffer.compare(serializeModel(made), original)).toBe(0);
  });

  it("puts external data at the starts of pages", () => {
    const opened = openStoredModel(serializeModel(model(plainGraph())), "it", null);
    const weights = graphOf(opened.model).initializer.find(({ name }) => name === "fc.weight");
    const other = { ...weights, name: "other" } as TensorProto;
    graphOf(opened.model).initializer.push(other);
    const bytes = Buffer.from(weights?.rawData ?? []);
    const { data } = layOutModel(opened, "x.data", 0);
    const file = Buffer.concat([...(data ?? [])]);
    expect(file.length).toBe(4096 + bytes.length);
    expect(file.subarray(0, bytes.length)).toEqual(bytes);
    expect(file.subarray(4096)).toEqual(bytes);
    expect(other.externalData.map(({ key, value }) => [key, value])).toEqual([
      ["location", "x.data"],
      ["offset", "4096"],
      ["length", "1280"],
    ]);
  });
});
