import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hashOfFile, sha256Of, sha256OfFile } from "#mtard/files/sha256.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-sha256-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

// The examples of FIPS 180-2 and RFC 1321.
const ofAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const ofMillion = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

describe("the SHA-256", () => {
  it("of bytes and of a text is the published one", () => {
    expect(sha256Of(Buffer.from("abc"))).toBe(ofAbc);
    expect(sha256Of("abc")).toBe(ofAbc);
    expect(sha256Of("a".repeat(1_000_000))).toBe(ofMillion);
    expect(sha256Of("é")).toBe(sha256Of(Buffer.from([0xc3, 0xa9])));
  });

  it("of a file is that of its bytes, however many pieces it is read in", () => {
    expect(sha256OfFile(file("short", "abc"))).toBe(ofAbc);
    expect(sha256OfFile(file("empty", ""))).toBe(sha256Of(""));
    const bytes = Uint8Array.from({ length: 10_000_000 }, (_, index) => index % 251);
    const seen: number[] = [];
    expect(sha256OfFile(file("long", bytes), (done) => seen.push(done))).toBe(sha256Of(bytes));
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe(bytes.length);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it("stands beside the MD5, for files that are published with that", () => {
    const path = file("abc", "abc");
    expect(hashOfFile(path, "md5")).toBe("900150983cd24fb0d6963f7d28e17f72");
    expect(hashOfFile(path, "sha256")).toBe(ofAbc);
  });

  it("of no file is an error", () => {
    expect(() => sha256OfFile(join(folder, "absent"))).toThrow("ENOENT");
  });
});
