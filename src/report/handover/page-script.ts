import { readFileSync } from "node:fs";
import type { WebRuntimeParts } from "../../runtime/onnxruntime-web.js";

/** The scripts of `src/browser/` that the page of a model consists of; each imports only from those before it. */
const SCRIPTS = ["ascent", "answers", "classifier", "pixels", "try-model"] as const;

/** The one script of a model's page: ONNX Runtime, our own, and the call that begins. */
export function pageScript({ script }: Pick<WebRuntimeParts, "script">): string {
  const own = SCRIPTS.map((name) => withoutImports(readScript(name), name));
  const whole = `\n${[script, ...own].join("\n")}\nawait tryModel(ort);\n`;
  // Text that would end the element can only come from the packages and our own code.
  if (/<\/script|<!--/i.test(whole)) throw new Error("the script cannot stand inside of a page");
  return whole;
}

function readScript(name: string): string {
  return readFileSync(new URL(`../../browser/${name}.js`, import.meta.url), "utf8");
}

/** A module inside of a page cannot be imported by another, so all become one. */
function withoutImports(code: string, name: string): string {
  const alone = code.replace(/^import \{[^}]*\} from "\.\/[\w-]+\.js";\n/gm, "");
  if (/^import\b/m.test(alone)) throw new Error(`${name} imports from outside of the page`);
  return alone;
}
