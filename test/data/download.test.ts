import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { download, type DownloadProgress } from "#mtard/data/download.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { WorkError } from "#mtard/errors.js";
import { temporaryFolder } from "./tiny-cifar.js";

const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index) % 253));
const digits = createHash("md5").update(content).digest("hex");
const checksum = { algorithm: "md5", digits } as const;

let server: Server | undefined;
afterEach(() => {
  vi.unstubAllGlobals();
  server?.closeAllConnections();
  server?.close();
});

/** Serves on this machine; returns the address. */
async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.tar.gz`;
}

/** Where a request's range starts. */
const startOf = (range: string | undefined): number => Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);

const quiet = (): undefined => undefined;

describe("download", () => {
  it("writes the file and reports how far it is", async () => {
    const url = await serve((_, response) => response.end(content));
    const path = join(temporaryFolder(), "deep", "file.tar.gz");
    const seen: DownloadProgress[] = [];
    await download({ url, checksum, bytes: content.length }, path, (progress) => seen.push(progress));
    expect(readFileSync(path)).toEqual(content);
    expect(seen.at(-1)).toMatchObject({ received: content.length, total: content.length });
    expect(seen.at(-1)?.rate).toBeGreaterThan(0);
  });

  it("goes on where the connection dropped, and where an earlier run stopped", async () => {
    const starts: number[] = [];
    const url = await serve(({ headers }, response) => {
      const start = startOf(headers.range);
      starts.push(start);
      response.writeHead(start > 0 ? 206 : 200, { "content-length": content.length - start });
      const end = starts.length === 1 ? 200_000 : content.length;
      response.write(content.subarray(start, end), () =>
        starts.length === 1 ? response.destroy() : response.end(),
      );
    });
    const path = join(temporaryFolder(), "file.tar.gz");
    writeFileSync(path, content.subarray(0, 1000));
    await download({ url, checksum, bytes: content.length }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
    expect(starts[0]).toBe(1000);
    expect(starts[1]).toBeGreaterThan(1000);
  });

  it("starts anew where the server knows no ranges", async () => {
    const url = await serve((_, response) => response.end(content));
    const path = join(temporaryFolder(), "file.tar.gz");
    writeFileSync(path, "something else");
    await download({ url, checksum, bytes: content.length }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
  });

  it("recognises a web page in place of the file, and keeps nothing of it", async () => {
    const url = await serve((_, response) =>
      response.end("\n<!DOCTYPE html><html><body>Sign in</body></html>"),
    );
    const path = join(temporaryFolder(), "file.tar.gz");
    await expect(download({ url, checksum, bytes: content.length }, path, quiet)).rejects.toThrow(
      /a web page/,
    );
    expect(existsSync(path)).toBe(false);
  });

  it("removes a file with the wrong checksum", async () => {
    const url = await serve((_, response) => response.end(content.toReversed()));
    const path = join(temporaryFolder(), "file.tar.gz");
    await expect(download({ url, checksum, bytes: content.length }, path, quiet)).rejects.toThrow(
      /is wrong; it was removed/,
    );
    expect(existsSync(path)).toBe(false);
  });

  it("does not take more bytes than the file has", async () => {
    const url = await serve((_, response) => response.end(Buffer.concat([content, content])));
    const path = join(temporaryFolder(), "file.tar.gz");
    await expect(download({ url, checksum, bytes: content.length }, path, quiet)).rejects.toThrow(
      /not the file it should be/,
    );
  });

  it("names the server's answer, and what to do where there is no network", async () => {
    const url = await serve((_, response) => response.writeHead(404).end("gone"));
    const path = join(temporaryFolder(), "file.tar.gz");
    const failing = (address: string): Promise<unknown> =>
      download({ url: address, checksum, bytes: content.length }, path, quiet).catch(
        (error: unknown) => error,
      );
    const refused = await failing(url);
    const unreachable = await failing("http://127.0.0.1:1/file.tar.gz");
    for (const error of [refused, unreachable]) expect(error).toBeInstanceOf(WorkError);
    expect((refused as WorkError).report()).toContain("404 Not Found");
    expect((unreachable as WorkError).report()).toContain("--from FILE");
    expect(existsSync(path)).toBe(false);
  });
});

describe("download of a file whose size nobody states", () => {
  const bytes = { atMost: content.length + 10 };
  const sha256 = createHash("sha256").update(content).digest("hex");

  it("takes what the server says for the size, and compares the first digits of the checksum", async () => {
    const url = await serve((_, response) =>
      response.writeHead(200, { "content-length": content.length }).end(content),
    );
    const folder = temporaryFolder();
    const fetchAs = (name: string, start: string): Promise<void> =>
      download({ url, bytes, checksum: { algorithm: "sha256", digits: start } }, join(folder, name), quiet);
    await fetchAs("good", sha256.slice(0, 8));
    expect(readFileSync(join(folder, "good"))).toEqual(content);
    await expect(fetchAs("bad", "00000000")).rejects.toThrow(/is wrong; it was removed/);
    expect(readdirSync(folder)).toEqual(["good"]);
  });

  it("goes on after a dropped connection, and takes no whole file twice", async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve(({ headers }, response) => {
      ranges.push(headers.range);
      const start = startOf(headers.range);
      if (start === content.length) {
        response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
        return;
      }
      response.writeHead(start > 0 ? 206 : 200, { "content-length": content.length - start });
      if (ranges.length > 1) response.end(content.subarray(start));
      else response.write(content.subarray(0, 200_000), () => response.destroy());
    });
    const path = join(temporaryFolder(), "file");
    await download({ url, bytes, checksum: null }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
    const asked = ranges.length;
    expect(asked).toBeGreaterThan(1);
    await download({ url, bytes, checksum: null }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
    expect(ranges.slice(asked)).toEqual([`bytes=${content.length}-`]);
  });

  it("starts anew where the part that is there is of a longer file", async () => {
    const url = await serve(({ headers }, response) => {
      if (headers.range === undefined) response.end(content);
      else response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    });
    const path = join(temporaryFolder(), "file");
    writeFileSync(path, Buffer.alloc(content.length + 5));
    await download({ url, bytes, checksum: null }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
  });

  it("refuses more than the file can have, whether the server says so or not", async () => {
    const answers: [RequestListener, RegExp][] = [
      [
        (_, response) => response.writeHead(200, { "content-length": 10 ** 12 }).end(),
        /at most 300010 bytes/,
      ],
      [(_, response) => void response.write(content, () => response.end(content)), /more than that/],
    ];
    for (const [listener, said] of answers) {
      const url = await serve(listener);
      const path = join(temporaryFolder(), "file");
      const error = await download({ url, bytes, checksum: null }, path, quiet).catch(
        (cause: unknown) => cause,
      );
      expect((error as WorkError).report()).toMatch(said);
      server?.close();
    }
  });
});

describe("prepareDataset without --from", () => {
  it("refuses an archive other than the published one and leaves nothing to build on", async () => {
    const { url: published, bytes } = datasets.cifar10.origin;
    const url = await serve((_, response) => response.end(content));
    const fetchHere = fetch;
    const asked: unknown[] = [];
    vi.stubGlobal("fetch", (address: string, init: RequestInit) => {
      asked.push(address);
      return fetchHere(url, init);
    });
    const dataDir = temporaryFolder();
    // All but the end is "there", so that the test need not send 170 MB.
    const part = join(dataDir, ".cifar10.download");
    writeFileSync(part, Buffer.alloc(bytes - content.length));
    server
      ?.removeAllListeners("request")
      .on("request", (_, response) => response.writeHead(206).end(content));
    await expect(prepareDataset("cifar10", dataDir)).rejects.toThrow(/is wrong; it was removed/);
    expect(asked).toEqual([published]);
    expect(readdirSync(dataDir)).toEqual([]);
  });
});
