import { readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { tf } from "#mtard/runtime/tensorflow.js";

/** The names that an interface of `src/runtime/tensor.ts` declares. */
function membersOf(name: string): string[] {
  const path = "src/runtime/tensor.ts";
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest);
  const declared = file.statements
    .filter(ts.isInterfaceDeclaration)
    .find((statement) => statement.name.text === name);
  return (declared?.members ?? []).map((member) => (member.name as ts.Identifier).text);
}

describe("our types of TensorFlow.js", () => {
  it("name functions that it has", () => {
    const names = membersOf("TensorFlow");
    expect(names.length).toBeGreaterThan(60);
    const library = tf as unknown as Record<string, unknown>;
    expect(names.filter((name) => typeof library[name] !== "function")).toEqual([]);
  });

  it("name what its tensors have", () => {
    const tensor = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const names = membersOf("Tensor");
    expect(names).toContain("dataSync");
    expect(names.filter((name) => !(name in tensor))).toEqual([]);
    expect(tensor.shape).toEqual([2, 2]);
    expect(tensor.arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    tensor.dispose();
  });

  it("say what each function returns, as its own declarations do", () => {
    const values = tf.tensor1d([3, -1, 2]);
    const made = {
      ...tf.topk(values, 2),
      sign: tf.sign(values),
      less: tf.less(values, 0),
      not: tf.logicalNot(tf.less(values, 0)),
      and: tf.logicalAnd(tf.less(values, 0), tf.less(values, 5)),
      power: tf.pow(values, 2),
      smallest: tf.min(values),
      root: tf.sqrt(tf.square(values)),
    };
    expect(Object.fromEntries(Object.entries(made).map(([name, x]) => [name, [...x.dataSync()]]))).toEqual({
      values: [3, 2],
      indices: [0, 2],
      sign: [1, -1, 1],
      less: [0, 1, 0],
      not: [1, 0, 1],
      and: [0, 1, 0],
      power: [9, 1, 4],
      smallest: [-1],
      root: [3, 1, 2],
    });
  });
});
