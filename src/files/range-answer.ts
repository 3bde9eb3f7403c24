/* What the headers of an answer to a request for a part of a file say. */

/** Whether a partial answer begins at the byte that was asked for, of the file that the part is of. */
export function goesOn({ headers }: Response, asked: number, validator: string | null): boolean {
  const start = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1];
  const tag = headers.get("etag");
  const other = validator?.startsWith('"') === true && tag !== null && tag !== validator;
  return !other && (start === undefined || Number(start) === asked);
}

/** What tells this version of the file from another, in the form that `If-Range` takes: weak tags do not. */
export function validatorOf({ headers }: Response): string | null {
  const tag = headers.get("etag");
  return tag?.startsWith('"') === true ? tag : headers.get("last-modified");
}

/** The size of the whole file, from a response that begins at `start`. */
export function statedSize({ headers }: Response, start: number): number | null {
  const length = headers.get("content-length") ?? "";
  return /^\d+$/.test(length) ? start + Number(length) : null;
}

/** The size of the whole file where an answer says it, alone or behind its range: a server may send less at once than was asked for. */
export function wholeSize(response: Response, start: number): number | null {
  const [, whole] = /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  if (whole !== undefined) return Number(whole);
  return response.status === 206 ? null : statedSize(response, start);
}
