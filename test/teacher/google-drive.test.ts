import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import type { InputError, WorkError } from "#mtard/errors.js";
import { parseAddress } from "#mtard/teacher/address.js";
import { downloadWeights, type PublishedFile } from "#mtard/teacher/fetch-file.js";
import { drive, type DriveFile, driveFolder, driveHosts, standIn, type StandIn } from "./hosts.js";

const work = mkdtempSync(join(tmpdir(), "mtard-drive-"));
afterAll(() => rmSync(work, { recursive: true }));

const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index) % 251));
const sha256 = createHash("sha256").update(content).digest("hex");

let host: StandIn | undefined;
afterEach(() => {
  vi.unstubAllEnvs();
  host?.close();
});

async function serve(
  files: Readonly<Record<string, DriveFile>>,
  folders: Readonly<Record<string, string>> = {},
) {
  host?.close();
  host = await standIn(driveHosts, drive(files, folders));
  vi.stubEnv("MTARD_LOCAL_HOSTS", host.hosts);
  return host;
}

let count = 0;
const get = (link: string, known: Partial<PublishedFile> = {}): Promise<string> =>
  downloadWeights(
    { address: parseAddress(link), bytes: { atMost: 10 ** 6 }, ...known },
    join(work, `${count++}`, "file"),
    { teachersDir: join(work, "teachers") },
  );

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((cause: unknown) => cause);
  return (error as InputError | WorkError).report();
}

it.each(["small", "large", "old-large"] as const)("fetches a file that Drive has as %s", async (kind) => {
  const { asked, headers } = await serve({ "id-1": { kind, content } });
  const path = await get("https://drive.google.com/file/d/id-1/view?usp=drive_link", { sha256 });
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(asked[0]).toBe("drive.google.com/uc?export=download&id=id-1");
  if (kind === "large")
    expect(asked.at(-1)).toBe(
      "drive.usercontent.google.com/download?id=id-1&export=download&confirm=t&uuid=uuid%26id-1",
    );
  // Cookies go back to the host they are from, and only those that it set.
  const cookies = headers.map(({ cookie }) => cookie).filter((cookie) => cookie !== undefined);
  expect(cookies).toEqual(kind === "old-large" ? ["download_warning_1_id-1=aB3; NID=5"] : []);
  // What the server calls the file is no path.
  expect(readdirSync(join(path, ".."))).toEqual(["file"]);
});

it("goes on where a large file was cut off, through the same pages", async () => {
  const { asked, headers } = await serve({ a: { kind: "cut", content } });
  expect(readFileSync(await get("https://drive.google.com/open?id=a", { sha256 })).equals(content)).toBe(
    true,
  );
  expect(asked.length).toBeGreaterThan(3);
  expect(headers.at(-1)).toMatchObject({
    range: expect.stringMatching(/^bytes=[1-9]\d+-$/) as string,
    "if-range": "Mon, 01 Jan 2024 00:00:00 GMT",
  });
});

it("tells quota, sign-in and missing files apart, and a wrong or too large file", async () => {
  await serve({ q: { kind: "quota" }, p: { kind: "private" }, large: { kind: "large", content } });
  const said = (id: string, known: Partial<PublishedFile> = {}): Promise<string> =>
    refusal(get(`https://drive.google.com/file/d/${id}/view`, known));
  expect(await said("q")).toMatch(
    /did not give out .*\n.*\n +found +its quota page.*\n +try +try again later, up to a day; or .*--from FILE/,
  );
  expect(await said("p")).toMatch(/found +its sign-in page: the file is not shared with everyone\n/);
  expect(await said("gone")).toMatch(/found +404: no such file/);
  expect(await said("large", { sha256: "0".repeat(64) })).toMatch(/is wrong; it was removed/);
  expect(await said("large", { bytes: { atMost: 1000 } })).toMatch(
    /expected +at most 1000 bytes\n +found +200000 bytes, more than that/,
  );
});

it("refuses a page that would lead away from Drive", async () => {
  host = await standIn([...driveHosts, "evil.example"], ({ response }) =>
    response
      .writeHead(200, { "content-type": "text/html" })
      .end(
        '<title>A \u001b[31m page</title><form id="download-form" action="https://evil.example/download">',
      ),
  );
  vi.stubEnv("MTARD_LOCAL_HOSTS", host.hosts);
  const said = await refusal(get("https://drive.google.com/file/d/x/view"));
  expect(said).toMatch(/found +a page in place of the file: "A /);
  expect(said).not.toContain("\u001b");
  expect(host.asked.filter((each) => each.startsWith("evil"))).toEqual([]);
});

it("finds a file in a folder and the folders in it, by name, path or pattern", async () => {
  const files = {
    a: { kind: "small", content },
    b: { kind: "large", content: content.toReversed() },
  } as const;
  await serve(files, {
    top: driveFolder([
      ["folder", "inner", "cifar &amp; more"],
      ["file", "b", "resnet18-CIFAR10_RSLAD0.4.pth"],
    ]),
    inner: driveFolder([
      ["file", "a", "resnet18-CIFAR100_RSLAD0.7.pth"],
      ["folder", "top", "a way back"],
    ]),
  });
  const folder = "https://drive.google.com/drive/folders/top?usp=sharing";
  for (const file of [
    "resnet18-CIFAR100_RSLAD*",
    "cifar & more/*",
    "*100*.pth",
    "resnet18-CIFAR100_RSLAD0.7.pth",
  ])
    expect(readFileSync(await get(folder, { file })).equals(content)).toBe(true);
  expect(readFileSync(await get(folder, { file: "resnet18-CIFAR10_*" })).equals(content.toReversed())).toBe(
    true,
  );
  expect(await refusal(get(folder, { file: "*.pth" }))).toMatch(
    /\*\.pth fits several files in https:\/\/drive\.google\.com\/drive\/folders\/top\n.*\n +found +"resnet18-CIFAR10_RSLAD0\.4\.pth", "cifar & more\/resnet18-CIFAR100_RSLAD0\.7\.pth"\n +try +name the file with --file NAME/,
  );
  expect(await refusal(get(folder))).toMatch(/holds several files/);
  expect(await refusal(get(folder, { file: "*.pth.pth" }))).toMatch(/there is no \*\.pth\.pth in /);
  expect(await refusal(get("https://drive.google.com/drive/folders/other"))).toMatch(
    /did not list .*\n +expected +a folder shared with everyone\n +found +404, a page "Not found"/,
  );
});

it("reads a folder's page in time that grows with its length, whatever is in it", async () => {
  const page = `<div class="flip-entries"> ${'class="flip-entry-title"'.repeat(80_000)}`;
  await serve({}, { top: page });
  expect(await refusal(get("https://drive.google.com/drive/folders/top"))).toMatch(/found +no files/);
});
