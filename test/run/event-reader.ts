import { readFileSync } from "node:fs";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A record of an event file, as the test reads it. */
export interface ReadEvent {
  wallTime: number;
  step: number;
  version: string | null;
  scalars: [tag: string, value: number][];
  pictures: { tag: string; width: number; height: number; png: Uint8Array }[];
  /** Tags of values for plugins other than those two. */
  others: string[];
}

/** Reads an event file; a length or a checksum that is wrong, and a record that is cut short, are errors. */
export function readEvents(path: string): ReadEvent[] {
  const bytes = readFileSync(path);
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (bytes.readUInt32LE(at + 8) !== masked(bytes.subarray(at, at + 8)))
      throw new Error(`the checksum of the length at ${at} is wrong`);
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(at + 12 + length) !== masked(data))
      throw new Error(`the checksum of the message at ${at} is wrong`);
    events.push(eventOf(data));
    at += 16 + length;
  }
  return events;
}

/** The points of all curves of a file, by tag: step and number. */
export function curvesIn(events: readonly ReadEvent[]): Record<string, [step: number, value: number][]> {
  const curves: Record<string, [number, number][]> = {};
  for (const { step, scalars } of events)
    for (const [tag, value] of scalars) (curves[tag] ??= []).push([step, value]);
  return curves;
}

/** The curves that a run's metrics make: the names of what was measured, grouped, in single precision. */
export function curvesOfMetrics(path: string): Record<string, [step: number, value: number][]> {
  const curves: Record<string, [number, number][]> = {};
  const add = (tag: string, step: number, value: unknown): void => {
    (curves[tag] ??= []).push([step, value === null ? NaN : Math.fround(value as number)]);
  };
  for (const text of readFileSync(path, "utf8").trimEnd().split("\n")) {
    const { step, ...line } = JSON.parse(text) as Record<string, unknown> & { step: number };
    if ("best" in line) {
      const kinds = [
        [line, "accuracy", "best"],
        [line["averaged"], "averaged", "bestAveraged"],
      ] as [Record<string, unknown> | undefined, string, string][];
      for (const [found, group, best] of kinds)
        for (const each of found ? [group, ...(found["best"] === true ? [best] : [])] : [])
          for (const name of ["clean", "robust", "wRobust"]) add(`${each}/${name}`, step, found?.[name]);
      continue;
    }
    for (const [name, value] of Object.entries(line))
      if (["epoch", "learningRate", "seconds"].includes(name)) add(`schedule/${name}`, step, value);
      else {
        const [, group = "", last = ""] = /^(.+)([A-Z][a-z]*)$/.exec(name) ?? [];
        add(`${group}/${last.toLowerCase()}`, step, value);
      }
  }
  return curves;
}

function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

type Fields = Map<number, (number | Uint8Array)[]>;

/** The fields of a message: varints as numbers, the others as their bytes. */
function fieldsOf(data: Uint8Array): Fields {
  const reader = new BinaryReader(data);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const value =
      wire === WireType.Varint
        ? Number(reader.int64())
        : wire === WireType.LengthDelimited
          ? reader.bytes()
          : reader.skip(wire);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

function bytesOf(fields: Fields, field: number, index = 0): Buffer {
  return Buffer.from((fields.get(field)?.[index] ?? new Uint8Array()) as Uint8Array);
}

function eventOf(data: Uint8Array): ReadEvent {
  const fields = fieldsOf(data);
  const event: ReadEvent = {
    wallTime: bytesOf(fields, 1).readDoubleLE(),
    step: Number(fields.get(2)?.[0] ?? 0),
    version: fields.has(3) ? bytesOf(fields, 3).toString() : null,
    scalars: [],
    pictures: [],
    others: [],
  };
  for (const each of fieldsOf(bytesOf(fields, 5)).get(1) ?? []) {
    const value = fieldsOf(each as Uint8Array);
    const tag = bytesOf(value, 1).toString();
    if (value.has(2)) event.scalars.push([tag, bytesOf(value, 2).readFloatLE()]);
    else if (bytesOf(value, 9).includes("images")) {
      const tensor = fieldsOf(bytesOf(value, 8));
      const [width = NaN, height = NaN] = [0, 1].map((index) => Number(bytesOf(tensor, 8, index).toString()));
      event.pictures.push({ tag, width, height, png: bytesOf(tensor, 8, 2) });
    } else event.others.push(tag);
  }
  return event;
}
