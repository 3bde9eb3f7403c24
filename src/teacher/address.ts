import { InputError } from "../errors.js";
import type { Opener } from "../files/download.js";
import { isLoopback, request } from "../files/http.js";
import { chooseFile } from "./choose.js";
import { folderPage, listDriveFolder } from "./drive-folder.js";
import { type DriveItem, driveOpener, drivePage } from "./google-drive.js";
import { type HuggingFaceFile, huggingFaceOpener, huggingFaceUrl } from "./hugging-face.js";

/** Where a file is published, as a person writes it: an address, or `hf:owner/name/file`. */
export type Address =
  | { readonly kind: "plain"; readonly url: string }
  | { readonly kind: "drive-file" | "drive-folder"; readonly item: DriveItem }
  | { readonly kind: "hugging-face"; readonly file: HuggingFaceFile };

/** A file that can be asked for. */
export interface LocatedFile {
  /** What it is called in messages, and where it is asked for. */
  readonly url: string;
  readonly open: Opener;
}

/** Whether a text is meant as an address rather than as a name. */
export function isAddress(text: string): boolean {
  return /^(hf:|https?:)/i.test(text);
}

/**
 * Reads an address: of a file or folder on Google Drive, of a file on Hugging Face (`hf:owner/name/file@revision`, or its page), or of
 * any other file.
 *
 * @throws {InputError} if it is none, or has neither https nor this machine as its host.
 */
export function parseAddress(text: string): Address {
  if (/^hf:/i.test(text)) return { kind: "hugging-face", file: huggingFaceFile(text) };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLoopback(url)))
    throw new InputError(`${text} is not an address to fetch from`, {
      expected: "https://..., or hf:owner/name/file",
      found: url === null ? "no address" : `an address by ${url.protocol.slice(0, -1)}`,
      fix: "use the https address; or fetch the file elsewhere and give it with --from FILE",
    });
  if (url.username !== "" || url.password !== "")
    throw new InputError("the address has a user's name in it", {
      fix: "fetch the file elsewhere and give it with --from FILE",
    });
  return driveAddress(url) ?? huggingFaceAddress(url) ?? { kind: "plain", url: url.href };
}

/**
 * Finds the file that an address stands for: of a folder, the one called `wanted`, in which `*` stands for anything.
 *
 * @throws {InputError} if the folder has no such file, or several; {@link WorkError} if it cannot be listed.
 */
export async function locate(address: Address, wanted: string | null = null): Promise<LocatedFile> {
  switch (address.kind) {
    case "plain":
      return { url: address.url, open: (headers, signal) => request(address.url, { headers, signal }) };
    case "hugging-face":
      return { url: huggingFaceUrl(address.file), open: huggingFaceOpener(address.file) };
    case "drive-file":
      return { url: drivePage(address.item), open: driveOpener(address.item) };
    case "drive-folder": {
      const files = await listDriveFolder(address.item);
      const { item } = chooseFile(files, wanted, folderPage(address.item));
      return { url: drivePage(item), open: driveOpener(item) };
    }
  }
}

/** The last name in an address, or an item's id, as one that can be a file's on any disk: what a server calls a file is never used. */
export function fileNameOf(address: Address): string {
  const text =
    address.kind === "plain"
      ? decoded(new URL(address.url).pathname)
      : address.kind === "hugging-face"
        ? address.file.path
        : address.item.id;
  const plain = lastOf(text)
    .replace(/[^\w.-]/g, "_")
    .replace(/^[.-]+/, "");
  return plain === "" ? "weights" : plain.slice(-100);
}

/** The links that Drive shows and has shown: /file/d/ID/view, /drive/folders/ID, /open?id=ID, /uc?id=ID. */
function driveAddress(url: URL): Address | null {
  if (!["drive.google.com", "docs.google.com", "drive.usercontent.google.com"].includes(url.host))
    return null;
  const resourceKey = /^[\w-]+$/.exec(url.searchParams.get("resourcekey") ?? "")?.[0] ?? null;
  const [, kind, inPath] = /\/(file\/d|folders)\/([\w-]+)/.exec(url.pathname) ?? [];
  const id = inPath ?? /^[\w-]+$/.exec(url.searchParams.get("id") ?? "")?.[0];
  if (id === undefined) return null;
  const isFolder = kind === "folders" || url.pathname === "/embeddedfolderview";
  return { kind: isFolder ? "drive-folder" : "drive-file", item: { id, resourceKey } };
}

/** The page of a file on Hugging Face, and the address behind its download button. */
function huggingFaceAddress(url: URL): Address | null {
  if (url.host !== "huggingface.co") return null;
  const [, repository, revision, path] =
    /^\/([^/]+\/[^/]+)\/(?:resolve|blob)\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
  if (repository === undefined || revision === undefined || path === undefined) return null;
  const names = [decoded(path), decoded(revision)];
  return { kind: "hugging-face", file: { repository, path: names[0] ?? "", revision: names[1] ?? "" } };
}

function huggingFaceFile(text: string): HuggingFaceFile {
  const [, repository, path, revision = "main"] =
    /^hf:([\w.-]+\/[\w.-]+)\/([^@]+?)(?:@([\w./-]+))?$/i.exec(text) ?? [];
  const isPlain = path?.split("/").every((part) => part !== "" && part !== "." && part !== "..") === true;
  if (repository !== undefined && path !== undefined && isPlain) return { repository, path, revision };
  throw new InputError(`${text} names no file on Hugging Face`, {
    expected: "hf:owner/name/file, with @revision behind it if not main",
    fix: "look up the file's name in the repository's list of files",
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
