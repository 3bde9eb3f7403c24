import type { FunctionProto, GraphProto, ModelProto, NodeProto } from "onnx-buf";
import { InputError } from "../errors.js";
import { RANDOM } from "./inference-mode.js";
import { graphOf, nodesOf, subgraphsOf } from "./model.js";
import { IMAGES } from "./writer.js";

/** The inputs that say how large an output becomes; an operator with them must take them from elsewhere than the images. */
const SIZES: Readonly<Record<string, readonly number[]>> = {
  AffineGrid: [1],
  BlackmanWindow: [0],
  CenterCropPad: [1],
  Col2Im: [1, 2],
  ConstantOfShape: [0],
  DFT: [1],
  Expand: [1],
  HammingWindow: [0],
  HannWindow: [0],
  If: [0],
  Loop: [0, 1],
  MaxUnpool: [2],
  MelWeightMatrix: [0, 1, 2, 3, 4],
  OneHot: [1],
  Pad: [1],
  Range: [0, 1, 2],
  Resize: [1, 2, 3],
  STFT: [1, 3],
  Tile: [1],
  Upsample: [1],
};

/** Operators whose output has a shape that follows the values of their inputs; bounded by the inputs' size. */
const SHAPED_BY_VALUES: ReadonlySet<string> = new Set([
  "Compress",
  "NonMaxSuppression",
  "NonZero",
  "StringSplit",
  "Unique",
]);

/** Operators that read a value's shape alone. */
const SHAPE_READERS: ReadonlySet<string> = new Set(["Shape", "Size"]);

/** Names in a graph and in those around it. */
class Names {
  readonly #own = new Set<string>();
  readonly #outer: Names | null;

  constructor(outer: Names | null) {
    this.#outer = outer;
  }

  has(name: string): boolean {
    return this.#own.has(name) || (this.#outer?.has(name) ?? false);
  }

  add(name: string): void {
    if (name !== "") this.#own.add(name);
  }
}

/** Which values follow the images: in their numbers, or already in their shapes. */
interface Following {
  readonly values: Names;
  readonly shapes: Names;
}

function followingIn(outer: Following | null): Following {
  return { values: new Names(outer?.values ?? null), shapes: new Names(outer?.shapes ?? null) };
}

/**
 * Refuses a classifier in the standard form whose sizes, loops or branches follow the values in its images, or random numbers: what it
 * takes for one image, or once, says nothing about another, so that no trial can tell whether it ends.
 *
 * @throws {InputError} naming the first node whose size follows the images.
 */
export function requireSteadyShapes(model: ModelProto, source: string): void {
  const functions = new Map(model.functions.map((body) => [keyOf(body.domain, body.name), body]));
  const following = followingIn(null);
  following.values.add(IMAGES);
  followNodes(graphOf(model).node, following, functions, (node) => {
    const { opType, name, output } = node;
    return new InputError(`${source} works differently for different images`, {
      expected: "a classifier whose sizes, loops and branches are the same for all images",
      found: `${opType}, node "${name || (output[0] ?? "")}", follows the values in the images, or chance`,
      fix: "export the model without it",
    });
  });
}

type Refusal = (node: NodeProto) => InputError;

function followNodes(
  nodes: readonly NodeProto[],
  following: Following,
  functions: ReadonlyMap<string, FunctionProto>,
  refusal: Refusal,
): void {
  const { values, shapes } = following;
  for (const node of nodes) {
    const { opType, input, output } = node;
    const sizes = SIZES[opType] ?? [];
    if (sizes.some((index) => values.has(input[index] ?? ""))) throw refusal(node);
    const inner = subgraphsOf(node);
    const body = functions.get(keyOf(node.domain, opType));
    // What chance decides is as little the same for all images as what the images decide.
    let value = RANDOM.has(opType) || input.some((name) => values.has(name));
    let shape = input.some((name) => shapes.has(name));
    if (SHAPE_READERS.has(opType)) [value, shape] = [shape, false];
    else if (SHAPED_BY_VALUES.has(opType)) shape ||= value;
    value ||= inner.some((graph) => reads(graph, values));
    shape ||= inner.some((graph) => reads(graph, shapes));
    for (const graph of inner) {
      const made = followGraph(graph, node, { value, shape }, following, functions, refusal);
      value ||= made.value;
      shape ||= made.shape;
    }
    if (body) {
      const own = followingIn(null);
      body.input.forEach((name, index) => {
        if (values.has(input[index] ?? "")) own.values.add(name);
        if (shapes.has(input[index] ?? "")) own.shapes.add(name);
      });
      followNodes(body.node, own, functions, refusal);
      body.output.forEach((name, index) => {
        if (own.values.has(name)) values.add(output[index] ?? "");
        if (own.shapes.has(name)) shapes.add(output[index] ?? "");
      });
      continue;
    }
    for (const name of output) {
      if (value) values.add(name);
      if (shape) shapes.add(name);
    }
  }
}

/** Follows the images through a graph inside a node, which reads the values around it too; what it carries from turn to turn follows them. */
function followGraph(
  graph: GraphProto,
  node: NodeProto,
  { value, shape }: { readonly value: boolean; readonly shape: boolean },
  outer: Following,
  functions: ReadonlyMap<string, FunctionProto>,
  refusal: Refusal,
): { value: boolean; shape: boolean } {
  const own = followingIn(outer);
  const isLoop = node.opType === "Loop";
  // A loop counts its turns and is told whether it goes on; the rest is carried.
  for (const { name } of isLoop ? graph.input.slice(2) : graph.input) {
    if (value) own.values.add(name);
    if (shape) own.shapes.add(name);
  }
  followNodes(graph.node, own, functions, refusal);
  if (isLoop && own.values.has(graph.output[0]?.name ?? "")) throw refusal(node);
  return {
    value: graph.output.some(({ name }) => own.values.has(name)),
    shape: graph.output.some(({ name }) => own.shapes.has(name)),
  };
}

/** Whether a graph, or one inside it, reads any of the values. */
function reads(graph: GraphProto, values: Names): boolean {
  for (const { input } of nodesOf(graph)) if (input.some((name) => values.has(name))) return true;
  return graph.output.some(({ name }) => values.has(name));
}

function keyOf(domain: string, name: string): string {
  return JSON.stringify([domain, name]);
}
