import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { download, type DownloadProgress, type OpenedFile } from "#mtard/files/download.js";
import { WorkError } from "#mtard/errors.js";
import { temporaryFolder } from "../data/tiny-cifar.js";

const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index) % 253));
const digits = createHash("md5").update(content).digest("hex");
const checksum = { algorithm: "md5", digits } as const;

let server: Server | undefined;
afterEach(() => {
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
    await new Promise((resolve) => server?.close(resolve));
    const unreachable = await failing(url);
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

describe("download from a server that is not at its best", () => {
  const bytes = { atMost: content.length + 10 };
  const patience = { attempts: 3, enough: 1, silence: 300, pause: 1 };
  const get = async (listener: RequestListener, path: string): Promise<void> => {
    await download({ url: await serve(listener), bytes, checksum: null }, path, quiet, patience);
  };
  const failure = async (work: Promise<unknown>): Promise<WorkError> => {
    const error = await work.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(WorkError);
    return error as WorkError;
  };

  it("begins anew where the file changed, whether the server reads If-Range or not", async () => {
    for (const readsIfRange of [true, false]) {
      const asked: (string | undefined)[] = [];
      const path = join(temporaryFolder(), "file");
      await get(({ headers }, response) => {
        asked.push(headers["if-range"] as string | undefined);
        if (asked.length === 1) {
          response.writeHead(200, { etag: '"old"', "content-length": content.length });
          response.write(Buffer.alloc(200_000), () => response.destroy());
          return;
        }
        const start = readsIfRange ? 0 : startOf(headers.range);
        response.writeHead(start > 0 ? 206 : 200, { etag: '"new"' }).end(content.subarray(start));
      }, path);
      expect(readFileSync(path)).toEqual(content);
      expect(asked[1]).toBe('"old"');
      expect(readdirSync(dirname(path))).toEqual(["file"]);
    }
  });

  it("begins anew where the answer goes on somewhere else than asked", async () => {
    const path = join(temporaryFolder(), "file");
    writeFileSync(path, content.subarray(0, 1000));
    await get(({ headers }, response) => {
      if (headers.range === undefined) response.end(content);
      else response.writeHead(206, { "content-range": `bytes 500-${content.length - 1}/*` }).end("elsewhere");
    }, path);
    expect(readFileSync(path)).toEqual(content);
  });

  it("unpacks a compressed answer and takes no size from its length", async () => {
    const path = join(temporaryFolder(), "file");
    const packed = gzipSync(content);
    const ranges: (string | undefined)[] = [];
    await get(({ headers }, response) => {
      ranges.push(headers.range);
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length });
      if (ranges.length > 1) response.end(packed);
      else response.write(packed.subarray(0, packed.length >> 1), () => response.destroy());
    }, path);
    expect(readFileSync(path)).toEqual(content);
    // Unpacked bytes say nothing of where the packed ones go on.
    expect(ranges).toEqual([undefined, undefined]);
  });

  it("asks a busy server again, and says so in the end", async () => {
    const path = join(temporaryFolder(), "file");
    let asked = 0;
    const busy: RequestListener = (_, response) => void response.writeHead(503).end(`${asked++}`);
    await get(
      (message, response) => (asked < 2 ? busy(message, response) : void response.end(content)),
      path,
    );
    expect(readFileSync(path)).toEqual(content);
    asked = 0;
    const error = await failure(get(busy, join(temporaryFolder(), "file")));
    expect(error.report()).toContain("503 Service Unavailable");
    expect(asked).toBe(patience.attempts);
  });

  it("drops what stands still, goes on from there, and gives up after some attempts that bring nothing", async () => {
    const path = join(temporaryFolder(), "file");
    const starts: number[] = [];
    await get(({ headers }, response) => {
      starts.push(startOf(headers.range));
      const start = starts.at(-1) ?? 0;
      response.writeHead(start > 0 ? 206 : 200, { "content-length": content.length - start });
      if (starts.length === 1) response.write(content.subarray(0, 100_000));
      else response.end(content.subarray(start));
    }, path);
    expect(readFileSync(path)).toEqual(content);
    expect(starts).toEqual([0, 100_000]);
    const silent = await failure(get(() => undefined, join(temporaryFolder(), "file")));
    expect(silent.report()).toMatch(/found +nothing came for 0 s/);
  });

  it("asks a server that gives one byte a connection a bounded number of times", async () => {
    let asked = 0;
    const url = await serve(({ headers }, response) => {
      asked++;
      const start = startOf(headers.range);
      response.writeHead(start > 0 ? 206 : 200, { "content-length": content.length - start });
      response.write(content.subarray(start, start + 1), () => response.destroy());
    });
    const path = join(temporaryFolder(), "file.tar.gz");
    const error = await failure(
      download({ url, checksum, bytes: content.length }, path, quiet, { attempts: 3, pause: 1 }),
    );
    expect(error.report()).toMatch(/cannot download .*\n +found .*; asked 3 times\n/);
    expect(asked).toBe(3);
    // What came is kept for the next call.
    expect(readFileSync(path).length).toBeLessThanOrEqual(3);
  });

  it("ends a connection that trickles, and all of them at some number, whatever each brings", async () => {
    let asked = 0;
    const url = await serve(({ headers }, response) => {
      asked++;
      const start = startOf(headers.range);
      response.writeHead(start > 0 ? 206 : 200, { "content-length": content.length - start });
      response.write(content.subarray(start, start + 100));
      const trickle = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(trickle));
    });
    const slow = { period: 150, enough: 50, silence: 10_000, pause: 1 };
    const ask = (more: object): Promise<WorkError> => {
      asked = 0;
      const path = join(temporaryFolder(), "file.tar.gz");
      return failure(download({ url, checksum, bytes: content.length }, path, quiet, { ...slow, ...more }));
    };
    // Each brings more than enough at first, and then next to nothing.
    expect((await ask({ most: 4 })).report()).toMatch(/only \d+ bytes came in 0 s; asked 4 times/);
    expect(asked).toBe(4);
  });

  it("refuses a file of another size than the published one before it comes", async () => {
    for (const length of [content.length - 1, content.length + 1]) {
      const url = await serve((_, response) => {
        response.writeHead(200, { "content-length": length });
        response.write(content.subarray(0, 10));
      });
      const path = join(temporaryFolder(), "file.tar.gz");
      const error = await failure(download({ url, checksum, bytes: content.length }, path, quiet));
      expect(error.report()).toMatch(new RegExp(`not the file it should be\n.*\n +found +${length} bytes`));
      expect(existsSync(path)).toBe(false);
      server?.closeAllConnections();
      server?.close();
    }
  });

  it("takes a file from a server that sends a piece for each request", async () => {
    const url = await serve(({ headers }, response) => {
      const start = startOf(headers.range);
      const end = Math.min(content.length, start + 100_000);
      response
        .writeHead(206, {
          "content-length": end - start,
          "content-range": `bytes ${start}-${end - 1}/${content.length}`,
        })
        .end(content.subarray(start, end));
    });
    const path = join(temporaryFolder(), "file.tar.gz");
    await download({ url, checksum, bytes: content.length }, path, quiet, { pause: 1 });
    expect(readFileSync(path)).toEqual(content);
  });

  it("checks the checksum and the size that the host itself states", async () => {
    const url = await serve((_, response) => response.end(content));
    const path = join(temporaryFolder(), "file");
    const from = (stated: Partial<OpenedFile>): Promise<void> =>
      download(
        { url, bytes, checksum: null, open: async () => ({ response: await fetch(url), ...stated }) },
        path,
        quiet,
        patience,
      );
    await from({ sha256: createHash("sha256").update(content).digest("hex"), bytes: content.length });
    expect(readFileSync(path)).toEqual(content);
    writeFileSync(path, "");
    expect((await failure(from({ sha256: "0".repeat(64) }))).report()).toMatch(/is wrong; it was removed/);
    expect((await failure(from({ bytes: content.length + 11 }))).report()).toMatch(
      /at most 300010 bytes\n +found +300011 bytes, more than that/,
    );
    expect((await failure(from({ bytes: content.length - 1 }))).report()).toMatch(/more than that/);
  });
});
