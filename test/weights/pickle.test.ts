import { describe, expect, it } from "vitest";
import { InertObject } from "#mtard/weights/pickle-machine.js";
import { InputError } from "#mtard/errors.js";
import { unpickle } from "#mtard/weights/pickle.js";
import { torchRules } from "#mtard/weights/torch-pickle.js";
import { TorchTensor } from "#mtard/weights/torch-tensor.js";

const read = (text: string): unknown =>
  unpickle(Buffer.from(text, "latin1"), 0, torchRules("file.pth")).value;

const failure = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof InputError) return error.report();
    throw error;
  }
  return "it was read";
};

describe("unpickle", () => {
  // Each text is what Python's pickle.dumps gave for the value named, at the protocol named.
  it.each<[string, string, unknown]>([
    [
      "{'a': [1, 2.5, None, True]}, protocol 2",
      "\x80\x02}q\0X\x01\0\0\0aq\x01]q\x02(K\x01G@\x04\0\0\0\0\0\0N\x88es.",
      new Map([["a", [1, 2.5, null, true]]]),
    ],
    [
      "[False, -7, 2**40, 2**80], protocol 1",
      "]q\0(I00\nJ\xf9\xff\xff\xffL1099511627776L\nL1208925819614629174706176L\ne.",
      [false, -7, 2 ** 40, 2n ** 80n],
    ],
    [
      "[-1, 2**31, -2**70], protocol 4",
      "\x80\x04\x95\x18\0\0\0\0\0\0\0]\x94(J\xff\xff\xff\xff\x8a\x05\0\0\0\x80\0\x8a\x09\0\0\0\0\0\0\0\0\xc0e.",
      [-1, 2 ** 31, -(2n ** 70n)],
    ],
    ["b'ab', protocol 5", "\x80\x05\x95\x05\0\0\0\0\0\0\0C\x02ab\x94.", new Uint8Array([97, 98])],
  ])("reads %s", (_, text, value) => {
    const found = read(text);
    expect(found instanceof Uint8Array ? new Uint8Array(found) : found).toEqual(value);
  });

  it("says where a pickle ends", () => {
    expect(unpickle(Buffer.from("xxK\x05.rest"), 2, torchRules("f")).end).toBe(5);
  });

  it.each([
    ["GLOBAL", "cposix\nsystem\n."],
    ["STACK_GLOBAL", "\x8c\x05posix\x8c\x06system\x93."],
    ["INST", "(X\x02\0\0\0idiposix\nsystem\n."],
    ["a loader of storages", "ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"],
    ["a function's globals", "cm\nf.__globals__\n.", "m.f.__globals__"],
    ["__proto__", "c__proto__\nconstructor\n.", "__proto__.constructor"],
    ["eval", "cbuiltins\neval\n.", "builtins.eval"],
  ])("refuses %s by name", (_, text, name = "posix.system") => {
    expect(failure(text)).toContain(`asks for ${name}, which mtard never runs`);
  });

  it.each([
    ["a function", "cmymodule\nmake\n(K\x01X\x01\0\0\0atR.", "mymodule.make", [1, "a"]],
    ["a class", "\x80\x02cmymodule\nThing\nK\x07\x85\x81.", "mymodule.Thing", [7]],
    ["a class with arguments by name", "\x80\x04cm\nThing\nK\x07\x85}\x92.", "m.Thing", [7]],
    ["an instance of an old class", "(K\x07im\nThing\n.", "m.Thing", [7]],
    ["a name under an allowed module", "ctorch._utils\nsystem\n)R.", "torch._utils.system", []],
    ["what getattr gives", "cbuiltins\ngetattr\n(K\x01X\x01\0\0\0atRK\x02\x85R.", "builtins.getattr", [2]],
  ])("makes an inert object of %s, and calls nothing", (_, text, name, args) => {
    const found = read(text);
    expect(found).toBeInstanceOf(InertObject);
    expect(found).toMatchObject({ name, args });
  });

  it("keeps what stands in an inert object, as data", () => {
    const text = "cm\nThing\n)R(K\x01K\x02u(K\x03e}X\x01\0\0\0aK\x04sb.";
    expect(read(text)).toMatchObject({
      entries: new Map([[1, 2]]),
      items: [3],
      state: new Map([["a", 4]]),
    });
  });

  it.each([
    [
      "a defaultdict, without what makes its values",
      "ccollections\ndefaultdict\nc__builtin__\nlist\n\x85RK\x01K\x02s.",
    ],
    ["a Counter", "ccollections\nCounter\n}K\x01K\x02s\x85R."],
    ["an OrderedDict", "ccollections\nOrderedDict\n)RK\x01K\x02s."],
  ])("reads %s as a dictionary", (_, text) => {
    expect(read(text)).toEqual(new Map([[1, 2]]));
  });

  it("reads a deque as a list", () => {
    expect(read("ccollections\ndeque\n](K\x01K\x02eK\x03\x86R.")).toEqual([1, 2]);
  });

  it.each([
    ["an opcode for registered extensions", "\x82\x01.", /opcode 0x82/],
    ["a persistent id in text", "Pstorage\n.", /opcode 0x50/],
    ["an empty stack", "0.", /lacks a mark/],
    ["STOP without a value", ".", /empty stack/],
    ["a tuple of more than there is", "K\x01\x87.", /empty stack/],
    ["a memo that was not set", "h\x07.", /did not define/],
    ["text longer than the pickle", "X\xff\xff\xff\xffab.", /ends in the middle/],
    ["text of 2^63 bytes", "\x8d\0\0\0\0\0\0\0\x80ab.", /ends in the middle/],
    ["an integer of 2^31 bytes", "\x8b\0\0\0\x80ab.", /an integer of 2147483648 bytes/],
    ["a line of digits without an end", `I${"1".repeat(5000)}`, /line without an end/],
    ["an integer of 500 digits", `L${"1".repeat(500)}L\n.`, /malformed integer/],
    ["an integer that is none", "Lelephant\n.", /malformed integer/],
    ["a call of plain data", "K\x01)R.", /calls a plain value/],
    ["a call with plain data", "ccollections\nOrderedDict\nK\x01R.", /calls a plain value/],
    ["an item set on a list", "]K\x01K\x02s.", /not a dictionary/],
    ["an item appended to a dictionary", "}K\x01a.", /not a list/],
    ["a key without a value", "}(K\x01u.", /not a dictionary/],
    ["a storage called as a function", "ctorch\nFloatStorage\n)R.", /storage without data/],
    ["a persistent id that is no storage", "(X\x06\0\0\0modulet" + "Q.", /names no storage/],
    ["protocol 6", "\x80\x06N.", /protocol 6, not 0 to 5/],
  ])("refuses %s", (_, text, message) => {
    expect(failure(text)).toMatch(message);
  });

  it("is not slowed down by a list that is copied again and again", () => {
    const pair = "N\x85".replace("\x85", "N\x86");
    const list = `](${pair.repeat(100_000)}eq\0`;
    expect(failure(`${list}ccollections\nOrderedDict\nq\x01${"h\x01h\0\x85R0".repeat(1000)}.`)).toMatch(
      /too many pairs/,
    );
  });

  it("reads a list that holds itself", () => {
    const list = read("]q\0h\0a.") as unknown[];
    expect(list[0]).toBe(list);
  });
});

