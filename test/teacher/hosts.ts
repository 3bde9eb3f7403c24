import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a stand-in was asked: which host it stood for, and how. */
export interface Asked {
  readonly host: string;
  readonly url: URL;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

export interface StandIn {
  /** `MTARD_LOCAL_HOSTS` for it. */
  readonly hosts: string;
  /** What was asked so far: `host/path?query`. */
  readonly asked: string[];
  /** Headers of those requests. */
  readonly headers: IncomingMessage["headers"][];
  readonly close: () => void;
}

/** Answers for public hosts on this machine. */
export async function standIn(hosts: readonly string[], answer: (asked: Asked) => void): Promise<StandIn> {
  const asked: string[] = [];
  const headers: IncomingMessage["headers"][] = [];
  const server = createServer((message, response) => {
    const host = String(message.headers["x-forwarded-host"]);
    const url = new URL(message.url ?? "/", `https://${host}`);
    asked.push(`${host}${url.pathname}${url.search}`);
    headers.push(message.headers);
    answer({ host, url, message, response });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    hosts: hosts.map((host) => `${host}=${port}`).join(","),
    asked,
    headers,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A file that a stand-in gives out, with ranges; `cut` ends the first answer early. */
export function sendFile(
  { message, response }: Pick<Asked, "message" | "response">,
  content: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  cut = false,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(message.headers.range ?? "")?.[1] ?? 0);
  const rest = content.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    "content-type": "application/octet-stream",
    "content-length": rest.length,
    ...(start > 0 ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    ...headers,
  });
  if (cut && start === 0)
    response.write(rest.subarray(0, rest.length >> 1), () => setTimeout(() => response.destroy(), 30));
  else response.end(rest);
}

export const driveHosts = ["drive.google.com", "drive.usercontent.google.com", "accounts.google.com"];

/** What Google Drive has of a file. */
export type DriveFile =
  | { readonly kind: "small" | "large" | "old-large" | "cut"; readonly content: Uint8Array }
  | { readonly kind: "quota" }
  | { readonly kind: "private" };

const html = (response: ServerResponse, page: string, status = 200): void => {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(page);
};

/** Behaves as Google Drive does with files, and with folders that `folders` lists. */
export function drive(
  files: Readonly<Record<string, DriveFile>>,
  folders: Readonly<Record<string, string>> = {},
): (asked: Asked) => void {
  return (asked) => {
    const { host, url, message, response } = asked;
    const id = url.searchParams.get("id") ?? "";
    const file = files[id];
    if (url.pathname === "/embeddedfolderview") {
      const list = folders[id];
      if (list !== undefined) html(response, list);
      else html(response, "<title>Not found</title>", 404);
      return;
    }
    if (host === "accounts.google.com") {
      html(response, "<!doctype html><title>Sign in - Google Accounts</title>");
      return;
    }
    if (file === undefined) {
      html(response, "<html><title>Error 404 (Not Found)!!1</title></html>", 404);
      return;
    }
    if (file.kind === "private") {
      response.writeHead(302, { location: "https://accounts.google.com/ServiceLogin?continue=x" }).end();
      return;
    }
    if (file.kind === "old-large") {
      const isConfirmed = url.searchParams.get("confirm") === "aB3";
      if (isConfirmed && message.headers.cookie?.includes(`download_warning_1_${id}=aB3`) === true)
        sendFile(asked, file.content);
      else {
        response.setHeader("set-cookie", [`download_warning_1_${id}=aB3; Path=/; Secure`, "NID=5; Secure"]);
        html(
          response,
          `<html><a id="uc-download-link" href="/uc?export=download&amp;confirm=aB3">Download</a>`,
        );
      }
      return;
    }
    if (host === "drive.google.com") {
      const location = `https://drive.usercontent.google.com/download?id=${id}&export=download`;
      response.writeHead(303, { location }).end();
      return;
    }
    if (file.kind === "quota") {
      html(
        response,
        "<html><title>Google Drive - Quota exceeded</title><p>Too many users have viewed or downloaded this file recently. Please try accessing the file again later.</p>",
      );
      return;
    }
    if (file.kind === "small" || url.searchParams.get("uuid") === `uuid&${id}`)
      sendFile(
        asked,
        file.content,
        {
          "content-disposition": 'attachment; filename="../../../escaped.pt"',
          "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT",
        },
        file.kind === "cut",
      );
    else
      html(
        response,
        `<!DOCTYPE html><title>Google Drive - Virus scan warning</title>
        <form id="download-form" action="https://drive.usercontent.google.com/download" method="get">
        <input type="submit" id="uc-download-link" value="Download anyway"/><input type="hidden" name="id" value="${id}">
        <input type="hidden" name="export" value="download"><input value="t" type="hidden" name="confirm">
        <input type="hidden" name="uuid" value="uuid&amp;${id}"></form>`,
      );
  };
}

/** A folder's page, as Google Drive lists it. */
export function driveFolder(
  entries: readonly (readonly [kind: "file" | "folder", id: string, title: string])[],
): string {
  const rows = entries.map(([kind, id, title]) => {
    const href =
      kind === "file"
        ? `https://drive.google.com/file/d/${id}/view?usp=drive_web`
        : `https://drive.google.com/drive/folders/${id}`;
    return `<div class="flip-entry" id="entry-${id}" tabindex="0" role="link"><div class="flip-entry-info"><a href="${href}" target="_blank"><div class="flip-entry-visual"></div><div class="flip-entry-title">${title}</div></a></div></div>`;
  });
  return `<html><head><title>models</title></head><body><div class="flip-entries">${rows.join("")}</div></body></html>`;
}
