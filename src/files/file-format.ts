/** What a file was wanted as. */
export type Wanted = "weights" | "onnx";

/** A kind of file that is no model here: what it is, and what to do. */
export interface OtherFormat {
  readonly found: string;
  readonly fix: string;
}

interface Kind extends OtherFormat {
  readonly is: (head: Buffer, text: string) => boolean;
}

/** How many first bytes of a file {@link otherFormat} needs. */
export const FORMAT_HEAD = 1024;

const TO_ONNX = "then mtard teacher import --onnx model.onnx";
const UNPACK = "then give the file inside";
const starts =
  (...marks: readonly string[]) =>
  (_: Buffer, text: string): boolean =>
    marks.some((mark) => text.startsWith(mark));
const at =
  (position: number, mark: string) =>
  (_: Buffer, text: string): boolean =>
    text.startsWith(mark, position);

/** Files that people take for models, by their first bytes; the first that fits says what a file is. */
const kinds: readonly Kind[] = [
  {
    found: "a web page (HTML or XML)",
    fix: "download the file itself, with the site's download or raw link: the address gave a page about it, or an error",
    is: (_, text) => /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|!--|\?xml|error)/i.test(text),
  },
  {
    found: "a Git LFS pointer, not the file it points to",
    fix: "fetch the file itself with: git lfs pull",
    is: starts("version https://git-lfs"),
  },
  {
    found: "a PyTorch file from before 0.2, a tar archive",
    fix: 'read and save it anew in PyTorch: torch.save(torch.load("FILE", map_location="cpu"), "NEW_FILE")',
    is: (_, text) => /^(\.\/)?sys_info\0/.test(text) && at(257, "ustar")(_, text),
  },
  { found: "a tar archive", fix: `unpack it with tar -xf FILE, ${UNPACK}`, is: at(257, "ustar") },
  { found: "a gzip file", fix: `unpack it with gunzip FILE, ${UNPACK}`, is: starts("\x1f\x8b") },
  { found: "an xz file", fix: `unpack it with unxz FILE, ${UNPACK}`, is: starts("\xfd7zXZ\0") },
  {
    found: "a bzip2 file",
    fix: `unpack it with bunzip2 FILE, ${UNPACK}`,
    is: (_, text) => /^BZh\d/.test(text),
  },
  { found: "a zstd file", fix: `unpack it with unzstd FILE, ${UNPACK}`, is: starts("\x28\xb5\x2f\xfd") },
  { found: "an lz4 file", fix: `unpack it with unlz4 FILE, ${UNPACK}`, is: starts("\x04\x22\x4d\x18") },
  { found: "a 7z archive", fix: `unpack it with 7z x FILE, ${UNPACK}`, is: starts("7z\xbc\xaf\x27\x1c") },
  { found: "a rar archive", fix: `unpack it with unrar x FILE, ${UNPACK}`, is: starts("Rar!") },
  {
    found: "an HDF5 file, as Keras writes them",
    fix: `convert it with python -m tf2onnx.convert --keras FILE --output model.onnx, ${TO_ONNX}`,
    is: starts("\x89HDF\r\n"),
  },
  {
    found: "a TensorFlow Lite model",
    fix: `convert it with python -m tf2onnx.convert --tflite FILE --output model.onnx, ${TO_ONNX}`,
    is: at(4, "TFL3"),
  },
  {
    found: "a model in ONNX Runtime's own format",
    fix: "give the .onnx file it was made from",
    is: at(4, "ORTM"),
  },
  { found: "a GGUF file of a language model", fix: "give an image classifier", is: starts("GGUF") },
  {
    found: "a MATLAB file",
    fix: "save its arrays in Python by name with numpy.savez(FILE, **scipy.io.loadmat(OLD_FILE))",
    is: starts("MATLAB 5.0 MAT-file"),
  },
  {
    found: "a single NumPy array, without a name",
    fix: "save the arrays by name with numpy.savez(FILE, **arrays); of DeepMind's weights take the .pt file",
    is: starts("\x93NUMPY"),
  },
  {
    found: "a TensorFlow SavedModel",
    fix: `convert its folder with python -m tf2onnx.convert --saved-model FOLDER --output model.onnx, ${TO_ONNX}`,
    is: starts("\x08\x01\x12"),
  },
  {
    found: "a Core ML model",
    fix: `export the network it was converted from to ONNX, ${TO_ONNX}`,
    is: (head) => isVersioned(head) && head[2] === 0x12 && !isText(head, 3),
  },
  {
    found: "a frozen TensorFlow graph",
    fix: `convert it with python -m tf2onnx.convert --graphdef FILE --inputs INPUT:0 --outputs OUTPUT:0 --output model.onnx, ${TO_ONNX}`,
    is: (head, text) => head[0] === 0x0a && isOperation(text),
  },
  {
    found: "JSON text",
    fix: "give the file of weights beside it, or the model as ONNX",
    is: (_, text) => /^\s*[{[]\s*["{[]/.test(text),
  },
  {
    found: "Flax's weights (msgpack)",
    fix: "save them by PyTorch's names with numpy.savez(FILE, **arrays)",
    is: (_, text) => /^[\x81-\x8f][\xa1-\xbf](params|batch_stats|step|model|opt_state)/.test(text),
  },
];

/** Zip archives, by the name of their first member. */
const ofZip: readonly (OtherFormat & { readonly member: RegExp })[] = [
  {
    member: /\.npy$/,
    found: "a NumPy npz file",
    fix: "mtard teacher import with --network ID --weights FILE",
  },
  {
    member: /^(config\.json|metadata\.json|model\.weights\.h5)$/,
    found: "a Keras archive",
    fix: `convert it in Python: model.export("model.onnx", format="onnx") of keras.saving.load_model(FILE), ${TO_ONNX}`,
  },
  {
    member: /^$|(^|\/)(data\.pkl|data|version|byteorder|constants\.pkl|code|\.format_version|\.data)(\/|$)/,
    found: "what looks like a PyTorch file",
    fix: "mtard teacher import with --network ID --weights FILE",
  },
  { member: /^/, found: "a zip archive", fix: `unpack it with unzip FILE, ${UNPACK}` },
];

/** Whether a node's operator, after its tag in a protocol buffer and its length, is one of TensorFlow's. */
function isOperation(text: string): boolean {
  return ["Placeholder", "Const", "Identity", "VariableV2"].some((operation) =>
    text.includes(`\u0012${String.fromCharCode(operation.length)}${operation}`),
  );
}

/**
 * What a file is that is not of the kind wanted, by its first bytes; null if nobody knows. Formats that are wanted are not asked about.
 *
 * @param head The first {@link FORMAT_HEAD} bytes, or all.
 */
export function otherFormat(head: Uint8Array, wanted: Wanted): OtherFormat | null {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const text = bytes.toString("latin1");
  const kind = kinds.find(({ is }) => is(bytes, text));
  if (kind) return { found: kind.found, fix: kind.fix };
  return wanted === "onnx" ? torchKind(text) : onnxKind(bytes);
}

function torchKind(text: string): OtherFormat | null {
  if (text.startsWith("PK\x03\x04")) {
    const first = text.slice(30, 30 + text.charCodeAt(26) + 256 * text.charCodeAt(27));
    const kind = ofZip.find(({ member }) => member.test(first));
    return kind ? { found: kind.found, fix: kind.fix } : null;
  }
  if (text.charCodeAt(0) === 0x80 && text.charCodeAt(1) >= 2 && text.charCodeAt(1) <= 5)
    return {
      found: "what looks like a PyTorch file",
      fix: "mtard teacher import with --network ID --weights FILE",
    };
  if (text[8] !== "{" || !/^[^]{4}\0{4}/.test(text)) return null;
  return { found: "a safetensors file", fix: "mtard teacher import with --network ID --weights FILE" };
}

function onnxKind(head: Buffer): OtherFormat | null {
  if (!isVersioned(head) || ![0x12, 0x1a, 0x3a, 0x42].includes(head[2] ?? 0)) return null;
  return { found: "an ONNX model", fix: "mtard teacher import with --onnx FILE" };
}

/** Whether a protocol buffer begins with a small version number, as ONNX models and Core ML's do. */
function isVersioned(head: Buffer): boolean {
  return head[0] === 0x08 && (head[1] ?? 0) > 0 && (head[1] ?? 255) < 32;
}

/** Whether a field of a protocol buffer whose length is at `position` holds printable text. */
function isText(head: Buffer, position: number): boolean {
  const length = head[position] ?? 0;
  if (length >= 0x80) return false;
  const field = head.subarray(position + 1, position + 1 + length);
  return field.every((byte) => byte >= 0x20 && byte < 0x7f);
}
