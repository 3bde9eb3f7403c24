import { InputError, WorkError } from "../errors.js";
import type { Opener } from "../files/download.js";
import { request } from "../files/http.js";

/** A file in a model repository on Hugging Face. */
export interface HuggingFaceFile {
  /** `owner/name`. */
  readonly repository: string;
  readonly path: string;
  /** A branch, tag or commit. */
  readonly revision: string;
}

const HOST = "huggingface.co";

/** Where a person sees the file's repository. */
export function huggingFacePage({ repository }: HuggingFaceFile): string {
  return `https://${HOST}/${repository}`;
}

/** The address that gives out the file. */
export function huggingFaceUrl({ repository, path, revision }: HuggingFaceFile): string {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return `https://${HOST}/${repository}/resolve/${encodeURIComponent(revision)}/${encoded}`;
}

/**
 * Asks Hugging Face for a file, with the token in `HF_TOKEN` where there is one, which only Hugging Face's own host sees. What it states
 * of the file's size and SHA-256 is passed on. What is private, gated or missing is said in the {@link WorkError} that the opener throws.
 */
export function huggingFaceOpener(file: HuggingFaceFile): Opener {
  return async (headers, signal) => {
    const token = tokenOf(process.env["HF_TOKEN"]);
    const { response, passed } = await request(huggingFaceUrl(file), {
      headers,
      signal,
      ...(token === null ? {} : { secret: { host: HOST, headers: { authorization: `Bearer ${token}` } } }),
    });
    if ([401, 403, 404].includes(response.status)) throw refusal(file, response, token !== null);
    const stated = (name: string): string | undefined =>
      [...passed, response.headers].map((each) => each.get(name)).find((value) => value !== null) ??
      undefined;
    const size = /^\d+$/.exec(stated("x-linked-size") ?? "")?.[0];
    // Small files, which are not in Git LFS, have Git's own hash here instead.
    const sha256 = /^"?([0-9a-f]{64})"?$/.exec(stated("x-linked-etag") ?? "")?.[1];
    return { response, bytes: size === undefined ? undefined : Number(size), sha256 };
  };
}

/** @throws {InputError} if it cannot be sent; the error does not show it. */
function tokenOf(text: string | undefined): string | null {
  const token = text?.trim() ?? "";
  if (token === "") return null;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new InputError("HF_TOKEN is not a token", {
    expected: "letters, digits and signs, without spaces",
    found: "other characters",
    fix: "copy the token from your settings on Hugging Face again",
  });
}

function refusal(file: HuggingFaceFile, { status, headers }: Response, hasToken: boolean): WorkError {
  const code = headers.get("x-error-code") ?? "";
  const page = huggingFacePage(file);
  const name = `hf:${file.repository}/${file.path}@${file.revision}`;
  const error = (found: string, fix: string): WorkError =>
    new WorkError(`Hugging Face did not give out ${name}`, { found: `${status}: ${found}`, fix });
  if (code === "GatedRepo" || (status === 403 && code !== "RepoNotFound"))
    return error(
      "the repository is gated, or not for this token",
      `ask for access at ${page}, and set HF_TOKEN to a token that may read it`,
    );
  if (status === 404 && code === "EntryNotFound")
    return error("the repository has no such file", `look at ${page}/tree/main`);
  if (code === "RevisionNotFound")
    return error("the repository has no such revision", `look at ${page}/branches`);
  if (hasToken)
    return error(
      "there is no such repository, or the token in HF_TOKEN may not read it",
      `look at ${page}, and check the token`,
    );
  return error(
    "there is no such repository, or it is private",
    `look at ${page}; for a private one set HF_TOKEN`,
  );
}
