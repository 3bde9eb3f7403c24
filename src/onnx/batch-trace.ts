import type { GraphProto, NodeProto, ValueInfoProto } from "onnx-buf";
import { numbersOf } from "./batch-numbers.js";
import { shapeRules } from "./batch-rules.js";
import type { Numbers, Ruled, Trace, Traced } from "./batch-value.js";
import { constantsOf } from "./constants.js";

/** How often, on average, a node may be looked at again. */
const TURNS = 20;

/**
 * Follows the axis of the images through a graph of a fixed batch size. A batch of 1 hides in any shape: where a `Reshape` can be meant
 * in several ways, the likeliest is taken, and the next one where images would be mixed further on.
 *
 * @returns Null if every way mixes images.
 */
export function traceBatch(
  graph: GraphProto,
  { input, output, batch, opset }: { input: string; output: string; batch: number; opset: number },
): Trace | null {
  const noted = new Map(
    [...graph.valueInfo, ...graph.input].map((value) => [value.name, extentsOf(value)] as const),
  );
  const values = new Map<string, Traced>();
  const numbers = new Map<string, Numbers>();
  for (const { name, dims } of graph.initializer)
    values.set(name, { shape: dims.map(Number), axis: null, inner: 1 });
  for (const [name, { shape, values: all, integers }] of constantsOf(graph)) {
    values.set(name, { shape, axis: null, inner: 1 });
    if (integers && shape.length < 2)
      numbers.set(name, {
        isScalar: shape.length === 0,
        elements: all.map((value) => ({ value, follows: false })),
      });
  }
  values.set(input, { shape: [batch, ...(noted.get(input) ?? []).slice(1)], axis: 0, inner: 1 });
  const known =
    <Value>(map: ReadonlyMap<string, Value>) =>
    (value: string | undefined) =>
      value === undefined || value === "" ? undefined : map.get(value);
  const trace: Trace = { batch, opset, traced: known(values), numbers: known(numbers) };

  const record = (node: NodeProto, found: Traced | undefined): void => {
    const [first = ""] = node.output;
    // Only the parts of a split are alike.
    for (const name of node.output.slice(1)) {
      if (found && node.opType === "Split") values.set(name, found);
      else values.delete(name);
    }
    if (found) values.set(first, found);
    else if (node.opType !== "Constant") values.delete(first);
    if (node.opType === "Constant") return;
    const made = numbersOf(node, trace);
    if (made) numbers.set(first, made);
    else numbers.delete(first);
  };
  const choices: { readonly index: number; readonly left: readonly Traced[] }[] = [];
  let turns = TURNS * graph.node.length + 1;
  for (let index = 0; turns > 0; turns--) {
    const node = graph.node[index];
    const ruled = node
      ? (shapeRules[node.opType]?.(node, trace) ?? fromNotes(node, noted, trace))
      : endOf(values.get(output), batch);
    if (ruled === "mixed") {
      const choice = choices.pop();
      const again = choice && graph.node[choice.index];
      if (choice === undefined || again === undefined) return null;
      const [next, ...left] = choice.left;
      if (left.length > 0) choices.push({ index: choice.index, left });
      record(again, next);
      index = choice.index + 1;
      continue;
    }
    if (node === undefined) return trace;
    const ways: readonly Traced[] = ruled ?? [];
    const [first, ...left] = ways;
    if (left.length > 0) choices.push({ index, left });
    record(node, first);
    index++;
  }
  return null;
}

/** Of an operator without a rule, the exporter's own note is believed, with the images where they are in most values. */
function fromNotes(
  node: NodeProto,
  noted: ReadonlyMap<string, readonly number[] | null>,
  { batch, traced }: Trace,
): Ruled {
  const inputs = node.input.map(traced);
  const shape = noted.get(node.output[0] ?? "");
  if (!shape || shape[0] !== batch) return null;
  if (!inputs.some((value) => value?.axis === 0 && value.inner === 1)) return null;
  return [{ shape, axis: 0, inner: 1 }];
}

function extentsOf({ type }: ValueInfoProto): number[] | null {
  if (type?.value.case !== "tensorType" || !type.value.value.shape) return null;
  return type.value.value.shape.dim.map(({ value }) =>
    value.case === "dimValue" ? Number(value.value) : NaN,
  );
}

/** The logits are rows, one an image. */
function endOf(logits: Traced | undefined, batch: number): Ruled {
  if (!logits || Number.isNaN(logits.shape[0])) return null;
  return logits.axis === 0 && logits.inner === 1 && logits.shape[0] === batch ? null : "mixed";
}
