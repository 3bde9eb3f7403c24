import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { pageStyle } from "../report/html.js";
import { watchStyle } from "./style.js";

/** A file of the pages, which does not change while the program runs. */
export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

const scripts = [
  "sortable",
  "watch-chart",
  "watch-chart-spec",
  "watch-curves",
  "watch-elements",
  "watch-live",
  "watch-measurements",
  "watch-panels",
  "watch-pointer",
  "watch-runs",
  "watch-table",
] as const;

/** What pages find under which name; Vega's build for browsers makes a global of itself, from which a module takes what is used. */
export const IMPORTS = {
  vega: "/assets/vega.js",
  "vega-util": "/assets/vega.js",
  "vega-interpreter": "/assets/vega-interpreter.js",
};

const VEGA = `import "./vega.min.js";
export const { DisallowedObjectProperties, View, ascending, isString, parse } = globalThis.vega;
`;

const JAVASCRIPT = "text/javascript; charset=utf-8";

/** All files of the pages by their paths; they are read from the package when they are first asked for. */
export function findAsset(path: string): Asset | null {
  const known = loaded.get(path);
  if (known) return known;
  const make = makers.get(path);
  if (!make) return null;
  const asset = make();
  loaded.set(path, asset);
  return asset;
}

const loaded = new Map<string, Asset>();

const makers = new Map<string, () => Asset>([
  [
    "/assets/style.css",
    () => ({ type: "text/css; charset=utf-8", content: Buffer.from(pageStyle + watchStyle) }),
  ],
  ["/assets/vega.js", () => ({ type: JAVASCRIPT, content: Buffer.from(VEGA) })],
  ["/assets/vega.min.js", () => script(besideEntry("vega", "vega.min.js"))],
  ["/assets/vega-interpreter.js", () => script(besideEntry("vega-interpreter", "vega-interpreter.js"))],
  ...scripts.map((name): [string, () => Asset] => [
    `/assets/${name}.js`,
    () => script(fileURLToPath(new URL(`../browser/${name}.js`, import.meta.url))),
  ]),
]);

function script(path: string): Asset {
  return { type: JAVASCRIPT, content: readFileSync(path) };
}

/** A file beside the one that a package is entered by. */
function besideEntry(name: string, file: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  return fileURLToPath(new URL(file, `file://${entry}`));
}