describe("tensors of a pickle", () => {
  const storage = (count: string): string =>
    `(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu${count}tQ`;
  const tensor = (offset: string, shape: string, strides: string, count = "K\x06"): string =>
    `ctorch._utils\n_rebuild_tensor\n(${storage(count)}${offset}${shape}${strides}tR.`;

  it("keep the shape they were checked with, whatever the pickle does to its lists later", () => {
    // shape is a memorised list [2, 3]; after the tensor is made, 1000 is appended to it.
    const text = tensor("K\0", "](K\x02K\x03eq\x05", "K\x03K\x01\x86").replace(/\.$/, "h\x05M\xe8\x03a0.");
    const found = read(text);
    expect(found).toBeInstanceOf(TorchTensor);
    expect((found as TorchTensor).shape).toEqual([2, 3]);
  });

  it.each([
    ["one element too far", tensor("K\x01", "K\x02K\x03\x86", "K\x03K\x01\x86"), /reaches element 6 of 6/],
    [
      "a negative stride",
      tensor("K\x05", "K\x06\x85", "J\xff\xff\xff\xff\x85"),
      /no valid offset, shape or strides/,
    ],
    [
      "a negative offset",
      tensor("J\xff\xff\xff\xff", "K\x01\x85", "K\x01\x85"),
      /no valid offset, shape or strides/,
    ],
    [
      "more strides than axes",
      tensor("K\0", "K\x01\x85", "K\x01K\x01\x86"),
      /no valid offset, shape or strides/,
    ],
    ["a shape of text", tensor("K\0", "X\x01\0\0\0a", "K\x01\x85"), /no valid offset, shape or strides/],
    ["2^60 times nothing new", tensor("K\0", "J\0\0\0@J\0\0\0@\x86", "K\0K\0\x86"), /no valid shape/],
    [
      "nine axes",
      tensor("K\0", `(${"K\x01".repeat(9)}t`, `(${"K\x01".repeat(9)}t`),
      /no valid offset, shape or strides/,
    ],
    ["an empty tensor beyond the end", tensor("K\x07", "K\0\x85", "K\x01\x85"), /reaches element/],
    [
      "a storage of a negative size",
      tensor("K\0", "K\x01\x85", "K\x01\x85", "J\xff\xff\xff\xff"),
      /no valid size/,
    ],
    [
      "a storage of 2^70 elements",
      tensor("K\0", "K\x01\x85", "K\x01\x85", "\x8a\x09\0\0\0\0\0\0\0\0@"),
      /no valid size/,
    ],
    ["a storage of two sizes", `${storage("K\x06")}${storage("K\x07")}.`, /two types or two sizes/],
    ["no storage", "ctorch._utils\n_rebuild_tensor_v2\n(NK\0)))t" + "R.", /tensor without a storage/],
  ])("are refused with %s", (_, text, message) => {
    expect(failure(text)).toMatch(message);
  });

  it("are read from part of a storage, as files before PyTorch 0.4 have it", () => {
    const part = storage("K\x06").replace(/tQ$/, "(X\x01\0\0\x001K\x02K\x03ttQ");
    const found = read(`ctorch._utils\n_rebuild_tensor\n(${part}K\x01K\x02\x85K\x01\x85tR.`) as TorchTensor;
    expect(found.offset).toBe(3);
    expect(failure(`ctorch._utils\n_rebuild_tensor\n(${part}K\x02K\x02\x85K\x01\x85tR.`)).toMatch(
      /reaches element 3 of 3/,
    );
    expect(failure(`${part.replace("K\x02K\x03ttQ", "K\x04K\x03ttQ")}.`)).toMatch(/view outside itself/);
  });
});
