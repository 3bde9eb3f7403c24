import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import type { InputError } from "#mtard/errors.js";
import { unpackWeights } from "#mtard/teacher/unpack.js";
import { encodeZip } from "#mtard/weights/zip-writer.js";

const work = mkdtempSync(join(tmpdir(), "mtard-unpack-"));
afterAll(() => rmSync(work, { recursive: true }));

let count = 0;
function zipped(members: Readonly<Record<string, string>>): string {
  const path = join(work, `${count++}.zip`);
  const pieces = Object.entries(members).map(([name, text]) => ({ name, pieces: [Buffer.from(text)] }));
  writeFileSync(path, Buffer.concat([...encodeZip(pieces)]));
  return path;
}
const plain = (content: Uint8Array | string): string => {
  const path = join(work, `${count++}`);
  writeFileSync(path, content);
  return path;
};
const unpack = (path: string, wanted: string | null, most = 1000): Promise<string> =>
  unpackWeights(path, wanted, "file.pth", join(work, "out"), most);
const refusal = async (path: string, wanted: string | null, most?: number): Promise<string> =>
  ((await unpack(path, wanted, most).catch((cause: unknown) => cause)) as InputError).report();

const two = { "models/a.pth": "first", "models/b.pth": "second", "README.txt": "?" };

it("takes the wanted file out of an archive of files, by name, path or pattern", async () => {
  for (const wanted of ["b.pth", "models/b.pth", "*/b*", "*b.pth"])
    expect(readFileSync(await unpack(zipped(two), wanted), "utf8")).toBe("second");
  expect(readFileSync(await unpack(zipped({ "only.pth": "one" }), null), "utf8")).toBe("one");
});

it("takes files of weights as they are, PyTorch's and NumPy's zip files too, and leaves damage to the importer", async () => {
  for (const path of [
    zipped({ "archive/data.pkl": "", "archive/data/0": "" }),
    zipped({ "conv1.weight.npy": "" }),
    plain("\x80\x02 a legacy pickle"),
    plain("PK\x03\x04 and nothing more"),
    plain(""),
  ])
    expect(await unpack(path, "b.pth")).toBe(path);
});

it("refuses other archives, other files, several files and too large ones", async () => {
  expect(await refusal(plain("Rar!\x1a\x07\x01\0"), null)).toMatch(
    /is a rar archive\n(.*\n)* +try +unpack it/,
  );
  // What is inside a gzip file is looked at when it is read.
  const packed = plain(gzipSync("x"));
  expect(await unpack(packed, "b.pth")).toBe(packed);
  expect(await refusal(zipped(two), "c.pth")).toMatch(
    /no c\.pth in .*\n.*\n +found +"models\/a\.pth", "models\/b\.pth", "README\.txt"\n/,
  );
  expect(await refusal(zipped(two), "*.pth")).toMatch(/fits several files/);
  expect(await refusal(zipped(two), null)).toMatch(
    /holds several files.*\n.*\n.*\n +try +name the file with --file NAME/,
  );
  expect(await refusal(zipped(two), "b.pth", 3)).toMatch(/6 bytes long, and at most 3/);
  // A name that leads out of the archive: it is not opened, and so no file of weights.
  expect(await unpack(zipped({ "../../b.pth": "out" }), "b.pth")).toMatch(/\.zip$/);
  expect(existsSync(join(work, "../../b.pth"))).toBe(false);
});
