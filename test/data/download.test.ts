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
const md5 = createHash("md5").update(content).digest("hex");

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
    await download({ url, md5, bytes: content.length }, path, (progress) => seen.push(progress));
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
    await download({ url, md5, bytes: content.length }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
    expect(starts[0]).toBe(1000);
    expect(starts[1]).toBeGreaterThan(1000);
  });

  it("starts anew where the server knows no ranges", async () => {
    const url = await serve((_, response) => response.end(content));
    const path = join(temporaryFolder(), "file.tar.gz");
    writeFileSync(path, "something else");
    await download({ url, md5, bytes: content.length }, path, quiet);
    expect(readFileSync(path)).toEqual(content);
  });

  it("recognises a web page in place of the file, and keeps nothing of it", async () => {
    const url = await serve((_, response) =>
      response.end("\n<!DOCTYPE html><html><body>Sign in</body></html>"),
    );
    const path = join(temporaryFolder(), "file.tar.gz");
    await expect(download({ url, md5, bytes: content.length }, path, quiet)).rejects.toThrow(/a web page/);
    expect(existsSync(path)).toBe(false);
  });

  it("removes a file with the wrong checksum", async () => {
    const url = await serve((_, response) => response.end(content.toReversed()));
    const path = join(temporaryFolder(), "file.tar.gz");
    await expect(download({ url, md5, bytes: content.length }, path, quiet)).rejects.toThrow(
      /is wrong; it was removed/,
    );
    expect(existsSync(path)).toBe(false);
  });

  it("does not take more bytes than the file has", async () => {
    const url = await serve((_, response) => response.end(Buffer.concat([content, content])));
    const path = join(temporaryFolder(), "file.tar.gz");
    await expect(download({ url, md5, bytes: content.length }, path, quiet)).rejects.toThrow(
      /not the file it should be/,
    );
  });

  it("names the server's answer, and what to do where there is no network", async () => {
    const url = await serve((_, response) => response.writeHead(404).end("gone"));
    const path = join(temporaryFolder(), "file.tar.gz");
    const failing = (address: string): Promise<unknown> =>
      download({ url: address, md5, bytes: content.length }, path, quiet).catch((error: unknown) => error);
    const refused = await failing(url);
    const unreachable = await failing("http://127.0.0.1:1/file.tar.gz");
    for (const error of [refused, unreachable]) expect(error).toBeInstanceOf(WorkError);
    expect((refused as WorkError).report()).toContain("404 Not Found");
    expect((unreachable as WorkError).report()).toContain("--from FILE");
    expect(existsSync(path)).toBe(false);
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
