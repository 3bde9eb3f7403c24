/** A set-up error for people, printed as one to four lines like the program's own (src/errors.ts), which may not be built yet. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {{ expected?: string, found?: string, fix?: string }} [detail]
   */
  constructor(message, detail = {}) {
    super(message);
    this.detail = detail;
  }

  /** @returns {string} */
  report() {
    const { expected, found, fix } = this.detail;
    return [
      `error: ${this.message}`,
      ...(expected === undefined ? [] : [`  expected  ${expected}`]),
      ...(found === undefined ? [] : [`  found     ${found}`]),
      ...(fix === undefined ? [] : [`  try       ${fix}`]),
    ].join("\n");
  }
}
