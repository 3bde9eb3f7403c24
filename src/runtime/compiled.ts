import { canTrace, callFunction, deleteFunction, isHalf, TraceError, traceFunction } from "./tracer.js";
import { attribute } from "./kernels.js";
import type { Tensor } from "./tensorflow.js";

/** Tensors by name, such as a network's parameters. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** The tensors of two sets, which have no name in common. */
export function together(one: NamedTensors, other: NamedTensors): Map<string, Tensor> {
  const both = new Map(one);
  for (const [name, tensor] of other) both.set(name, tensor);
  return both;
}

/** A function of TensorFlow that was traced. */
interface Compiled {
  readonly name: string;
  /** The names of what it makes. */
  readonly outputs: readonly string[];
}

/** A work with inputs of certain shapes. */
interface Entry {
  readonly key: string;
  readonly shapes: readonly (readonly number[])[];
  readonly types: readonly string[];
  /** How often it was asked for. */
  asked: number;
  /** When it was asked for last, by the calls of all. */
  last: number;
  /** Its function, null if it has none, undefined if that was not tried. */
  function?: Compiled | null;
}

/** Limits the functions that are kept for each owner, as each takes some megabytes; the longest unused goes first. */
const MOST_FUNCTIONS = 24;

const entries = new WeakMap<object, Entry[]>();
let calls = 0;
let count = 0;
let refusal: string | null = null;

/** How a work is compiled. */
export interface CompileOptions {
  /** How often it runs operation by operation before it is compiled for inputs of such shapes; 0 by default. */
  readonly after?: number;
  /** If given, the rows of a batch do not depend on each other, and the function works on parts of them at once. */
  readonly division?: BatchDivision;
  /** How often the work is done, each time on what the time before made, in place of the input of that name; once by default. */
  readonly repeated?: Repetition;
}

/** How a work is repeated that makes one tensor, of the name, shape and type of one of its inputs. */
export interface Repetition {
  readonly times: number;
  readonly input: string;
}

/** How a batch is shared out. */
export interface BatchDivision {
  readonly parts: number;
  /** The names of the inputs that have a row for each image, as all that is made has; their number divides by `parts`. */
  readonly rows: Iterable<string>;
}

/**
 * Runs `work` on tensors as one function of TensorFlow, traced when it is first wanted for inputs of these shapes and kept from then on;
 * where that is not possible, `work` runs operation by operation.
 *
 * @param owner What the function is about, such as a network; it is kept with it.
 * @param key What it is among the functions of its owner: whatever decides what `work` does, but for the inputs.
 * @param work Makes new tensors of the given ones, and of nothing else that changes; it frees none of them.
 * @returns What `work` returns; the caller owns the tensors.
 */
export function compiled(
  owner: object,
  key: string,
  inputs: NamedTensors,
  work: (inputs: NamedTensors) => NamedTensors,
  { after = 0, division, repeated = ONCE }: CompileOptions = {},
): NamedTensors {
  if (!isCompiling()) return repeat(inputs, work, repeated);
  let owned = entries.get(owner);
  if (!owned) entries.set(owner, (owned = []));
  const tensors = [...inputs.values()];
  const entry = entryOf(owned, key, tensors);
  entry.last = ++calls;
  if (entry.asked++ < after) return repeat(inputs, work, repeated);
  if (entry.function === undefined) entry.function = trace(inputs, work, repeated, division);
  if (entry.function === null) return repeat(inputs, work, repeated);
  const { name, outputs } = entry.function;
  const call = (given: NamedTensors): NamedTensors => {
    const made = callFunction(name, [...given.values()], outputs.length, usesXla() ? [BY_XLA] : []);
    return new Map(outputs.map((output, index) => [output, made[index] as Tensor]));
  };
  // Parts repeat by themselves, so that none waits for another.
  return division ? call(inputs) : repeat(inputs, call, repeated);
}

const ONCE: Repetition = { times: 1, input: "" };

function repeat(
  inputs: NamedTensors,
  work: (inputs: NamedTensors) => NamedTensors,
  { times, input }: Repetition,
): NamedTensors {
  let made = work(inputs);
  if (times > 1 && made.size !== 1) throw new Error("a work that is repeated makes one tensor");
  for (let time = 1; time < times; time++) {
    const before = made.get(input) as Tensor;
    made = work(new Map(inputs).set(input, before));
    before.dispose();
  }
  return made;
}

/** Whether passes are compiled: `MTARD_COMPILE=0` turns it off, and set-up's binding must know functions. */
export function isCompiling(): boolean {
  return process.env["MTARD_COMPILE"] !== "0" && canTrace();
}

const BY_XLA = attribute.boolean("_XlaMustCompile", true);

/** Whether compiled passes go through XLA (`MTARD_XLA=1`), which makes kernels of its own for each; it is meant for GPUs. */
export function usesXla(): boolean {
  return process.env["MTARD_XLA"] === "1" && isCompiling();
}

/** Why something could not be compiled in this process, if anything could not. */
export function compileRefusal(): string | null {
  return refusal;
}

function trace(
  inputs: NamedTensors,
  work: (inputs: NamedTensors) => NamedTensors,
  repeated: Repetition,
  division?: BatchDivision,
): Compiled | null {
  const name = `mtard_${count++}`;
  const names = [...inputs.keys()];
  let outputs: readonly string[] = [];
  function traced(given: Tensor[]): Tensor[] {
    const made = work(new Map(names.map((each, index) => [each, given[index] as Tensor])));
    outputs = [...made.keys()];
    return [...made.values()];
  }
  try {
    const divided = division && {
      parts: division.parts,
      rows: new Set(Array.from(division.rows, (row) => names.indexOf(row))),
      ...(repeated.times > 1 && {
        repeated: { times: repeated.times, input: names.indexOf(repeated.input) },
      }),
    };
    traceFunction(name, [...inputs.values()], traced, divided);
    return { name, outputs };
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    refusal = error.message;
    return null;
  }
}

/** What is known of a work with inputs of these shapes. It is looked for without making anything, as it is looked for at every pass. */
function entryOf(owned: Entry[], key: string, inputs: readonly Tensor[]): Entry {
  const known = owned.find(
    ({ key: other, shapes, types }) =>
      other === key &&
      shapes.length === inputs.length &&
      inputs.every((input, index) => typeOf(input) === types[index] && isShape(input, shapes[index] ?? [])),
  );
  if (known) return known;
  if (owned.length >= MOST_FUNCTIONS) forgetOldest(owned);
  const made = {
    key,
    shapes: inputs.map(({ shape }) => [...shape]),
    types: inputs.map(typeOf),
    asked: 0,
    last: 0,
  };
  owned.push(made);
  return made;
}

function typeOf(tensor: Tensor): string {
  return isHalf(tensor) ? "bfloat16" : tensor.dtype;
}

function isShape({ shape }: Tensor, expected: readonly number[]): boolean {
  return shape.length === expected.length && shape.every((extent, axis) => extent === expected[axis]);
}

/** Frees the functions of an owner that is used no more; used again, it has them made anew. */
export function forgetCompiled(owner: object): void {
  for (const { function: made } of entries.get(owner) ?? []) if (made) deleteFunction(made.name);
  entries.delete(owner);
}

function forgetOldest(owned: Entry[]): void {
  const oldest = owned.reduce((one, other) => (other.last < one.last ? other : one));
  owned.splice(owned.indexOf(oldest), 1);
  if (oldest.function) deleteFunction(oldest.function.name);
}
