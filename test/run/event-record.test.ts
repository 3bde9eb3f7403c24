import { describe, expect, it } from "vitest";
import {
  messageAt,
  pictureValue,
  scalarValue,
  sessionEnd,
  sessionStart,
  summaryRecord,
  versionRecord,
  wallTimeAt,
} from "#mtard/run/event-record.js";

const TIME = 1764161234.5;

// Made by TensorBoard 2.21: its RecordWriter, its messages, and the metadata of its plugins.
const GOLDEN = {
  version: "1800000000000000a37f4b22090000a0b4bd49da411a0d627261696e2e4576656e743a32fbdfa6ce",
  scalars:
    "420000000000000079f36eaa090000a0b4bd49da4110ac022a340a0f0a086c6f73732f6e617415cdcccc3d0a0f0a086c6f73732f616476150000c07f" +
    "0a100a097765696768742fc3a415000000007d97ca90",
  picture:
    "4f000000000000006c474f93090000a0b4bd49da4110072a420a400a14616476657273617269616c2f6578616d706c65734216080712041202080342" +
    "02323042023130420489504e474a100a080a06696d616765731a04726f77738d10a404",
  start:
    "76000000000000004e43f07d090000a0b4bd49da412a6b0a690a1c5f68706172616d735f2f73657373696f6e5f73746172745f696e666f4206080112" +
    "0212004a410a3f0a0768706172616d7312341a320a0e0a016212091a07756e69666f726d0a070a0163120220000a0e0a0161120911000000000000e0" +
    "3f290000a0b4bd49da4162f9ffe4",
  end:
    "4f000000000000006c474f93090000a0b4bd49da41100c2a420a400a1a5f68706172616d735f2f73657373696f6e5f656e645f696e666f4206080112" +
    "0212004a1a0a180a0768706172616d73120d220b0801110000a0b4bd49da418fb00635",
};

describe("a record of an event file has the bytes of TensorBoard's own writer", () => {
  it.each([
    ["version", versionRecord(TIME)],
    [
      "scalars",
      summaryRecord(TIME, 300, [
        scalarValue("loss/nat", 0.1),
        scalarValue("loss/adv", NaN),
        scalarValue("weight/ä", 0),
      ]),
    ],
    [
      "picture",
      summaryRecord(TIME, 7, [
        pictureValue(
          "adversarial/examples",
          { png: Buffer.from("\x89PNG", "latin1"), width: 20, height: 10 },
          "rows",
        ),
      ]),
    ],
    ["start", summaryRecord(TIME, 0, [sessionStart({ b: "uniform", c: false, a: 0.5 }, TIME)])],
    ["end", summaryRecord(TIME, 12, [sessionEnd(TIME)])],
  ] as const)("(%s)", (name, record) => {
    expect(record.toString("hex")).toBe(GOLDEN[name]);
  });
});

describe("a record at a place in a file", () => {
  const record = Buffer.from(GOLDEN.scalars, "hex");
  const file = Buffer.concat([Buffer.from(GOLDEN.version, "hex"), record]);
  const at = file.length - record.length;

  it("has its time and its message", () => {
    expect(wallTimeAt(file, at)).toBe(TIME);
    expect(messageAt(file, at)?.equals(record.subarray(12, -4))).toBe(true);
  });

  it("is none if a byte of it is another, or the end is missing", () => {
    for (const changed of [at, at + 4, at + 9, at + 20, file.length - 1]) {
      const damaged = Buffer.from(file);
      damaged[changed] = (damaged[changed] as number) ^ 1;
      expect(messageAt(damaged, at), String(changed)).toBeNull();
    }
    for (const length of [at, at + 5, at + 14, file.length - 1])
      expect(messageAt(file.subarray(0, length), at), String(length)).toBeNull();
    expect(wallTimeAt(file.subarray(0, at + 20), at)).toBeNaN();
  });
});
