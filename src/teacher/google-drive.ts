import { WorkError } from "../errors.js";
import type { Opener } from "../files/download.js";
import { type Received, request } from "../files/http.js";
import { isPage, readPage, tagsOf } from "./html.js";

/** A file or a folder that a link to Google Drive names. */
export interface DriveItem {
  readonly id: string;
  /** Part of the links to some older items, which are not given out without it. */
  readonly resourceKey: string | null;
}

/** The hosts that a page of Drive may send a download to. */
const ownHosts: ReadonlySet<string> = new Set([
  "drive.google.com",
  "docs.google.com",
  "drive.usercontent.google.com",
]);

/** Pages between the first request and the file: one asks whether a file too large for the virus scan is wanted. */
const MOST_PAGES = 2;

/** Where a person sees a file. */
export function drivePage({ id, resourceKey }: DriveItem): string {
  return `https://drive.google.com/file/d/${id}/view${resourceKey === null ? "" : `?resourcekey=${resourceKey}`}`;
}

/**
 * Asks Google Drive for a file, and answers the page that it shows before a large one: today a form, formerly a cookie. Its quota page,
 * its sign-in page and a missing file are told apart in the {@link WorkError} that the opener throws.
 */
export function driveOpener(item: DriveItem): Opener {
  return async (headers, signal) => {
    const key = item.resourceKey === null ? "" : `&resourcekey=${item.resourceKey}`;
    const start = `https://drive.google.com/uc?export=download&id=${item.id}${key}`;
    let received = await request(start, { headers, signal });
    for (let pages = 0; isPage(received.response) && !isBusy(received.response); pages++) {
      const page = await readPage(received.response);
      const next = pages < MOST_PAGES ? confirmation(page, received, item) : null;
      if (next === null) throw pageInstead(page, received, item);
      received = await request(next.url.href, {
        headers,
        signal,
        secret: { host: next.url.host, headers: next.cookie === null ? {} : { cookie: next.cookie } },
      });
    }
    return { response: received.response };
  };
}

/** Where a page that asks for a confirmation would lead, had a person clicked; null if it is another page. */
function confirmation(
  page: string,
  { response, url }: Received,
  item: DriveItem,
): { url: URL; cookie: string | null } | null {
  const form = tagsOf(page, "form").find((tag) => tag.get("id") === "download-form");
  const action = form?.get("action");
  if (action !== undefined && URL.canParse(action, url.href)) {
    const next = new URL(action, url);
    for (const input of tagsOf(page, "input"))
      if (input.get("type") === "hidden")
        next.searchParams.set(input.get("name") ?? "", input.get("value") ?? "");
    return isOwn(next) ? { url: next, cookie: null } : null;
  }
  const cookies = response.headers.getSetCookie().map((each) => each.split(";", 1)[0] ?? "");
  const [, token] = cookies.map((each) => /^download_warning[^=]*=(.+)$/.exec(each)).find(Boolean) ?? [];
  if (token === undefined || !isOwn(url)) return null;
  const next = new URL(`/uc?export=download&id=${item.id}`, url);
  next.searchParams.set("confirm", token);
  return { url: next, cookie: cookies.join("; ") };
}

/** Whether to ask again later, which the download itself does. */
function isBusy({ status }: Response): boolean {
  return status === 429 || status >= 500;
}

function isOwn({ protocol, host }: URL): boolean {
  return protocol === "https:" && ownHosts.has(host);
}

function pageInstead(page: string, { url, response }: Received, item: DriveItem): WorkError {
  const link = drivePage(item);
  const elsewhere = "open the address in a browser, and give the file it downloads with --from FILE";
  const [found, fix] = /quota exceeded|too many users have viewed or downloaded this file/i.test(page)
    ? [
        "its quota page: too many users have downloaded the file recently",
        `try again later, up to a day; or ${elsewhere}, which may work for one who is signed in`,
      ]
    : url.host === "accounts.google.com"
      ? ["its sign-in page: the file is not shared with everyone", elsewhere]
      : response.status === 404
        ? ["404: no such file; its owner may have removed it", elsewhere]
        : [`a page in place of the file: ${titleOf(page)}`, elsewhere];
  return new WorkError(`Google Drive did not give out ${link}`, { expected: "the file", found, fix });
}

/** @returns The title of a page, for a person to read; it is anybody's text. */
export function titleOf(page: string): string {
  const title = /<title[^<>]*>([^<]{1,200})/i.exec(page)?.[1]?.trim() ?? "";
  return title === "" ? "without a title" : JSON.stringify(title);
}
