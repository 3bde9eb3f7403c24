import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
import { intAttributeOf, intsAttributeOf } from "./gradient/attributes.js";
import { type BatchEditor, batchEditor } from "./batch-editor.js";
import { traceBatch } from "./batch-trace.js";
import type { Trace } from "./batch-value.js";
import { intsAttribute } from "./build.js";
import { constantsOf, type GraphConstant } from "./constants.js";

/** What is known of a graph whose batch is to be freed. */
export interface BatchRequest {
  readonly input: string;
  readonly output: string;
  /** The size the model is fixed at; null where its input is free. */
  readonly batch: number | null;
  readonly opset: number;
}

/** The end of a slice that goes to the end, whatever the extent. */
const TO_THE_END = 2n ** 63n - 1n;

/**
 * Makes a graph take any batch size, in place: shapes and constants into which an exporter wrote the batch size follow the images
 * instead. Only nodes that depend on the images are changed. A batch size fixed anywhere else shows up when the model is run.
 *
 * @returns Whether anything was changed.
 */
export function freeBatch(graph: GraphProto, request: BatchRequest): boolean {
  const { input, batch } = request;
  const trace = traceOf(graph, request);
  const dependent = new Set([input]);
  const editor = batchEditor(graph, input);
  const constants = constantsOf(graph);
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const makers = new Map(graph.node.flatMap((each) => each.output.map((name) => [name, each.opType])));
  const isRepeated = (name: string, axis: number): boolean =>
    REPEATING.has(makers.get(name) ?? "") || rowsAlike(tensors.get(name), constants.get(name), axis);
  for (const each of graph.node) {
    if (!each.input.some((name) => dependent.has(name))) continue;
    for (const name of each.output) dependent.add(name);
    const [data = ""] = each.input;
    if (each.opType === "Reshape" && dependent.has(data)) {
      if (!freeReshape(each, trace, editor) && batch !== null) guessReshape(each, batch, constants, editor);
    } else if (trace) {
      edits[each.opType]?.(each, trace, editor, batch === null);
      if (BROADCASTING.has(each.opType)) repeatConstants(each, trace, editor, dependent, isRepeated);
    }
  }
  return editor.finish();
}

/** Traces a graph; of one whose input is free, as the batch size that its shapes were exported with. */
function traceOf(graph: GraphProto, { batch, ...request }: BatchRequest): Trace | null {
  const trace = traceBatch(graph, { ...request, batch: batch ?? 1 });
  if (batch !== null || trace === null) return trace;
  for (const { opType, input } of graph.node) {
    const wanted = opType === "Reshape" ? trace.numbers(input[1])?.elements : undefined;
    if (!wanted || wanted.some(({ value, follows }) => value < 1 || follows)) continue;
    const product = (extents: readonly number[]): number =>
      extents.reduce((total, extent) => total * extent, 1);
    const times = product(wanted.map(({ value }) => value)) / product(trace.traced(input[0])?.shape ?? [NaN]);
    if (times > 1 && times % 1 === 0) return traceBatch(graph, { ...request, batch: times });
  }
  return trace;
}

/** Lets the images' place in a shape be "the rest"; false where it is not known. */
function freeReshape(each: NodeProto, trace: Trace | null, editor: BatchEditor): boolean {
  const value = trace?.traced(each.input[0]);
  const made = trace?.traced(each.output[0]);
  const elements = trace?.numbers(each.input[1])?.elements;
  if (!value || !made || value.axis === null || made.axis === null || !elements) return false;
  const copies = intAttributeOf(each, "allowzero", 0) === 0;
  const { axis } = made;
  const own = elements[axis];
  const isCopy = own?.value === 0 && copies && value.axis === axis;
  if (own === undefined || own.follows || own.value === -1 || isCopy) return true;
  const freed = elements.map(({ value: extent }, at) => {
    if (at === axis) return -1;
    return extent === -1 ? (made.shape[at] ?? NaN) : extent;
  });
  // Where the rest is not known, the images are as many as before.
  const rest = elements.findIndex((_, at) => Number.isNaN(freed[at]));
  if (rest >= 0 && (axis !== value.axis || made.inner !== value.inner)) return false;
  if (rest >= 0) [freed[rest], freed[axis]] = [-1, 0];
  // With 0 allowed, the shape would be empty.
  if (freed.includes(0)) each.attribute = each.attribute.filter(({ name }) => name !== "allowzero");
  each.input[1] = editor.row(freed);
  return true;
}

/** Without a trace: a shape that begins with the batch size is taken to mean it. */
function guessReshape(
  each: NodeProto,
  batch: number,
  constants: ReadonlyMap<string, GraphConstant>,
  editor: BatchEditor,
): void {
  const shape = constants.get(each.input[1] ?? "")?.values;
  if (shape?.[0] !== batch) return;
  const first = shape.includes(-1) ? 0 : -1;
  if (first === 0) each.attribute = each.attribute.filter(({ name }) => name !== "allowzero");
  each.input[1] = editor.row([first, ...shape.slice(1)]);
}

/** Operators whose output repeats one row. */
const REPEATING: ReadonlySet<string> = new Set(["ConstantOfShape", "Expand", "Tile"]);

