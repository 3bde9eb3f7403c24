import type { ModelProto, NodeProto } from "onnx-buf";
import { changed, intAttribute } from "../build.js";
import { graphOf } from "../model.js";
import { findAttribute, floatAttributeOf, intAttributeOf, intsAttributeOf } from "./attributes.js";
import type { NodeWriter } from "./step.js";
import { nodeWriter } from "./writer.js";

/** The oldest operator set that gradients are written for; it has an adding `ScatterElements`, and `LayerNormalization`. */
const OPSET = 17n;

/** How a node of an operator set before `before` is written in newer ones. */
interface Upgrade {
  readonly before: number;
  readonly rewrite: (node: NodeProto, writer: NodeWriter) => NodeProto;
}

/** Upgrades a model to the operator set of gradients, in which many attributes became inputs. Newer models stay as they are. */
export function upgradeOperators(model: ModelProto): void {
  const set = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  if (!set || set.version >= OPSET) return;
  const { version } = set;
  const graph = graphOf(model);
  const nodes: NodeProto[] = [];
  const writer = nodeWriter(graph, nodes, "upgraded");
  for (const node of graph.node) {
    const upgrade = node.domain === "" || node.domain === "ai.onnx" ? upgrades[node.opType] : undefined;
    nodes.push(upgrade && version < upgrade.before ? upgrade.rewrite(node, writer) : node);
  }
  graph.node = nodes;
  set.version = OPSET;
}

const upgrades: Readonly<Partial<Record<string, Upgrade>>> = {
  BatchNormalization: {
    before: 14,
    rewrite: (node) => changed(without(node, "spatial"), { output: node.output.slice(0, 1) }),
  },
  Clip: {
    before: 11,
    rewrite: (node, writer) =>
      withInputs(node, ["min", "max"], (name) => {
        const bound = findAttribute(node, name);
        return bound ? writer.floats([bound.f]) : "";
      }),
  },
  Dropout: {
    before: 12,
    rewrite: (node) => changed(without(node, "ratio"), { output: node.output.slice(0, 1) }),
  },
  LogSoftmax: { before: 13, rewrite: flatSoftmax },
  Pad: {
    before: 11,
    rewrite: (node, writer) =>
      changed(without(node, "pads", "value"), {
        input: [
          ...node.input,
          writer.integers(intsAttributeOf(node, "pads") ?? []),
          writer.floats([floatAttributeOf(node, "value", 0)]),
        ],
      }),
  },
  ReduceSum: { before: 13, rewrite: listInput("axes") },
  Slice: {
    before: 10,
    rewrite: (node, writer) =>
      withInputs(node, ["starts", "ends", "axes"], (name) => {
        const values = intsAttributeOf(node, name);
        return values ? writer.integers(values) : "";
      }),
  },
  Softmax: { before: 13, rewrite: flatSoftmax },
  Split: { before: 13, rewrite: listInput("split") },
  Squeeze: { before: 13, rewrite: listInput("axes") },
  Unsqueeze: { before: 13, rewrite: listInput("axes") },
};

/** Moves a list of integers from an attribute to a second input. */
function listInput(name: string): Upgrade["rewrite"] {
  return (node, writer) => {
    const values = intsAttributeOf(node, name);
    return values ? changed(without(node, name), { input: [...node.input, writer.integers(values)] }) : node;
  };
}

/** Moves attributes to inputs. */
function withInputs(node: NodeProto, names: readonly string[], made: (name: string) => string): NodeProto {
  return changed(without(node, ...names), { input: [...node.input, ...names.map(made)] });
}

function without(node: NodeProto, ...names: string[]): NodeProto {
  return changed(node, { attribute: node.attribute.filter(({ name }) => !names.includes(name)) });
}

/** Rewrites a softmax from before operator set 13, which treated its input as a matrix: all axes from `axis` on were columns. */
function flatSoftmax(node: NodeProto, writer: NodeWriter): NodeProto {
  const [value = ""] = node.input;
  const axis = intAttributeOf(node, "axis", 1);
  const flat = writer.op("Flatten", [value], [intAttribute("axis", axis)]);
  const soft = writer.op(node.opType, [flat], [intAttribute("axis", 1)]);
  return changed(node, { opType: "Reshape", input: [soft, writer.op("Shape", [value])], attribute: [] });
}
