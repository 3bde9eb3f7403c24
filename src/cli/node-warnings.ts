/*
 * What Node calls deprecated and tfjs-node uses: punycode (through node-fetch), Buffer(), url.parse() and the type checks of `util`. Users
 * can do nothing about it.
 */
const OF_TFJS = new Set(["DEP0040", "DEP0005", "DEP0169", ...codes(44, 60)]);

function codes(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `DEP00${first + index}`);
}

/** Keeps Node from printing the deprecation warnings of tfjs; it prints all others as ever. */
export function hideWarningsOfTfjs(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning: Error & { code?: string }) => {
    if (warning.name === "DeprecationWarning" && OF_TFJS.has(warning.code ?? "")) return;
    for (const listener of listeners) listener.call(process, warning);
  });
}
