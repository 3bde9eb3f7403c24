/* Elements of the pages of `mtard watch`, made without HTML: whatever a file says stays text. */

type Child = Node | string;

/** An element with attributes and children; strings become text. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** The element of the page with an id. */
export function find(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, EDGE] = [96, 26, 2];

/** A curve without axes, for a glance; what has no two points is nothing. */
export function smallCurve(values: readonly (number | null)[], kind: "loss" | "accuracy"): SVGElement | "" {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return "";
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const reach = most - least || 1;
  const points = values.flatMap((value, at) => {
    if (value === null) return [];
    const x = EDGE + ((WIDTH - 2 * EDGE) * at) / (values.length - 1);
    const y = HEIGHT - EDGE - ((HEIGHT - 2 * EDGE) * (value - least)) / reach;
    return [`${x.toFixed(1)},${y.toFixed(1)}`];
  });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("class", `small-curve ${kind}`);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}

/** A share as a bar. */
export function bar(share: number, label: string): HTMLElement {
  const made = element("progress", { max: "1", "aria-label": label });
  made.value = share;
  return made;
}

/** Seconds in words: two units at most. */
export function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago a time was, in words; "" for no time. */
export function ago(time: number): string {
  if (time <= 0) return "";
  const seconds = (Date.now() - time) / 1000;
  return seconds < 10 ? "now" : `${duration(seconds)} ago`;
}

/** A fraction in percent. */
export function percent(fraction: number | null | undefined): string {
  return fraction === null || fraction === undefined ? "" : `${(100 * fraction).toFixed(2)}%`;
}

/** A whole number with its thousands apart. */
export function count(number: number): string {
  return number.toLocaleString("en");
}

/** A run's state as a dot and a word. */
export function stateMark(state: string): HTMLElement {
  return element("span", { class: `state ${/^[a-z]+$/.test(state) ? state : ""}` }, state);
}
