import { canTrace, callFunction, deleteFunction, isHalf, TraceError, traceFunction } from "./tracer.js";
import type { Tensor } from "./tensorflow.js";

/** Tensors by name, such as a network's parameters. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** A function of TensorFlow that was traced. */
interface Compiled {
  readonly name: string;
  /** The names of what it makes. */
  readonly outputs: readonly string[];
}

/** What is known of a work with inputs of certain shapes: its function, or how often it ran without one, or that it has none. */
type Known = Compiled | number | null;

/** Limits the functions that are kept for each owner; the longest unused goes first. */
const MOST_FUNCTIONS = 64;

const functions = new WeakMap<object, Map<string, Known>>();
let count = 0;
let refusal: string | null = null;

/** How a work is compiled. */
export interface CompileOptions {
  /** How often it runs operation by operation before it is compiled for inputs of such shapes; 0 by default. */
  readonly after?: number;
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
  { after = 0 }: CompileOptions = {},
): NamedTensors {
  if (!isCompiling()) return work(inputs);
  let owned = functions.get(owner);
  if (!owned) functions.set(owner, (owned = new Map()));
  const tensors = [...inputs.values()];
  const shaped = [key, ...tensors.map(shapeText)].join(" ");
  let known: Known = owned.has(shaped) ? (owned.get(shaped) ?? null) : 0;
  if (typeof known === "number") known = known < after ? known + 1 : trace(inputs, work);
  // What was used last is last.
  owned.delete(shaped);
  owned.set(shaped, known);
  forgetOldest(owned);
  if (known === null || typeof known === "number") return work(inputs);
  const made = callFunction(known.name, tensors, known.outputs.length);
  return new Map(known.outputs.map((name, index) => [name, made[index] as Tensor]));
}

/** Whether passes are compiled: `MTARD_COMPILE=0` turns it off, and set-up's binding must know functions. */
export function isCompiling(): boolean {
  return process.env["MTARD_COMPILE"] !== "0" && canTrace();
}

/** Why something could not be compiled in this process, if anything could not. */
export function compileRefusal(): string | null {
  return refusal;
}

function trace(inputs: NamedTensors, work: (inputs: NamedTensors) => NamedTensors): Compiled | null {
  const name = `mtard_${count++}`;
  const names = [...inputs.keys()];
  let outputs: readonly string[] = [];
  try {
    traceFunction(name, [...inputs.values()], (given) => {
      const made = work(new Map(names.map((each, index) => [each, given[index] as Tensor])));
      outputs = [...made.keys()];
      return [...made.values()];
    });
    return { name, outputs };
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    refusal = error.message;
    return null;
  }
}

function shapeText(tensor: Tensor): string {
  return `${isHalf(tensor) ? "bfloat16" : tensor.dtype}[${tensor.shape.join()}]`;
}

function forgetOldest(owned: Map<string, Known>): void {
  for (const [key, known] of owned) {
    if (owned.size <= MOST_FUNCTIONS) return;
    if (known !== null && typeof known !== "number") deleteFunction(known.name);
    owned.delete(key);
  }
}
