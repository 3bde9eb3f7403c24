import { request } from "node:http";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ServedPages, servePages } from "#mtard/watch/server.js";
import { watchFolder, type Watcher } from "#mtard/watch/watcher.js";
import { madeFolder, makeRun } from "./made-runs.js";

const folder = madeFolder();
let watcher: Watcher;
let served: ServedPages;
let reports = 0;

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((done, failed) => {
    request({ host: "127.0.0.1", port: served.port, path, ...options }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
        // The events of a page go on.
        if (path === "/events") response.destroy();
      });
      response.on("close", () => done({ status: response.statusCode, headers: response.headers, text }));
    })
      .on("error", failed)
      .end();
  });
}

beforeAll(async () => {
  makeRun(`${folder.path}/<b>`);
  watcher = watchFolder(folder.path, { look: 20, find: 40, jobs: 1e9 });
  await watcher.begin();
  const report = (): Promise<string> => Promise.resolve(`report ${++reports}`);
  served = await servePages({ folder: folder.path, watcher, port: 0, isOnly: true, report });
});

afterAll(async () => {
  watcher.end();
  await served.end();
  folder.remove();
});

describe("the server of the pages", () => {
  it("answers this machine alone, by whichever port it is asked", async () => {
    for (const host of ["127.0.0.1:1", "localhost", `LOCALHOST:${served.port}`, "[::1]:80"])
      expect((await ask("/", { headers: { host } })).status).toBe(200);
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1"])
      expect((await ask("/events", { headers: { host } })).status).toBe(403);
  });

  it("lets itself be looked at, and nothing more", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
      expect((await ask("/", { method })).status).toBe(405);
    expect(await ask("/", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  });

  it("gives a policy that allows its own scripts alone, and no code made of text", async () => {
    const policy = String((await ask("/")).headers["content-security-policy"]);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'self' 'sha256-[^']+'; style-src 'self'; connect-src 'self'; /,
    );
    expect(policy).not.toContain("unsafe");
  });

  it("knows its own paths, and no file", async () => {
    for (const path of ["/", "/measurements", "/compare?run=x", `/run/${"0".repeat(16)}`, "/assets/vega.js"])
      expect((await ask(path)).status).toBe(200);
    for (const path of [
      ...[
        "/settings.json",
        "/assets/../server.js",
        "/assets/%2e%2e/server.js",
        "/..%2f..%2fetc%2fpasswd",
        "/run/x",
      ],
      ...[`/api/runs/${"0".repeat(16)}`, "/api/runs/..", `/report/${"0".repeat(16)}`, "/assets/constructor"],
    ])
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
  });

  it("tells of all runs first, by ids", async () => {
    const { text, headers } = await ask("/events");
    expect(headers["content-type"]).toBe("text/event-stream");
    const [, event, data] = /event: (\w+)\ndata: (.*)\n/.exec(text) ?? [];
    expect(event).toBe("overview");
    expect(JSON.parse(data ?? "")).toMatchObject({
      runs: [{ name: "<b>", id: expect.stringMatching(/^[0-9a-f]{16}$/) as string }],
    });
  });

  it("makes a report when it is asked for, once for as long as the run stays as it is, in a sandbox", async () => {
    const [run] = watcher.overview().runs;
    const path = `/report/${run?.id ?? ""}`;
    expect(reports).toBe(0);
    const first = await ask(path);
    expect([first.text, (await ask(path)).text]).toEqual(["report 1", "report 1"]);
    expect(first.headers["content-security-policy"]).toMatch(/^sandbox allow-scripts/);
  });

  it("takes the next port where one is taken, unless that one was asked for", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((done) => other.once("listening", done));
    const { port } = other.address() as { port: number };
    const serving = { folder: folder.path, watcher, port, report: () => Promise.resolve("") };
    const next = await servePages({ ...serving, isOnly: false });
    expect(next.port).toBeGreaterThan(port);
    await next.end();
    await expect(servePages({ ...serving, isOnly: true })).rejects.toThrow(`port ${port} cannot be used`);
    await new Promise((done) => other.close(done));
  });
});
