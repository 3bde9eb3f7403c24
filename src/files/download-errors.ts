import { WorkError } from "../errors.js";

/* What can be wrong with a download, in words. */

const ELSEWHERE = "fetch the file elsewhere and give it with --from";

/** The error for a page that came in place of a file. */
export function webPage(url: string): WorkError {
  return new WorkError(`${url} answered with a web page in place of the file`, {
    fix: `open the address in a browser; ${ELSEWHERE}`,
  });
}

/** The error for an answer that is none, such as 404. */
export function refused(url: string, { status, statusText }: Response): WorkError {
  const gone = status === 404 || status === 410;
  return new WorkError(`cannot download ${url}`, {
    found: `the server answered ${status} ${statusText}`,
    fix: gone
      ? "check the address; or give a local copy with --from"
      : "try again later, or give a local copy with --from",
  });
}

/** The error for a file of another size than it should have. */
export function wrongSize(url: string, expected: string, found: string): WorkError {
  return new WorkError(`${url} is not the file it should be`, { expected, found, fix: ELSEWHERE });
}

/** Whether another attempt would fail in the same way: no such host, or nobody there. */
export function isHopeless(cause: unknown): boolean {
  const { code } = rootOf(cause) as NodeJS.ErrnoException;
  return code === "ENOTFOUND" || code === "ECONNREFUSED";
}

/** The error for a server that was asked so many times in vain. */
export function unreachable(url: string, cause: unknown, attempts: number): WorkError {
  const error = rootOf(cause);
  const message = error instanceof Error ? error.message : String(error);
  return new WorkError(`cannot download ${url}`, {
    found: attempts > 1 ? `${message}; asked ${attempts} times` : message,
    fix: "check the network; or fetch the file on another machine and give it with --from FILE",
    cause,
  });
}

function rootOf(cause: unknown): unknown {
  return cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
}
