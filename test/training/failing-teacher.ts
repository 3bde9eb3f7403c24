import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TensorProto_DataType } from "onnx-buf";
import { sha256Of } from "#mtard/files/sha256.js";
import {
  floatAttribute,
  floatTensor,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { graphOf, parseModel, serializeModel } from "#mtard/onnx/model.js";
import { LOGITS } from "#mtard/onnx/writer.js";
import { formatManifest, MANIFEST_FILE, readManifest } from "#mtard/teacher/manifest.js";
import { rememberTried } from "#mtard/teacher/tried.js";
import { loopingGraph } from "../onnx/models.js";

/** How many times a teacher of {@link addFailingTeacher} answers each time it is opened. */
export const ANSWERS = 9;

/*
 * ONNX Runtime's random numbers go on from run to run of a session, and a seed makes them the same in every session: with this one the
 * tenth is the first above the threshold. So the same bytes answer nine times, and work again when they are opened anew.
 */
const SEED = 1;
const THRESHOLD = 0.9;

/**
 * Puts a teacher into a store that answers as teacher `from` does for {@link ANSWERS} times and then hangs or crashes, and has this
 * installation believe that it tried it.
 */
export function addFailingTeacher(
  store: string,
  name: string,
  from: string,
  failure: "hangs" | "crashes",
): void {
  const manifest = readManifest(join(store, from));
  const model = parseModel(readFileSync(join(store, from, manifest.file)), from);
  const graph = graphOf(model);
  const asInt64 = intAttribute("to", TensorProto_DataType.INT64);
  for (const own of graph.node) {
    own.output = own.output.map((output) => (output === LOGITS ? "before" : output));
    if (own.name === LOGITS) own.name = "before";
  }
  graph.node.push(
    node("RandomUniform", [], "drawn", [intsAttribute("shape", [1]), floatAttribute("seed", SEED)]),
    node("Greater", ["drawn", "threshold"], "fails"),
    node("Cast", ["fails"], "failing", [asInt64]),
  );
  graph.initializer.push(floatTensor("threshold", [1], Float32Array.of(THRESHOLD)));
  if (failure === "hangs") {
    // A loop of no turns, or of more than ever end.
    const loop = loopingGraph(0n).node?.find(({ opType }) => opType === "Loop");
    graph.initializer.push(int64Tensor("many", [2n ** 62n]));
    graph.node.push(node("Mul", ["failing", "many"], "turns"), loop as (typeof graph.node)[number]);
  } else {
    // 1 divided by 1, or by 0, which ends a process.
    graph.initializer.push(int64Tensor("one", [1n]));
    graph.node.push(
      node("Sub", ["one", "failing"], "divisor"),
      node("Div", ["one", "divisor"], "quotient"),
      node("Cast", ["quotient"], "factor", [intAttribute("to", TensorProto_DataType.FLOAT)]),
      node("Mul", ["before", "factor"], LOGITS),
    );
  }
  const bytes = serializeModel(model);
  const failing = { ...manifest, name, sha256: sha256Of(bytes), network: null };
  mkdirSync(join(store, name));
  writeFileSync(join(store, name, manifest.file), bytes);
  writeFileSync(join(store, name, MANIFEST_FILE), formatManifest(failing));
  rememberTried(failing, { batch: 256, gradient: true, seconds: 0 });
}
