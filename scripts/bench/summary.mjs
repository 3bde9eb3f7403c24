/* Numbers of repeated timings, and how they are shown. */

/**
 * @typedef {object} Summary Seconds.
 * @property {number} median
 * @property {number} minimum
 * @property {number} lowerQuartile
 * @property {number} upperQuartile
 */

/**
 * Median, minimum and quartiles, interpolated linearly between the sorted values.
 *
 * @param {readonly number[]} seconds At least one.
 * @returns {Summary}
 */
export function summarize(seconds) {
  const sorted = seconds.toSorted((left, right) => left - right);
  /** @param {number} share */
  const quantile = (share) => {
    const place = share * (sorted.length - 1);
    const below = /** @type {number} */ (sorted[Math.floor(place)]);
    const above = /** @type {number} */ (sorted[Math.ceil(place)]);
    return below + (place - Math.floor(place)) * (above - below);
  };
  return {
    median: quantile(0.5),
    minimum: quantile(0),
    lowerQuartile: quantile(0.25),
    upperQuartile: quantile(0.75),
  };
}

/**
 * @param {number} seconds
 * @returns {string} Such as `1.234 s` or `56.7 ms`.
 */
export function formatSeconds(seconds) {
  return seconds >= 1 ? `${seconds.toFixed(3)} s` : `${(seconds * 1000).toFixed(1)} ms`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