/** Whether a constant has the same numbers in each row along an axis. */
function rowsAlike(
  tensor: TensorProto | undefined,
  constant: GraphConstant | undefined,
  axis: number,
): boolean {
  const shape = constant?.shape ?? tensor?.dims.map(Number) ?? [];
  const after = shape.slice(axis + 1).reduce((total, extent) => total * extent, 1);
  const rows = shape[axis] ?? 0;
  if (rows === 1) return true;
  if (constant) {
    const { values } = constant;
    return values.every((value, at) => Math.floor(at / after) % rows === 0 || value === values[at - after]);
  }
  if (!tensor || tensor.rawData.length === 0 || axis !== 0) return false;
  const bytes = Buffer.from(tensor.rawData);
  const width = bytes.length / rows;
  return Array.from({ length: rows }, (_, row) => row).every((row) =>
    bytes.subarray(row * width, (row + 1) * width).equals(bytes.subarray(0, width)),
  );
}

/** Lets a constant that is joined with the images, or added to them, have one row for each of them, as a class token has. */
function repeatConstants(
  each: NodeProto,
  { traced, batch }: Trace,
  editor: BatchEditor,
  dependent: ReadonlySet<string>,
  isRepeated: (name: string, axis: number) => boolean,
): void {
  const made = traced(each.output[0]);
  if (made?.axis == null || made.inner !== 1) return;
  const isJoined = each.opType === "Concat";
  for (const [at, name] of each.input.entries()) {
    const value = traced(name);
    if (!value || value.axis !== null || dependent.has(name)) continue;
    const axis = made.axis - made.shape.length + value.shape.length;
    // What has one row is broadcast, except where values are joined.
    if (axis < 0 || value.shape[axis] !== batch || (batch === 1 && !isJoined) || !isRepeated(name, axis))
      continue;
    const row = batch === 1 ? name : editor.before(each, "Gather", [name, editor.row([0])], axis);
    const ones = (count: number): number[] => Array<number>(count).fill(1);
    each.input[at] = isJoined
      ? editor.before(each, "Expand", [row, editor.sizes(ones(axis), ones(value.shape.length - axis - 1))])
      : row;
  }
}

/** Operators whose inputs must have as many rows as there are images, or one. */
const BROADCASTING: ReadonlySet<string> = new Set([
  ...["Add", "Concat", "Div", "MatMul", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum", "Where"],
]);

type Edit = (node: NodeProto, trace: Trace, editor: BatchEditor, isFree: boolean) => void;

const edits: Readonly<Partial<Record<string, Edit>>> = {
  Expand(each, { traced, numbers }, editor) {
    const value = traced(each.input[0]);
    const elements = numbers(each.input[1])?.elements;
    if (!value || value.axis === null || !elements) return;
    const at = value.axis + elements.length - value.shape.length;
    const element = elements[at];
    if (element === undefined || element.follows || element.value === 1) return;
    each.input[1] = editor.row(elements.map((one, axis) => (axis === at ? 1 : one.value)));
  },
  Squeeze(each, { traced, opset }, editor) {
    const value = traced(each.input[0]);
    if (value?.axis == null || each.input.length > 1 || intsAttributeOf(each, "axes") !== null) return;
    // Without axes, a batch of 1 would be taken away.
    const axes = value.shape.flatMap((extent, axis) => (extent === 1 && axis !== value.axis ? [axis] : []));
    if (opset < 13) each.attribute.push(intsAttribute("axes", axes));
    else each.input.push(editor.row(axes));
    editor.change();
  },
  Resize(each, { traced, numbers }, editor) {
    const value = traced(each.input[0]);
    const elements = numbers(each.input[3])?.elements;
    if (value?.axis == null || !elements || elements.length !== value.shape.length) return;
    if (elements[value.axis]?.follows !== false) return;
    const extents = elements.map((one) => one.value);
    const scales = extents.map((extent, axis) =>
      axis === value.axis ? 1 : Math.fround(extent / (value.shape[axis] ?? NaN)),
    );
    // Scales say the same where no rounding comes between; they do not depend on the images.
    const isSame = scales.every(
      (scale, axis) =>
        axis === value.axis || Math.floor(Math.fround((value.shape[axis] ?? NaN) * scale)) === extents[axis],
    );
    const [data = "", region = ""] = each.input;
    each.input = isSame
      ? [data, region, editor.floats(scales)]
      : [data, region, "", editor.sizes(extents.slice(0, value.axis), extents.slice(value.axis + 1))];
  },
  Slice(each, { traced, numbers, batch }, editor, isFree) {
    const value = traced(each.input[0]);
    if (isFree || value?.axis == null) return;
    const isImages = (axis: number): boolean => (axis < 0 ? axis + value.shape.length : axis) === value.axis;
    const attribute = each.attribute.find(({ name }) => name === "ends");
    const ends = attribute?.ints.map(Number) ?? numbers(each.input[2])?.elements.map((one) => one.value);
    if (!ends) return;
    const axes =
      intsAttributeOf(each, "axes") ??
      numbers(each.input[3])?.elements.map((one) => one.value) ??
      ends.map((_, at) => at);
    const at = axes.findIndex(isImages);
    if (ends[at] !== batch * value.inner) return;
    const freed = ends.map((end, place) => (place === at ? TO_THE_END : BigInt(end)));
    if (attribute) attribute.ints = freed;
    else each.input[2] = editor.row(freed);
    editor.change();
  },
};
