import type { ModelProto, NodeProto } from "onnx-buf";
import { changed, intAttribute, textAttribute } from "../build.js";
import { graphOf } from "../model.js";
import {
  findAttribute,
  floatAttributeOf,
  intAttributeOf,
  intsAttributeOf,
  textAttributeOf,
} from "./attributes.js";
import { composites, type Rewrite } from "./composites.js";
import { isStandard, withSubgraphs } from "./inline.js";
import type { NodeWriter } from "./step.js";
import { nodeWriter } from "./writer.js";

/** The oldest operator set that gradients are written for; from it on, all reductions have their axes as an input. */
const OLDEST = 18n;

/** How a node of an operator set before `before` is written in newer ones. */
interface Upgrade {
  readonly before: bigint;
  readonly rewrite: Rewrite;
}

/**
 * Upgrades a model to the operator set of gradients, in which many attributes became inputs, and writes composite operators as what they
 * are made of. Nodes of newer sets stay as they are.
 *
 * @param versions The operator set of nodes that are not of the model's.
 */
export function upgradeOperators(model: ModelProto, versions: ReadonlyMap<NodeProto, bigint>): void {
  const set = model.opsetImport.find(({ domain }) => isStandard(domain));
  if (!set) throw new Error("the model names no operator set");
  const own = set.version;
  const target = [OLDEST, own, ...versions.values()].reduce((one, other) => (other > one ? other : one));
  const graph = graphOf(model);
  let nodes: NodeProto[] = [];
  const writer = nodeWriter(graph, { push: (...made) => nodes.push(...made) }, "upgraded");
  const upgraded = (node: NodeProto): NodeProto => {
    const version = versions.get(node) ?? own;
    const whole = withSubgraphs(node, (inner) => changed(inner, { node: inside(inner.node) }));
    if (!isStandard(node.domain)) return whole;
    const upgrade = upgrades[node.opType];
    const newer = upgrade && version < upgrade.before && upgrade.before <= target;
    const current = newer ? upgrade.rewrite(whole, writer, version) : whole;
    const composite = Object.hasOwn(composites, current.opType)
      ? (composites as Record<string, Rewrite>)[current.opType]
      : undefined;
    return composite ? composite(current, writer, version) : current;
  };
  /** Upgrades a list of nodes, what it takes beside them included. */
  const inside = (list: readonly NodeProto[]): NodeProto[] => {
    const outer = nodes;
    nodes = [];
    for (const node of list) nodes.push(upgraded(node));
    const made = nodes;
    nodes = outer;
    return made;
  };
  graph.node = inside(graph.node);
  set.version = target;
}

const upgrades: Readonly<Partial<Record<string, Upgrade>>> = {
  BatchNormalization: {
    before: 14n,
    rewrite: (node) => changed(without(node, "spatial"), { output: node.output.slice(0, 1) }),
  },
  Clip: {
    before: 11n,
    rewrite: (node, writer) =>
      withInputs(node, ["min", "max"], (name) => {
        const bound = findAttribute(node, name);
        return bound ? writer.floats([bound.f]) : "";
      }),
  },
  Dropout: {
    before: 12n,
    rewrite: (node) => changed(without(node, "ratio"), { output: node.output.slice(0, 1) }),
  },
  LogSoftmax: { before: 13n, rewrite: flatSoftmax },
  Pad: {
    before: 11n,
    rewrite: (node, writer) =>
      changed(without(node, "pads", "value"), {
        input: [
          ...node.input,
          writer.integers(intsAttributeOf(node, "pads") ?? []),
          writer.floats([floatAttributeOf(node, "value", 0)]),
        ],
      }),
  },
  ReduceL1: { before: 18n, rewrite: listInput("axes") },
  ReduceL2: { before: 18n, rewrite: listInput("axes") },
  ReduceLogSum: { before: 18n, rewrite: listInput("axes") },
  ReduceLogSumExp: { before: 18n, rewrite: listInput("axes") },
  ReduceMax: { before: 18n, rewrite: listInput("axes") },
  ReduceMean: { before: 18n, rewrite: listInput("axes") },
  ReduceMin: { before: 18n, rewrite: listInput("axes") },
  ReduceProd: { before: 18n, rewrite: listInput("axes") },
  ReduceSum: { before: 13n, rewrite: listInput("axes") },
  ReduceSumSquare: { before: 18n, rewrite: listInput("axes") },
  Resize: { before: 11n, rewrite: (node) => firstResize(node, node.input) },
  Scatter: { before: 11n, rewrite: (node) => changed(node, { opType: "ScatterElements" }) },
  Slice: {
    before: 10n,
    rewrite: (node, writer) =>
      withInputs(node, ["starts", "ends", "axes"], (name) => {
        const values = intsAttributeOf(node, name);
        return values ? writer.integers(values) : "";
      }),
  },
  Softmax: { before: 13n, rewrite: flatSoftmax },
  Split: { before: 18n, rewrite: split },
  Squeeze: { before: 13n, rewrite: listInput("axes") },
  TopK: {
    before: 10n,
    rewrite: (node, writer) =>
      withInputs(node, ["k"], (name) => writer.integers([intAttributeOf(node, name, 1)])),
  },
  Unsqueeze: { before: 13n, rewrite: listInput("axes") },
  Upsample: {
    before: 10n,
    rewrite(node, writer) {
      const scales = findAttribute(node, "scales")?.floats;
      const [x = "", given = ""] = node.input;
      return firstResize(node, [x, scales ? writer.floats(scales, [scales.length]) : given]);
    },
  },
};

/** Moves a list of integers from an attribute to a second input. */
function listInput(name: string): (node: NodeProto, writer: NodeWriter) => NodeProto {
  return (node, writer) => {
    const values = intsAttributeOf(node, name);
    return values ? changed(without(node, name), { input: [...node.input, writer.integers(values)] }) : node;
  };
}

/** The parts' number became an attribute where no sizes are given. */
function split(node: NodeProto, writer: NodeWriter): NodeProto {
  const sized = listInput("split")(node, writer);
  if (sized.input.length > 1) return sized;
  return changed(sized, { attribute: [...sized.attribute, intAttribute("num_outputs", node.output.length)] });
}

/** `Upsample`, and `Resize` in its first form, which have no choice of coordinates. */
function firstResize(node: NodeProto, [x = "", scales = ""]: readonly string[]): NodeProto {
  return changed(node, {
    opType: "Resize",
    input: [x, "", scales],
    attribute: [
      textAttribute("mode", textAttributeOf(node, "mode", "nearest")),
      textAttribute("coordinate_transformation_mode", "asymmetric"),
      textAttribute("nearest_mode", "floor"),
    ],
  });
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
