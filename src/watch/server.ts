import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import { WorkError } from "../errors.js";
import { harmlessJson, oneLine } from "../harmless.js";
import { systemCodeOf } from "../files/system-error.js";
import { findAsset } from "./assets.js";
import { eventStreams } from "./events.js";
import { pages, POLICY, watchPageHtml } from "./pages.js";
import { keptReports, type ReportMaker } from "./reports.js";
import type { Watcher } from "./watcher.js";

/** What is asked of a server of pages. */
export interface Serving {
  /** What is watched, as the pages name it. */
  readonly folder: string;
  readonly watcher: Watcher;
  /** The first port to try; the next free one is taken, unless `isOnly`. */
  readonly port: number;
  readonly isOnly: boolean;
  /** The whole report of a run's folder, as HTML. */
  readonly report: ReportMaker;
}

export interface ServedPages {
  readonly port: number;
  readonly address: string;
  end(): Promise<void>;
}

const HOST = "127.0.0.1";
const MOST_PORTS = 50;
const compressed = promisify(gzip);

/**
 * Serves the pages on this machine alone.
 *
 * @throws {WorkError} if no port is free.
 */
export async function servePages(serving: Serving): Promise<ServedPages> {
  const { watcher } = serving;
  const streams = eventStreams(watcher);
  const reports = keptReports(serving.report);
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const text = oneLine(error instanceof Error ? error.message : String(error));
      if (response.headersSent) response.destroy();
      else send(response, 500, "text/plain; charset=utf-8", `${text}\n`);
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const { method } = request;
    const { pathname: path } = new URL(request.url ?? "/", `http://${HOST}`);
    // A name that leads here from outside would let its pages read these ones.
    if (!isThisMachine(request.headers.host)) refuse(response, 403, "this host is not served");
    else if (method !== "GET" && method !== "HEAD") refuse(response, 405, "these pages are only looked at");
    else if (path === "/events" && method === "GET") streams.join(response);
    else await sendPath(request, response, path);
  }

  async function sendPath(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const [asset, page] = [findAsset(path), pageOf(path)];
    const [, kind, id = ""] = /^\/(api\/runs|report)\/([0-9a-f]{16})$/.exec(path) ?? [];
    if (asset) await sendLarge(request, response, asset.type, asset.content);
    else if (page) send(response, 200, HTML, watchPageHtml(page, serving.folder));
    else if (path === "/favicon.ico") sendNoIcon(response);
    else if (path === "/api/measurements") await sendJson(request, response, await watcher.measurements());
    else if (kind === "report") await sendReport(response, await watcher.find(id));
    else await sendJson(request, response, kind === undefined ? null : await watcher.detail(id));
  }

  async function sendReport(response: ServerResponse, folder: string | null): Promise<void> {
    if (folder === null) {
      refuse(response, 404, "there is no such run");
      return;
    }
    const html = await reports(folder);
    // It has a policy of its own; in a sandbox it cannot ask this server for anything.
    response.setHeader(
      "content-security-policy",
      "sandbox allow-scripts allow-downloads; frame-ancestors 'none'",
    );
    send(response, 200, HTML, html);
  }

  const port = await listen(server, serving);
  return {
    port,
    address: `http://${HOST}:${port}/`,
    async end() {
      streams.end();
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const HTML = "text/html; charset=utf-8";

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-cache",
};

function pageOf(path: string): (typeof pages)[keyof typeof pages] | null {
  if (path === "/") return pages.runs;
  if (path === "/measurements") return pages.measurements;
  return path === "/compare" || /^\/run\/[0-9a-f]{16}$/.test(path) ? pages.curves : null;
}

/** Whether a request names this machine; through a tunnel the port may be any. */
function isThisMachine(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i.test(host ?? "");
}

function send(response: ServerResponse, status: number, type: string, content: string | Buffer): void {
  response
    .writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(content) })
    .end(content);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  send(response, status, "text/plain; charset=utf-8", `${text}\n`);
}

/** A report in its sandbox asks for an icon as a page from elsewhere does, and would complain. */
function sendNoIcon(response: ServerResponse): void {
  response.setHeader("cross-origin-resource-policy", "cross-origin");
  response.writeHead(204).end();
}

/** Null is what is not there. */
async function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  content: object | null,
): Promise<void> {
  if (content === null) refuse(response, 404, "there is nothing here");
  else await sendLarge(request, response, "application/json", Buffer.from(harmlessJson(content)));
}

/** Compressed where the browser takes it: the way through a tunnel may be slow. */
async function sendLarge(
  { headers }: IncomingMessage,
  response: ServerResponse,
  type: string,
  content: Buffer,
): Promise<void> {
  const isCompressed = /\bgzip\b/.test(headers["accept-encoding"]?.toString() ?? "");
  response.setHeader("vary", "accept-encoding");
  if (isCompressed) response.setHeader("content-encoding", "gzip");
  send(response, 200, type, isCompressed ? await compressed(content, { level: 1 }) : content);
}

async function listen(server: Server, { port, isOnly }: Serving): Promise<number> {
  for (let tried = port; ; tried++) {
    try {
      await new Promise<void>((done, failed) => {
        server.once("error", failed);
        server.listen(tried, HOST, () => {
          server.off("error", failed);
          done();
        });
      });
      return (server.address() as AddressInfo).port;
    } catch (cause) {
      if (systemCodeOf(cause) === "EADDRINUSE" && !isOnly && tried < port + MOST_PORTS && tried < 65_535)
        continue;
      throw new WorkError(`port ${tried} cannot be used`, {
        expected: "a port that is free, and from 1024 on for most users",
        found: systemCodeOf(cause) ?? String(cause),
        fix: "another one with --port, or 0 for any",
        cause,
      });
    }
  }
}
