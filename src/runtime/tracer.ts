import { type Attribute, attribute, TYPES } from "./kernels.js";
import { tracedPrecision } from "./precision.js";
import type { DataType } from "./tensor.js";
import { tf, type Tensor } from "./tensorflow.js";

/*
 * Every operation of TensorFlow.js ends in its native binding. While a function is traced, a binding stands in for it that appends the
 * operation to a graph instead of running it, and answers with the shape that TensorFlow infers. So whatever is written with `tf` or
 * with `kernels.ts` can be run, or made into one TensorFlow function, without being written twice.
 */

/** What the binding tells of a tensor. */
interface Described {
  readonly id: number;
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** tfjs's binding with what `scripts/setup/tensorflow_functions.cc` adds to it. */
interface Binding {
  executeOp(name: string, attributes: readonly Attribute[], inputs: number[], outputs: number): Described[];
  tensorDataSync(id: number): ArrayBufferView;
  functionBegin(): void;
  functionInput(dtype: number, shape: readonly number[]): Described;
  functionConstant(dtype: number, shape: readonly number[], values: ArrayBufferView): Described;
  functionNode(
    name: string,
    attributes: readonly Attribute[],
    inputs: number[],
    outputs: number,
  ): Described[];
  functionDivide(parts: number, inputs: number[], times: number, repeated: number): void;
  functionEnd(name: string, inputs: number[], outputs: number[]): void;
  functionDelete(name: string): void;
}

/** What the backend keeps of a tensor's values, which tensors that are views of one another share. */
interface Data {
  /** Its handle in the binding; -1 while the values are only here. */
  readonly id: number;
  readonly shape: readonly number[];
  /** The binding's number of its type. */
  readonly dtype: number;
  /** The values, if nothing has read them yet. */
  readonly values: ArrayLike<number> | null;
}

interface Backend {
  binding: Binding;
  readonly tensorMap: { get(dataId: object): Data };
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  readonly move: (dataId: object, ...rest: unknown[]) => void;
  createOutputTensor(described: Described): Tensor;
}

const backend = (): Backend => tf.backend() as unknown as Backend;
const dataIdOf = (tensor: Tensor): object => (tensor as unknown as { readonly dataId: object }).dataId;

const TYPE_NUMBERS: Readonly<Record<DataType, number>> = {
  float32: TYPES.TF_FLOAT,
  int32: TYPES.TF_INT32,
  bool: TYPES.TF_BOOL,
};

/** Whether this installation's binding can make functions. */
export function canTrace(): boolean {
  return typeof (backend().binding as Partial<Binding>).functionBegin === "function";
}

/** Thrown where a function cannot be traced, such as one that reads a tensor's values. */
export class TraceError extends Error {}

/** The data of tensors that never change, and may be part of a function though they are not among its inputs. */
const constants = new WeakSet<object>();

/** Says of a tensor that it never changes, so that functions may have it within them. */
export function constant<T extends Tensor>(tensor: T): T {
  constants.add(dataIdOf(tensor));
  return tensor;
}

/** The data of bfloat16 tensors that functions hand to one another; tfjs, which has no such type, takes them for float32. */
const halves = new WeakSet<object>();

/** The id that stands for a value of the graph: tfjs knows -1 as none, and frees none below 0. */
const symbolOf = (value: number): number => -2 - value;

/** Which inputs are float32 also in bfloat16, by operation: statistics, scales and what batch norm keeps of them. */
const ALWAYS_FLOAT32: Readonly<Record<string, (input: number) => boolean>> = {
  FusedBatchNormV3: (input) => input > 0,
  FusedBatchNormGradV3: (input) => input > 1,
};

/** A graph that is being made by the binding, with the types of its values. */
class Graph {
  readonly #binding: Binding;
  readonly #types: number[] = [];
  /** Values in the other floating type, made once. */
  readonly #casts = new Map<number, number>();
  /** The graph's constants by the data they were made of. */
  readonly #known = new Map<object, number>();

  constructor(binding: Binding) {
    this.#binding = binding;
    binding.functionBegin();
  }

  input(dtype: number, shape: readonly number[]): number {
    return this.#noted(this.#binding.functionInput(dtype, shape)).id;
  }

