import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InputError, WorkError } from "#mtard/errors.js";
import { parseAddress } from "#mtard/teacher/address.js";
import { downloadWeights } from "#mtard/teacher/fetch-file.js";
import { type Asked, sendFile, standIn, type StandIn } from "./hosts.js";

const work = mkdtempSync(join(tmpdir(), "mtard-hugging-face-"));
afterAll(() => rmSync(work, { recursive: true }));

const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * index) % 241));
const sha256 = createHash("sha256").update(content).digest("hex");
const TOKEN = "hf_s3cret";

/** What the host states of the file, and how it refuses. */
let stated: Readonly<Record<string, string>> = {};
let refuses: { status: number; code: string } | null = null;

/** A file in Git LFS: what is stated of it comes with a redirect to another host. */
function huggingFace(asked: Asked): void {
  const { host, message, response } = asked;
  if (host === "cdn.example") sendFile(asked, content, { etag: '"v1"' }, true);
  else if (refuses !== null && message.headers.authorization !== `Bearer ${TOKEN}!`)
    response.writeHead(refuses.status, { "x-error-code": refuses.code }).end("{}");
  else response.writeHead(302, { location: "https://cdn.example/blob?signed=1", ...stated }).end();
}

let host: StandIn;
beforeEach(async () => {
  host = await standIn(["huggingface.co", "cdn.example"], huggingFace);
  vi.stubEnv("MTARD_LOCAL_HOSTS", host.hosts);
  vi.stubEnv("HF_TOKEN", "");
  stated = {};
  refuses = null;
});
afterEach(() => {
  vi.unstubAllEnvs();
  host.close();
});

let count = 0;
const get = (address: string): Promise<string> =>
  downloadWeights({ address: parseAddress(address), bytes: { atMost: 10 ** 6 } }, join(work, `${count++}`), {
    teachersDir: join(work, "teachers"),
  });
const refusal = async (address: string): Promise<string> => {
  const error = await get(address).catch((cause: unknown) => cause);
  return (error as InputError | WorkError).report();
};

describe("a file on Hugging Face", () => {
  it("is fetched by its short name or its page, cut off or not, and checked against what is stated", async () => {
    stated = { "x-linked-size": String(content.length), "x-linked-etag": `"${sha256}"` };
    const names = {
      "hf:owner/name/sub/model.pt": "/owner/name/resolve/main/sub/model.pt",
      "hf:owner/name/model.pt@v1.0": "/owner/name/resolve/v1.0/model.pt",
      "https://huggingface.co/owner/name/blob/main/a%20b.pt": "/owner/name/resolve/main/a%20b.pt",
    };
    for (const [name, path] of Object.entries(names)) {
      host.asked.length = 0;
      expect(readFileSync(await get(name)).equals(content)).toBe(true);
      const once = [`huggingface.co${path}`, "cdn.example/blob?signed=1"];
      expect(host.asked.slice(0, 4)).toEqual([...once, ...once]);
    }
    stated = { "x-linked-etag": `"${"0".repeat(64)}"` };
    expect(await refusal("hf:owner/name/model.pt")).toMatch(
      /is wrong; it was removed\n +expected +sha256 0{64}/,
    );
    stated = { "x-linked-size": "2000000" };
    expect(await refusal("hf:owner/name/model.pt")).toMatch(/found +2000000 bytes, more than that/);
    // The hash of a small file is Git's, of something else than its bytes.
    stated = { "x-linked-etag": `"${"0".repeat(40)}"` };
    expect(readFileSync(await get("hf:owner/name/model.pt")).equals(content)).toBe(true);
  });

  it("gets the token, which no other host and no message sees", async () => {
    vi.stubEnv("HF_TOKEN", `${TOKEN}\n`);
    await get("hf:owner/name/model.pt");
    expect(host.headers.slice(0, 2).map(({ authorization }) => authorization)).toEqual([
      `Bearer ${TOKEN}`,
      undefined,
    ]);
    refuses = { status: 401, code: "RepoNotFound" };
    expect(await refusal("hf:owner/name/model.pt")).not.toContain(TOKEN);
    vi.stubEnv("HF_TOKEN", "two words");
    const said = await refusal("hf:owner/name/model.pt");
    expect(said).toMatch(/HF_TOKEN is not a token/);
    expect(said).not.toContain("two words");
  });

  it.each([
    [
      401,
      "RepoNotFound",
      "",
      /401: there is no such repository, or it is private\n +try .* for a private one set HF_TOKEN/,
    ],
    [401, "RepoNotFound", TOKEN, /or the token in HF_TOKEN may not read it/],
    [401, "GatedRepo", "", /gated.*\n +try +ask for access at https:\/\/huggingface\.co\/owner\/name/],
    [403, "", TOKEN, /403: the repository is gated/],
    [404, "EntryNotFound", "", /404: the repository has no such file\n +try .*\/tree\/main/],
    [404, "RevisionNotFound", "", /no such revision/],
    [404, "", "", /no such repository/],
  ])("is refused plainly: %s %s", async (status, code, token, said) => {
    vi.stubEnv("HF_TOKEN", token);
    refuses = { status, code };
    expect(await refusal("hf:owner/name/model.pt")).toMatch(said);
    expect(host.asked).toHaveLength(1);
  });
});

it("reads addresses, and refuses what is none", () => {
  const kinds = [
    "https://drive.google.com/uc?export=download&id=1a",
    "https://drive.usercontent.google.com/download?id=1a&export=download",
    "https://docs.google.com/uc?id=1a&resourcekey=0-x",
    "https://drive.google.com/drive/u/0/folders/1a",
    "https://example.org/a/model.onnx?x=1",
    "http://localhost:3000/model.pt",
  ].map((text) => parseAddress(text).kind);
  expect(kinds).toEqual(["drive-file", "drive-file", "drive-file", "drive-folder", "plain", "plain"]);
  for (const text of [
    "hf:owner",
    "hf:owner/name/../secret",
    "hf:owner/name/a//b",
    "http://example.org/a",
    "http://localhost.example.org/a",
    "https://user:word@example.org/a",
    "https://",
  ])
    expect(() => parseAddress(text)).toThrow(/names no file|is not an address|has a user's name/);
});
