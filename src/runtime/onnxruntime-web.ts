import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { WorkError } from "../errors.js";
import { requireEngines } from "./native-library.js";

/** ONNX Runtime for browsers, to stand inside of a page. */
export interface WebRuntimeParts {
  readonly version: string;
  /** A statement that defines the constant `ort`, with `env`, `InferenceSession` and `Tensor`. */
  readonly script: string;
  readonly wasm: Uint8Array;
  /** The licence that whoever hands both on has to hand on too. */
  readonly licence: string;
}

/** The build for the CPU, whose script holds the one that loads its WebAssembly. */
const SCRIPT = "ort.wasm.bundle.min.mjs";
const WASM = "ort-wasm-simd-threaded.wasm";

/** What the page uses of what the script exports. */
const USED = ["env", "InferenceSession", "Tensor"];

/**
 * Reads onnxruntime-web of the engines' packages: its build for the CPU, in one script without imports.
 *
 * @throws {WorkError} if it was not set up, or is another version's than the one that was pinned.
 */
export function webRuntime(): WebRuntimeParts {
  const require = requireEngines();
  try {
    const wasm = require.resolve(`onnxruntime-web/${WASM}`);
    const read = (path: string): Buffer => readFileSync(join(dirname(wasm), path));
    const { version } = JSON.parse(read("../package.json").toString("utf8")) as { version: string };
    const script = asConstant(read(SCRIPT).toString("utf8"));
    return { version, script, wasm: read(WASM), licence: LICENCE };
  } catch (cause) {
    throw new WorkError("onnxruntime-web cannot be read", {
      expected: "the version that set-up brings",
      found: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      fix: "mtard setup",
      cause,
    });
  }
}

/** Makes a constant of a module: a module inside of a page cannot be imported by another. */
function asConstant(module: string): string {
  const [exported, names = ""] =
    /export\{([^{}]*)\};?\s*(?:\/\/# sourceMappingURL=\S*\s*)?$/.exec(module) ?? [];
  if (exported === undefined) throw new Error("its script does not end in its exports");
  const inner = new Map(names.split(",").map((name) => name.split(" as ").reverse() as [string, string]));
  const fields = USED.map((name) => {
    const local = inner.get(name);
    if (local === undefined) throw new Error(`its script does not export ${name}`);
    return `${name}: ${local}`;
  });
  return `const ort = (() => {\n${module.slice(0, -exported.length)}\nreturn { ${fields.join(", ")} };\n})();`;
}

/** The packages of npm name it, and do not hold it. */
const LICENCE = `MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`;
