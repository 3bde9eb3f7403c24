import { oneLine } from "./harmless.js";

export { oneLine };

/** What an error says beyond its first line; each part is one line of text. */
export interface ErrorDetail {
  expected?: string | undefined;
  found?: string | undefined;
  /** What the user can do about it, preferably a command. */
  fix?: string | undefined;
  cause?: unknown;
}

/** An error for people: what is wrong, what was expected, what was found and what to do. */
abstract class ReportedError extends Error {
  abstract readonly exitCode: 1 | 2;
  readonly detail: ErrorDetail;

  constructor(message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.detail = detail;
  }

  /** The error as one to four lines, the way the command line prints it. */
  report(): string {
    const { expected, found, fix } = this.detail;
    return [
      `error: ${oneLine(this.message)}`,
      ...(expected === undefined ? [] : [`  expected  ${oneLine(expected)}`]),
      ...(found === undefined ? [] : [`  found     ${oneLine(found)}`]),
      ...(fix === undefined ? [] : [`  try       ${oneLine(fix)}`]),
    ].join("\n");
  }
}

/** The call or its input is wrong: exit code 2. */
export class InputError extends ReportedError {
  override readonly name = "InputError";
  readonly exitCode = 2;
}

/** The call was right and the work failed: exit code 1. */
export class WorkError extends ReportedError {
  override readonly name = "WorkError";
  readonly exitCode = 1;
}