  /** An operation, in the precision traced now. */
  node(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number) {
    const half = tracedPrecision() === "bfloat16" && attributes.some(isFloatType);
    const staysFloat = ALWAYS_FLOAT32[name] ?? (() => false);
    const cast = inputs.map((input, index) =>
      this.#cast(input, half && !staysFloat(index) ? TYPES.TF_BFLOAT16 : TYPES.TF_FLOAT),
    );
    const typed = half
      ? attributes.map((each) => (isFloatType(each) ? { ...each, value: TYPES.TF_BFLOAT16 } : each))
      : attributes;
    return this.#append(name, typed, cast, outputs);
  }

  /** Says that the function will run on parts of a batch, whose rows are in some of its inputs. */
  divide({ parts, rows, repeated = { times: 1, input: -1 } }: Division): void {
    refusing(() => this.#binding.functionDivide(parts, [...rows], repeated.times, repeated.input));
  }

  /** Ends the graph: from then on it is a function. What it makes are new tensors, not those it was given. */
  end(name: string, inputs: readonly number[], outputs: readonly number[]): void {
    const taken = new Set(inputs);
    const made = outputs.map((value) => {
      if (!taken.has(value)) {
        taken.add(value);
        return value;
      }
      const type = { name: "T", type: TYPES.TF_ATTR_TYPE, value: this.#types[value] as number };
      return (this.#append("Identity", [type], [value], 1)[0] as Described).id;
    });
    refusing(() => this.#binding.functionEnd(name, [...inputs], made));
  }

  /** The constant that was made of some data. */
  constant(dataId: object, { id, dtype, shape, values }: Data): number {
    const before = this.#known.get(dataId);
    if (before !== undefined) return before;
    const typed = values === null ? this.#binding.tensorDataSync(id) : typedArray(values, dtype);
    const made = this.#noted(this.#binding.functionConstant(dtype, shape, typed)).id;
    this.#known.set(dataId, made);
    return made;
  }

  #append(name: string, attributes: readonly Attribute[], inputs: number[], outputs: number): Described[] {
    const made = refusing(() => this.#binding.functionNode(name, attributes, inputs, outputs));
    return made.map((each) => this.#noted(each));
  }

  #noted(described: Described): Described {
    this.#types[described.id] = described.dtype;
    return described;
  }

  /** A floating value as the given type. */
  #cast(value: number, wanted: number): number {
    const has = this.#types[value];
    const floating = has === TYPES.TF_FLOAT || has === TYPES.TF_BFLOAT16;
    if (!floating || has === wanted) return value;
    const before = this.#casts.get(value);
    if (before !== undefined) return before;
    const types = [
      { name: "SrcT", type: TYPES.TF_ATTR_TYPE, value: has },
      { name: "DstT", type: TYPES.TF_ATTR_TYPE, value: wanted },
      attribute.boolean("Truncate", false),
    ];
    const [made] = this.#append("Cast", types, [value], 1) as [Described];
    this.#casts.set(value, made.id);
    this.#casts.set(made.id, value);
    return made.id;
  }
}

/** What the binding refuses cannot be part of a function. */
function refusing<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw new TraceError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Whether an attribute says that an operation works in float32; batch norm's `U` is the type of its statistics. */
function isFloatType({ name, type, value }: Attribute): boolean {
  return type === TYPES.TF_ATTR_TYPE && value === TYPES.TF_FLOAT && name !== "U";
}

function typedArray(values: ArrayLike<number>, dtype: number): ArrayBufferView {
  if (dtype === TYPES.TF_FLOAT) return Float32Array.from(values);
  if (dtype === TYPES.TF_INT32) return Int32Array.from(values);
  if (dtype === TYPES.TF_BOOL) return Uint8Array.from(values);
  throw new TraceError(`it has constants of TensorFlow's type ${dtype}`);
}

/** How a function whose rows do not depend on each other shares out a batch. */
export interface Division {
  /** How many parts run at once, each on one thread. */
  readonly parts: number;
  /** The inputs, by their places, whose rows the parts share out, evenly; the others go to each part whole. */
  readonly rows: ReadonlySet<number>;
  /** If given, each part runs the function so often before the parts are joined; its one output is this input of the next time. */
  readonly repeated?: { readonly times: number; readonly input: number };
}

/**
 * Traces `work` on inputs of the shapes and types of `inputs`, and registers what it does as a function of TensorFlow under `name`.
 *
 * @param work What it makes of the tensors given to it; it must not depend on anything else that changes.
 * @param division If given, `work` is traced on one part of the batch, and every output has a row for each of the part's; the function
 * is called with whole batches nevertheless, and makes such.
 * @throws {TraceError} if it reads a tensor's values, or another tensor than these and its own constants.
 */
export function traceFunction(
  name: string,
  inputs: readonly Tensor[],
  work: (inputs: Tensor[]) => readonly Tensor[],
  division?: Division,
): void {
  const engine = backend();
  const { binding, move } = engine;
  const graph = new Graph(binding);

  function valueOf(tensor: Tensor): number {
    const dataId = dataIdOf(tensor);
    const data = engine.tensorMap.get(dataId);
    if (data.id < -1) return symbolOf(data.id);
    if (constants.has(dataId)) return graph.constant(dataId, data);
    throw new TraceError("it reads a tensor that is not among its inputs");
  }

  const standIn: Partial<Binding> = {
    executeOp: (operation, attributes, values, outputs) =>
      graph
        .node(operation, attributes, values, outputs)
        .map(({ id, dtype, shape }) => ({ id: symbolOf(id), dtype: seenAs(dtype), shape })),
    tensorDataSync() {
      throw new TraceError("it reads a tensor's values");
    },
  };
  Object.assign(engine, {
    binding: Object.setPrototypeOf(standIn, binding) as Binding,
    getInputTensorIds: (tensors: readonly Tensor[]) => tensors.map(valueOf),
    // What is made from numbers while a function is traced is a constant of it.
    move(dataId: object, ...rest: unknown[]) {
      Reflect.apply(move, engine, [dataId, ...rest]);
      constants.add(dataId);
    },
  });
  try {
    tf.tidy(() => {
      const given = inputs.map((input, index) => {
        const dtype = halves.has(dataIdOf(input)) ? TYPES.TF_BFLOAT16 : TYPE_NUMBERS[input.dtype as DataType];
        const shape = division?.rows.has(index) ? rowsOfPart(input.shape, division.parts) : input.shape;
        const id = symbolOf(graph.input(dtype, shape));
        return engine.createOutputTensor({ id, dtype: seenAs(dtype), shape });
      });
      if (division) graph.divide(division);
      graph.end(name, given.map(valueOf), work(given).map(valueOf));
    });
  } finally {
    engine.binding = binding;
    Reflect.deleteProperty(engine, "getInputTensorIds");
    Reflect.deleteProperty(engine, "move");
  }
}

function rowsOfPart([rows = 0, ...others]: readonly number[], parts: number): number[] {
  if (rows % parts !== 0) throw new Error(`${rows} rows do not make ${parts} parts`);
  return [rows / parts, ...others];
}

/** The type that tfjs takes a tensor for. */
function seenAs(dtype: number): number {
  return dtype === TYPES.TF_BFLOAT16 ? TYPES.TF_FLOAT : dtype;
}

/**
 * Runs a function that was traced, on tensors of the same shapes and types; it makes `outputs` tensors.
 *
 * @param attributes What TensorFlow shall know of this call, such as that XLA compiles it.
 */
export function callFunction(
  name: string,
  inputs: readonly Tensor[],
  outputs: number,
  attributes: readonly Attribute[] = [],
): Tensor[] {
  const engine = backend();
  const made = engine.binding.executeOp(name, attributes, engine.getInputTensorIds(inputs), outputs);
  return made.map((each) => {
    const tensor = engine.createOutputTensor({ ...each, dtype: seenAs(each.dtype) });
    if (each.dtype === TYPES.TF_BFLOAT16) halves.add(dataIdOf(tensor));
    return tensor;
  });
}

/** Whether a tensor is bfloat16, made by one function for another. */
export function isHalf(tensor: Tensor): boolean {
  return halves.has(dataIdOf(tensor));
}

/** Forgets a function. */
export function deleteFunction(name: string): void {
  backend().binding.functionDelete(name);
}
