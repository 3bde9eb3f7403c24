import { readdirSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { temporaryFolder } from "./tiny-cifar.js";

const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index) % 253));

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
