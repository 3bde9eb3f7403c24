/** Pickles that would run a command if anything unpickled them, written opcode by opcode; and what else pickles are made to hurt with. */

const bytes = (...parts: readonly (string | Uint8Array | number)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === "number"
        ? Buffer.of(part)
        : typeof part === "string"
          ? Buffer.from(part, "latin1")
          : part,
    ),
  );

const uint32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
};

/** BINUNICODE and SHORT_BINUNICODE. */
const text = (value: string): Buffer => bytes("X", uint32(Buffer.byteLength(value)), Buffer.from(value));
const shortText = (value: string): Buffer => bytes(0x8c, Buffer.byteLength(value), Buffer.from(value));

/** Callables that run what they are given, or fetch one that does, with their arguments as opcodes. */
const callables: readonly (readonly [module: string, name: string, ...args: string[]])[] = [
  ["os", "system", "touch canary"],
  ["posix", "system", "touch canary"],
  ["nt", "system", "touch canary"],
  ["subprocess", "getoutput", "touch canary"],
  ["builtins", "eval", "open('canary', 'w')"],
  ["builtins", "exec", "open('canary', 'w')"],
  ["builtins", "open", "canary", "w"],
  ["builtins", "__import__", "canary"],
  ["__builtin__", "eval", "open('canary', 'w')"],
  ["runpy", "run_path", "canary.py"],
  ["torch", "load", "canary.pt"],
  ["torch.hub", "load_state_dict_from_url", "file:canary"],
  ["collections", "OrderedDict.__init__.__globals__", "touch canary"],
  ["torch._utils", "_rebuild_tensor_v2.__globals__", "touch canary"],
];

/** A call in the opcodes of each protocol. */
function calls([module, name, ...args]: (typeof callables)[number]): Buffer[] {
  const global = `c${module}\n${name}\n`;
  const tuple = bytes("(", ...args.map(text), "t");
  return [
    bytes(global, "(", ...args.map((arg) => `V${arg}\n`), "tR"),
    bytes("(", ...args.map(text), `i${module}\n${name}\n`),
    bytes("(", global, ...args.map(text), "o"),
    bytes(0x80, 2, global, tuple, 0x81),
    bytes(0x80, 4, shortText(module), shortText(name), 0x93, tuple, "R"),
    bytes(0x80, 4, shortText(module), shortText(name), 0x93, tuple, "}", 0x92),
    bytes(0x80, 4, shortText(module), 0x94, "0", shortText(name), 0x94, "0h", 0, "h", 1, 0x93, tuple, "R"),
    // An object whose state is the call's result.
    bytes(0x80, 2, "ccollections\nOrderedDict\n)R", global, tuple, "Rb"),
  ];
}

/** Where in a checkpoint the call stands: alone, beside the weights, as a key, inside an attribute, as a tensor's or a storage's part. */
function places(call: Buffer): Buffer[] {
  return [
    call,
    bytes("}", text("state_dict"), "}s", text("extra"), call, "s"),
    bytes("}", call, "Ns"),
    bytes("cargparse\nNamespace\n)R}", text("lr"), call, "sb"),
    bytes("]", "(", call, "e"),
    bytes("ctorch._utils\n_rebuild_tensor_v2\n(", call, "K\x00))", 0x89, "NtR"),
    bytes("(", text("storage"), call, text("0"), text("cpu"), "K\x01tQ"),
  ];
}

/** Every hostile pickle, the last opcode included. */
export function hostilePickles(): Buffer[] {
  const all = callables.flatMap((callable, index) => {
    const variants = calls(callable);
    const [first = Buffer.of()] = variants;
    // Each way to call once for each callable, each place for the first ones.
    return index < 2 ? variants.flatMap((call) => places(call)) : [...variants, ...places(first).slice(1)];
  });
  const inner = bytes("cposix\nsystem\n(", text("touch canary"), "tR.");
  return [
    ...all.map((pickle) => bytes(pickle, ".")),
    // A pickle in a pickle, for whatever would load its bytes.
    bytes("c_pickle\nloads\n(B", uint32(inner.length), inner, "tR."),
    bytes("}", text("state_dict"), "B", uint32(inner.length), inner, "s."),
    bytes("cpickle\nloads\n(", text(inner.toString("latin1")), "tR."),
    // Extension registry, persistent ids as text, buffers out of band.
    bytes(0x80, 2, 0x82, 1, ")R."),
    bytes("Pposix system\n."),
    bytes(0x80, 5, 0x97, 0x98, "."),
    bytes(0x80, 6, "N."),
  ];
}

/** Pickles that are harmless to run and costly to read. */
export function costlyPickles(): Buffer[] {
  const laughs = Array.from({ length: 5000 }, () => "(0(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00lq\x00").join(
    "",
  );
  return [
    bytes("(".repeat(1_500_000), "."),
    bytes("]".repeat(1_000_000), "a".repeat(999_999), "."),
    bytes("]q", 0, laughs, "."),
    bytes(0x8b, uint32(0xffffffff), "."),
    bytes("B", uint32(0xffffffff), "x."),
    bytes(0x8e, Buffer.alloc(8, 0xff), "."),
    bytes(0x80, 4, 0x95, Buffer.alloc(8, 0xff), "N."),
    bytes("L", "9".repeat(1000), "L\n."),
    bytes("N", "2".repeat(1_900_000), "."),
    bytes("ccollections\nOrderedDict\n(]q", 0, "(", "h\x00".repeat(300_000), "etR."),
  ];
}

/** A pickle as the value of a legacy PyTorch file, without storages. */
export function inLegacyFile(pickle: Buffer): Buffer {
  const magic = bytes(0x80, 2, 0x8a, 10, Buffer.from("6cfc9c46f9206aa85019", "hex"), ".");
  const protocol = bytes(0x80, 2, "M", 0xe9, 3, ".");
  const system = bytes(0x80, 2, "}", text("little_endian"), 0x88, "s.");
  return bytes(magic, protocol, system, pickle, 0x80, 2, "].");
}
