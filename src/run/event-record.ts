import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/*
 * The records of TensorBoard's event files, byte for byte as its own writer makes them: a length, a message of the protocol buffers
 * `Event`, `Summary` and `HParamsPluginData`, and a checksum of each. The numbers are the fields of those messages.
 */

/** A value of a summary, encoded. */
export type SummaryValue = Uint8Array;

/** A picture as PNG; sizes in pixels. */
export interface Picture {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The record that an event file begins with. */
export function versionRecord(wallTime: number): Buffer {
  return framed(event(wallTime, 0).tag(3, WireType.LengthDelimited).string("brain.Event:2").finish());
}

/**
 * A record of values of one step.
 *
 * @param wallTime In seconds since 1970.
 */
export function summaryRecord(wallTime: number, step: number, values: readonly SummaryValue[]): Buffer {
  const summary = message(event(wallTime, step), 5);
  for (const value of values) summary.tag(1, WireType.LengthDelimited).bytes(value);
  return framed(summary.join().finish());
}

/** A number of a curve, kept in single precision. */
export function scalarValue(tag: string, value: number): SummaryValue {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(tag);
  // By hand: the writer refuses what is beyond single precision, which is an infinity here.
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return writer.tag(2, WireType.Bit32).raw(bytes).finish();
}

/** A picture, with what it shows as Markdown. */
export function pictureValue(
  tag: string,
  { png, width, height }: Picture,
  description: string,
): SummaryValue {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(tag);
  message(writer, 8).tag(1, WireType.Varint).uint32(STRINGS);
  message(message(writer, 2), 2).tag(1, WireType.Varint).uint32(3).join().join();
  for (const text of [String(width), String(height)]) writer.tag(8, WireType.LengthDelimited).string(text);
  writer.tag(8, WireType.LengthDelimited).bytes(png).join();
  message(message(writer, 9), 1).tag(1, WireType.LengthDelimited).string("images").join();
  return writer.tag(3, WireType.LengthDelimited).string(description).join().finish();
}

/**
 * The settings that a run begins with, for TensorBoard's plugin of hyperparameters.
 *
 * @param startTime In seconds since 1970.
 */
export function sessionStart(
  settings: Readonly<Record<string, number | string | boolean>>,
  startTime: number,
): SummaryValue {
  return sessionValue("_hparams_/session_start_info", (data) => {
    message(data, 3);
    for (const [name, value] of Object.entries(settings)) {
      message(data, 1).tag(1, WireType.LengthDelimited).string(name);
      message(data, 2);
      if (typeof value === "number") data.tag(2, WireType.Bit64).double(value);
      else if (typeof value === "string") data.tag(3, WireType.LengthDelimited).string(value);
      else data.tag(4, WireType.Varint).bool(value);
      data.join().join();
    }
    data.tag(5, WireType.Bit64).double(startTime).join();
  });
}

/** That a run was trained to its end. @param endTime In seconds since 1970. */
export function sessionEnd(endTime: number): SummaryValue {
  return sessionValue("_hparams_/session_end_info", (data) => {
    message(data, 4).tag(1, WireType.Varint).uint32(SUCCESS);
    data.tag(2, WireType.Bit64).double(endTime).join();
  });
}

/** The wall time of the record at a place in a file; NaN where none begins. */
export function wallTimeAt(file: Buffer, at: number): number {
  return at + HEAD + 9 > file.length ? NaN : file.readDoubleLE(at + HEAD + 1);
}

/** The message of the record at a place in a file; null where there is no whole record with its checksums. */
export function messageAt(file: Buffer, at: number): Buffer | null {
  if (at + HEAD > file.length) return null;
  const length = file.readUInt32LE(at);
  const data = file.subarray(at + HEAD, at + HEAD + length);
  const record = file.subarray(at, at + HEAD + length + CHECKSUM);
  return record.equals(framed(data)) ? data : null;
}

/** The length of a record with a message of so many bytes. */
export function recordLength(message: number): number {
  return HEAD + message + CHECKSUM;
}

const CHECKSUM = 4;
/** The length before a message, 8 bytes, and its checksum. */
const HEAD = 8 + CHECKSUM;

/** TensorBoard's numbers for tensors of texts and of single precision, and for success. */
const STRINGS = 7;
const FLOATS = 1;
const SUCCESS = 1;

function event(wallTime: number, step: number): BinaryWriter {
  const writer = new BinaryWriter().tag(1, WireType.Bit64).double(wallTime);
  return step === 0 ? writer : writer.tag(2, WireType.Varint).int64(step);
}

/** Begins a message in a field of another; `join` ends it. */
function message(writer: BinaryWriter, field: number): BinaryWriter {
  return writer.tag(field, WireType.LengthDelimited).fork();
}

/** A value without a number, whose content is the plugin's: it has a tensor of no element, as TensorBoard's own. */
function sessionValue(tag: string, content: (data: BinaryWriter) => void): SummaryValue {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(tag);
  message(writer, 8).tag(1, WireType.Varint).uint32(FLOATS);
  message(message(writer, 2), 2).join().join().join();
  message(message(writer, 9), 1).tag(1, WireType.LengthDelimited).string("hparams");
  content(message(writer, 2));
  return writer.join().join().join().finish();
}

function framed(data: Uint8Array): Buffer {
  const record = Buffer.alloc(recordLength(data.length));
  record.writeUInt32LE(data.length, 0);
  record.writeUInt32LE(maskedChecksum(record.subarray(0, 8)), 8);
  record.set(data, HEAD);
  record.writeUInt32LE(maskedChecksum(data), HEAD + data.length);
  return record;
}

/** CRC-32C (Castagnoli), turned and shifted, as files that hold checksums want it. */
function maskedChecksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
