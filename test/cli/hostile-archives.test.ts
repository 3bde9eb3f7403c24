import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { craftedArchive } from "../data/tiny-cifar.js";
import { writeZip } from "../data/tiny-tiny-imagenet.js";
import { main, workFolder } from "./mtard.js";

const folder = workFolder();
const work = folder.path;
afterAll(() => folder.remove());

/** Far below what these archives unpack to, and well above what the program itself takes. */
const MOST_MEGABYTES = 300;

/** Runs the program, and says too how much memory it had at most, in megabytes. */
function measured(
  args: readonly string[],
): Promise<{ code: number | null; stderr: string; megabytes: number }> {
  const said = join(work, "memory");
  const meter = `import { writeFileSync } from "node:fs";
    process.on("exit", () => writeFileSync(${JSON.stringify(said)}, String(process.resourceUsage().maxRSS)));`;
  return new Promise((settle) => {
    const child = execFile(
      process.execPath,
      [`--import=data:text/javascript,${encodeURIComponent(meter)}`, main, ...args],
      { cwd: work },
      (_, __, stderr) => {
        settle({ code: child.exitCode, stderr, megabytes: Number(readFileSync(said, "utf8")) / 1024 });
      },
    );
  });
}

function file(name: string, content: Uint8Array): string {
  const path = join(work, name);
  writeFileSync(path, content);
  return path;
}

/** A gzip file of `count` members, each of which unpacks to `piece`. */
const repeated = (piece: Uint8Array, count: number): Buffer =>
  Buffer.concat(Array<Buffer>(count).fill(gzipSync(piece)));

/** The header of an empty entry, many times. */
function headers(type: string, count: number): Buffer {
  const header = readFileSync(craftedArchive({ path: "some/file", type })).subarray(0, 512);
  return Buffer.concat(Array<Buffer>(count).fill(header));
}

/** A zip whose central directory names its first entry many times. */
function overlapping(count: number): Buffer {
  const whole = readFileSync(writeZip([{ name: "cats/000000.png", content: randomBytes(2 ** 16) }]));
  const directory = whole.indexOf("PK\x01\x02");
  const end = whole.indexOf("PK\x05\x06");
  const entry = whole.subarray(directory, end);
  const entries = Array.from({ length: count }, (_, index) => {
    const copy = Buffer.from(entry);
    copy.write(String(index).padStart(6, "0"), copy.indexOf("000000"));
    return copy;
  });
  const last = Buffer.from(whole.subarray(end));
  last.writeUInt16LE(count, 8);
  last.writeUInt16LE(count, 10);
  last.writeUInt32LE(count * entry.length, 12);
  return Buffer.concat([whole.subarray(0, directory), ...entries, last]);
}

const zeros = new Uint8Array(2 ** 26);
const swelling = (count: number, extension: string): string =>
  writeZip(
    Array.from({ length: count }, (_, index) => ({ name: `cats/${index}.${extension}`, content: zeros })),
  );

it.each([
  ["10 GB of zeros", () => repeated(zeros, 160), /is too large/],
  ["three million entries", () => repeated(headers("0", 30_000), 100), /too many entries/],
  ["three million extended headers", () => repeated(headers("x", 30_000), 100), /is too large/],
  ["an archive within an archive", () => gzipSync(repeated(zeros, 160)), /compressed twice/],
])("a tar archive of %s is left where that shows, in little memory", async (name, content, message) => {
  const path = file(`${name.replaceAll(" ", "-")}.tar.gz`, content());
  const { code, stderr, megabytes } = await measured(["data", "cifar10", "--from", path]);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
  expect(megabytes).toBeLessThan(MOST_MEGABYTES);
  expect(existsSync(join(work, "data"))).toBe(false);
});

it.each([
  ["entries that share their bytes", () => file("shared.zip", overlapping(60_000)), /share their bytes/],
  ["files that swell a thousandfold", () => swelling(8, "png"), /more than 100 times its own size/],
])("a zip archive of %s is refused before it is unpacked", async (_, make, message) => {
  const from = make();
  const { code, stderr, megabytes } = await measured(["data", "cats", "--from", from, "--split", "0.1"]);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
  expect(megabytes).toBeLessThan(MOST_MEGABYTES);
});

it("a zip archive of weights that swell is no file of weights", async () => {
  const { code, stderr, megabytes } = await measured(
    ["teacher", "fetch", "https://example.com/x.zip", "--from", swelling(8, "pth"), "--file", "0.pth"].concat(
      ["--name", "mine", "--dataset", "cifar10", "--network", "resnet-18"],
    ),
  );
  expect(stderr).toMatch(/^error: /);
  expect(code).toBe(2);
  expect(megabytes).toBeLessThan(MOST_MEGABYTES);
});
