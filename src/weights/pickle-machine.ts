import type { InputError } from "../errors.js";
import { type PickleReader, pickleReader } from "./pickle-reader.js";

/** A name in a pickle, as plain data: it stands for a function of ours, never for the one it names. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly call: (args: readonly unknown[]) => unknown,
  ) {}
}

/**
 * An object of a class that is not on the allow-list, as plain data: what it is called, what it would be made of, and what the pickle
 * puts into it. Nothing is ever called to make it.
 */
export class InertObject {
  /** What stands in it as in a dictionary, for subclasses of one. */
  readonly entries = new Map<unknown, unknown>();
  /** What stands in it as in a list. */
  readonly items: unknown[] = [];
  /** Its attributes, usually a dictionary. */
  state: unknown = null;

  constructor(
    readonly name: string,
    readonly args: readonly unknown[] = [],
  ) {}
}

/** What is allowed in the pickles of one format. */
export interface PickleRules {
  /** Called with `module.name`; what it returns runs code of ours alone. */
  readonly global: (name: string) => PickleGlobal;
  /** Called for each persistent id, PyTorch's way to name a storage. */
  readonly persistent: (id: unknown) => unknown;
  /** Makes the error for a pickle that breaks the format. */
  readonly fail: (found: string) => InputError;
}

/** The stack, marks and memo of one pickle, with the steps its opcodes are made of; each step checks its input. */
export interface PickleMachine {
  readonly read: PickleReader;
  readonly rules: PickleRules;
  readonly push: (value: unknown) => void;
  /** Pushes an integer, as a number where that is exact. */
  readonly pushInteger: (value: bigint) => void;
  readonly pop: () => unknown;
  readonly popText: () => string;
  /** The last `count` values, in the order they were pushed. */
  readonly popTuple: (count: number) => unknown[];
  readonly top: () => unknown;
  readonly atMark: () => boolean;
  readonly mark: () => void;
  /** Pops the last mark and the values since. */
  readonly popToMark: () => unknown[];
  readonly remember: (index: number) => void;
  readonly rememberNext: () => void;
  readonly recall: (index: number) => void;
  /** Calls one of our functions with a tuple and pushes the result; the call of an inert object gives another. */
  readonly call: (callee: unknown, args: unknown) => void;
  /** Gives the object on top its attributes, where it keeps any. */
  readonly build: (state: unknown) => void;
  readonly append: (list: unknown, items: readonly unknown[]) => void;
  /** Sets keys and values, which alternate in `items`. */
  readonly setItems: (dictionary: unknown, items: readonly unknown[]) => void;
}

/** Makes a machine with an empty stack and memo for the pickle that begins at `start`. */
export function pickleMachine(source: Uint8Array, start: number, rules: PickleRules): PickleMachine {
  const { fail } = rules;
  const memo = new Map<number, unknown>();
  const marked: unknown[][] = [];
  let stack: unknown[] = [];

  const need = (count: number): void => {
    if (stack.length < count) throw fail("its pickle takes a value from an empty stack");
  };
  const top = (): unknown => {
    need(1);
    return stack[stack.length - 1];
  };
  const pop = (): unknown => {
    need(1);
    return stack.pop();
  };

  return {
    read: pickleReader(source, start, fail),
    rules,
    push: (value) => void stack.push(value),
    pushInteger: (value) => {
      const number = Number(value);
      stack.push(Number.isSafeInteger(number) ? number : value);
    },
    pop,
    popText: () => {
      const value = pop();
      if (typeof value !== "string") throw fail("its pickle names a global by something other than text");
      return value;
    },
    popTuple: (count) => {
      need(count);
      return stack.splice(stack.length - count, count);
    },
    top,
    atMark: () => stack.length === 0,
    mark: () => {
      marked.push(stack);
      stack = [];
    },
    popToMark: () => {
      const below = marked.pop();
      if (below === undefined) throw fail("its pickle lacks a mark");
      const values = stack;
      stack = below;
      return values;
    },
    remember: (index) => void memo.set(index, top()),
    rememberNext: () => void memo.set(memo.size, top()),
    recall: (index) => {
      if (!memo.has(index)) throw fail("its pickle refers to a value that it did not define");
      stack.push(memo.get(index));
    },
    call: (callee, args) => {
      const isInert = callee instanceof InertObject;
      if ((!isInert && !(callee instanceof PickleGlobal)) || !Array.isArray(args))
        throw fail("its pickle calls a plain value");
      stack.push(isInert ? new InertObject(callee.name, args) : callee.call(args));
    },
    build: (state) => {
      const object = top();
      if (object instanceof InertObject) object.state = state;
    },
    append: (target, items) => {
      const list = target instanceof InertObject ? target.items : target;
      if (!Array.isArray(list)) throw fail("its pickle appends to something that is not a list");
      for (const item of items) list.push(item);
    },
    setItems: (target, items) => {
      const dictionary = target instanceof InertObject ? target.entries : target;
      if (!(dictionary instanceof Map) || items.length % 2 !== 0) {
        throw fail("its pickle fills something that is not a dictionary");
      }
      for (let index = 0; index < items.length; index += 2) dictionary.set(items[index], items[index + 1]);
    },
  };
}
