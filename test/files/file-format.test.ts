import { describe, expect, it } from "vitest";
import { otherFormat } from "#mtard/files/file-format.js";

const tar = (first: string): Buffer => {
  const head = Buffer.alloc(512);
  head.write(first);
  head.write("ustar", 257);
  return head;
};
const zip = (first: string): string =>
  `PK\x03\x04${"\0".repeat(22)}${String.fromCharCode(first.length)}\0\0\0${first}`;

describe("otherFormat", () => {
  it.each<[string | Buffer, string, string]>([
    ["<!DOCTYPE html>", "a web page", "download the file itself"],
    ["\n <html>", "a web page", "download the file itself"],
    ["version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"],
    [tar("sys_info"), "a PyTorch file from before 0.2", "torch.save(torch.load("],
    [tar("model/model.onnx"), "a tar archive", "tar -xf"],
    ["\x1f\x8b\x08", "a gzip file", "gunzip"],
    ["\xfd7zXZ\0", "an xz file", "unxz"],
    ["BZh91AY", "a bzip2 file", "bunzip2"],
    ["\x28\xb5\x2f\xfd", "a zstd file", "unzstd"],
    ["7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"],
    ["Rar!\x1a\x07", "a rar archive", "unrar x"],
    ["\x89HDF\r\n\x1a\n", "an HDF5 file", "tf2onnx.convert --keras"],
    ["\x1c\0\0\0TFL3", "a TensorFlow Lite model", "tf2onnx.convert --tflite"],
    ["\x08\0\0\0ORTM", "ONNX Runtime's own format", ".onnx file it was made from"],
    ["\x93NUMPY\x01\0", "a single NumPy array", "numpy.savez"],
    ["\x08\x01\x12\xa0\x8d\x06\x0a", "a TensorFlow SavedModel", "tf2onnx.convert --saved-model"],
    ["\x08\x04\x12\x98\x01\x0a\x20\x0a\x05", "a Core ML model", "export the network"],
    ["\x0a\x0e\x0a\x01x\x12\x0bPlaceholder", "a frozen TensorFlow graph", "tf2onnx.convert --graphdef"],
    ['{"format": "layers-model"}', "JSON text", "the model as ONNX"],
    ["\x82\xa6params\x81", "Flax's weights", "numpy.savez"],
  ])("says of %j: %s", (head, found, fix) => {
    for (const wanted of ["onnx", "weights"] as const) {
      const other = otherFormat(Buffer.isBuffer(head) ? head : Buffer.from(head, "latin1"), wanted);
      expect(other?.found).toContain(found);
      expect(other?.fix).toContain(fix);
    }
  });

  it.each([
    [zip("archive/data.pkl"), "a PyTorch file"],
    [zip("x_train.npy"), "a NumPy npz file"],
    [zip("config.json"), "a Keras archive"],
    [zip("holiday/photo.jpg"), "a zip archive"],
    ["\x80\x02}", "a PyTorch file"],
    ["\x80\x05\x95", "a PyTorch file"],
    ['\x40\0\0\0\0\0\0\0{"a"', "a safetensors file"],
  ])("says of %j, where an ONNX model is wanted: %s", (head, found) => {
    expect(otherFormat(Buffer.from(head, "latin1"), "onnx")?.found).toContain(found);
    if (!head.startsWith("PK")) expect(otherFormat(Buffer.from(head, "latin1"), "weights")).toBeNull();
  });

  it("knows an ONNX model where weights are wanted, and takes none for another file", () => {
    for (const head of ["\x08\x07\x12\x07pytorch", "\x08\x0a\x3a\xff\x10", "\x08\x08\x12\x00"]) {
      expect(otherFormat(Buffer.from(head, "latin1"), "weights")?.found).toBe("an ONNX model");
      expect(otherFormat(Buffer.from(head, "latin1"), "onnx")).toBeNull();
    }
    expect(otherFormat(Buffer.from("hello world"), "onnx")).toBeNull();
  });
});
