import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { type GraphInit, model, values } from "../onnx/models.js";
import { mtardJson, workFolder } from "./mtard.js";

/* What makes an accuracy doubtful is said in a table as it is by `mtard evaluate`: nobody reads the logs of a table. */

const work = workFolder();
afterAll(() => work.remove());

type Nodes = ReturnType<typeof node>[];
type Tensors = ReturnType<typeof floatTensor>[];

/** A classifier of the demo's images: a linear one of the colours in four parts of the image, `logits`, and what is made of those. */
function classifier(more: Nodes, tensors: Tensors = []): Uint8Array {
  const pooled = [intsAttribute("kernel_shape", [16, 16]), intsAttribute("strides", [16, 16])];
  const graph: GraphInit = {
    node: [
      node("AveragePool", ["x"], "parts", pooled),
      node("Flatten", ["parts"], "features"),
      node("Gemm", ["features", "weights"], "logits"),
      ...more,
    ],
    initializer: [floatTensor("weights", [12, 10], values(120, 1, 3)), ...tensors],
    input: [floatValue("x", ["N", 3, 32, 32])],
    output: [floatValue("y", ["N", 10])],
  };
  return serializeModel(model(graph));
}

const one = (name: string, value: number): Tensors[number] => floatTensor(name, [1], Float32Array.of(value));

/** Its softmax is exactly 0 or 1, and the gradient of the cross-entropy exactly 0. */
const saturated = classifier([node("Mul", ["logits", "factor"], "y")], [one("factor", 1e6)]);

/** Probabilities for images as smooth as the data set's; not for the noise that a model is tried with before it is taken. */
const probabilities = classifier(
  [
    node("AveragePool", ["x"], "smooth", [
      intsAttribute("kernel_shape", [3, 3]),
      intsAttribute("pads", [1, 1, 1, 1]),
    ]),
    node("Sub", ["x", "smooth"], "rough"),
    node("Mul", ["rough", "rough"], "squared"),
    node("ReduceMean", ["squared"], "energy", [
      intsAttribute("axes", [1, 2, 3]),
      intAttribute("keepdims", 1),
    ]),
    node("Reshape", ["energy", "column"], "energies"),
    node("Sub", ["energies", "threshold"], "excess"),
    node("Relu", ["excess"], "noise"),
    node("Add", ["noise", "unit"], "scale"),
    node("Softmax", ["logits"], "chances", [intAttribute("axis", 1)]),
    node("Mul", ["chances", "scale"], "y"),
  ],
  [int64Tensor("column", [-1n, 1n]), one("threshold", 0.05), one("unit", 1)],
);

beforeAll(async () => {
  await prepareDataset("demo", join(work.path, "data"));
  mkdirSync(join(work.path, "teachers"));
  for (const [name, bytes] of Object.entries({ saturated, probabilities }))
    writeFileSync(join(work.path, `${name}.onnx`), bytes);
});

interface Table {
  readonly rows: readonly { readonly label: string; readonly warnings: readonly string[] }[];
  readonly files: { readonly md: string; readonly csv: string };
}

const warned = {
  saturated: /^the loss has no gradient at (\d+) of \1 images: gradient attacks cannot move them/,
  probabilities: /^the model seems to answer probabilities instead of logits/,
};

describe.each([
  ["saturated", "probabilities"],
  ["probabilities", "saturated"],
] as const)("a table of %s and %s answers", (clean, robust) => {
  it("carries the warning of each, now and when all is known already", async () => {
    const call = `table 2 --clean-teacher ${clean}.onnx --robust-teacher ${robust}.onnx --attacks fgsm --limit-test 120`;
    for (let times = 0; times < 2; times++) {
      const { rows, files } = (await mtardJson(call.split(" "), work.path)) as unknown as Table;
      const markdown = readFileSync(join(work.path, files.md), "utf8");
      const csv = readFileSync(join(work.path, files.csv), "utf8");
      for (const [row, name] of [clean, robust].entries()) {
        const { label = "", warnings = [] } = rows[row] ?? {};
        expect(warnings).toEqual([expect.stringMatching(warned[name])]);
        expect(markdown).toContain(`- Warning, ${label}: ${warnings[0] ?? ""}.`);
        expect(csv).toContain(warnings[0]);
      }
    }
  });
});
