import { InputError, WorkError } from "../errors.js";
import { request } from "../files/http.js";
import { type DriveItem, titleOf } from "./google-drive.js";
import { decodeEntities, readPage } from "./html.js";

/** A file in a shared folder, with its path below that folder. */
export interface FolderFile {
  readonly name: string;
  readonly item: DriveItem;
}

const MOST_FOLDERS = 30;
/** How long a page of a folder is waited for, in milliseconds. */
const SILENCE = 60_000;

/**
 * The files of a folder on Google Drive that is shared with everyone, and of the folders in it, as its page lists them.
 *
 * @throws {WorkError} if the page is not such a list, or there are too many folders.
 */
export async function listDriveFolder(folder: DriveItem): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  const seen = new Set<string>();
  const waiting: { prefix: string; folder: DriveItem }[] = [{ prefix: "", folder }];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { prefix, folder: each } = next;
    // A shortcut may lead back.
    if (seen.has(each.id)) continue;
    if (seen.add(each.id).size > MOST_FOLDERS)
      throw new WorkError(`${folderPage(folder)} holds too many folders`, {
        expected: `at most ${MOST_FOLDERS}`,
        fix: "name the folder with the file itself, or fetch it in a browser and give it with --from FILE",
      });
    for (const { kind, id, title } of await entriesOf(each)) {
      const name = prefix + title;
      const item = { id, resourceKey: null };
      if (kind === "folder") waiting.push({ prefix: `${name}/`, folder: item });
      else files.push({ name, item });
    }
  }
  return files;
}

/** Where a person sees a folder. */
export function folderPage({ id }: DriveItem): string {
  return `https://drive.google.com/drive/folders/${id}`;
}

interface Entry {
  readonly kind: "file" | "folder";
  readonly id: string;
  readonly title: string;
}

async function entriesOf(folder: DriveItem): Promise<Entry[]> {
  const key = folder.resourceKey === null ? "" : `&resourcekey=${folder.resourceKey}`;
  const address = `https://drive.google.com/embeddedfolderview?id=${folder.id}${key}`;
  const { response, url } = await reach(address);
  const page = await readPage(response);
  const isList = response.ok && url.host === "drive.google.com" && /class="flip-/.test(page);
  if (!isList)
    throw new WorkError(`Google Drive did not list ${folderPage(folder)}`, {
      expected: "a folder shared with everyone",
      found:
        url.host === "accounts.google.com"
          ? "its sign-in page: the folder is not shared with everyone"
          : `${response.status}, a page ${titleOf(page)}`,
      fix: "open the address in a browser, and give the file it downloads with --from FILE",
    });
  const entries: Entry[] = [];
  // An entry is a link, and behind it its title.
  let link: Pick<Entry, "kind" | "id"> | null = null;
  for (const [, href, title] of page.matchAll(
    /<a\b[^<>]*?\bhref="([^"]*)"|class="flip-entry-title"[^<>]{0,200}>([^<]*)</g,
  )) {
    if (href !== undefined) link = linkOf(decodeEntities(href)) ?? link;
    else if (link !== null && title !== undefined) {
      entries.push({ ...link, title: decodeEntities(title).trim() });
      link = null;
    }
  }
  return entries;
}

async function reach(address: string): ReturnType<typeof request> {
  try {
    return await request(address, { signal: AbortSignal.timeout(SILENCE) });
  } catch (cause) {
    if (cause instanceof WorkError || cause instanceof InputError) throw cause;
    const root = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new WorkError(`cannot reach ${address}`, {
      found: root instanceof Error ? root.message : String(root),
      fix: "check the network; or fetch the file on another machine and give it with --from FILE",
      cause,
    });
  }
}

function linkOf(href: string): Pick<Entry, "kind" | "id"> | null {
  const [, kind, id] = /\/(file\/d|folders)\/([\w-]+)/.exec(href) ?? [];
  if (id === undefined) return null;
  return { kind: kind === "folders" ? "folder" : "file", id };
}
