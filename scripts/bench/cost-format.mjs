/* How costs are shown. */

/**
 * A Markdown table.
 *
 * @param {readonly string[]} heading
 * @param {readonly (readonly string[])[]} rows
 * @param {number} names How many columns, from the first, hold names.
 */
export function markdown(heading, rows, names) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const rule = heading.map((_, index) => (index < names ? "---" : "---:"));
  return [line(heading), line(rule), ...rows.map(line)].join("\n");
}

/** Three digits, such as 4.52 or 12.3. @param {number} value */
export function number(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** @param {number} value */
export function share(value) {
  return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}%`;
}

/** @param {number} seconds */
export function hours(seconds) {
  const value = seconds / 3600;
  return `${value.toFixed(value < 9.95 ? 1 : 0)} h`;
}

/** Seconds, minutes or hours. @param {number} seconds */
export function least(seconds) {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : hours(seconds);
}
