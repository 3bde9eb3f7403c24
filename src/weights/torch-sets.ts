import { isFloat } from "./dtype.js";
import { InertObject } from "./pickle-machine.js";
import { TorchTensor } from "./torch-tensor.js";

/** A dictionary with floating-point tensors in it, wherever it stands in a checkpoint. */
export interface TorchSet {
  /** The keys that lead to it, joined by dots; "" for the file's own. */
  readonly key: string;
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Its keys that hold something else, or tensors of another type. */
  readonly leftOut: readonly string[];
}

/** A list of tensors: weights whose names only the program knows that wrote them. */
export interface UnnamedTensors {
  readonly key: string;
  readonly shapes: readonly (readonly number[])[];
}

/** What {@link findTorchSets} found, in the order of the file. */
export interface TorchSets {
  readonly sets: readonly TorchSet[];
  readonly unnamed: readonly UnnamedTensors[];
}

/** Deeper than any program nests what it saves. */
const MAXIMUM_DEPTH = 8;
/** Containers looked into, and sets taken: far more than any checkpoint has. */
const MAXIMUM_CONTAINERS = 100_000;
const MAXIMUM_SETS = 256;
const MAXIMUM_MODULES = 20_000;
/** The longest name of a module inside modules. */
const MAXIMUM_NAME = 1000;

/** What optimisers and schedules keep is named by numbers, and is never weights. */
const KEPT_BY_OPTIMIZERS = /optim|sched/i;

interface Place {
  readonly value: unknown;
  readonly keys: readonly string[];
}

/**
 * Finds all dictionaries of tensors in what a checkpoint holds: in dictionaries, lists and inert objects, whole modules included, which
 * are read as their `state_dict` would be.
 */
export function findTorchSets(root: unknown): TorchSets {
  const sets: TorchSet[] = [];
  const unnamed: UnnamedTensors[] = [];
  const seen = new Map<unknown, TorchSet | null>();
  const modules = { left: MAXIMUM_MODULES };
  const waiting: Place[] = [{ value: root, keys: [] }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { value, keys } = place;
    if (seen.size >= MAXIMUM_CONTAINERS || sets.length >= MAXIMUM_SETS) break;
    const key = keys.join(".");
    const known = seen.get(value);
    // One dictionary under two keys can be asked for by either.
    if (known) sets.push({ ...known, key });
    if (known !== undefined) continue;
    seen.set(value, null);
    const members = isModule(value) ? moduleTensors(value, modules) : membersOf(value);
    if (members === null) continue;
    if (Array.isArray(value)) {
      const tensors = value.filter((item): item is TorchTensor => item instanceof TorchTensor);
      if (tensors.length > 1) unnamed.push({ key, shapes: tensors.map(({ shape }) => shape) });
    } else {
      const set = setOf(key, members);
      if (set.tensors.size > 0) {
        sets.push(set);
        seen.set(value, set);
      }
    }
    if (keys.length >= MAXIMUM_DEPTH || isModule(value)) continue;
    const inner = members.filter(([name]) => !KEPT_BY_OPTIMIZERS.test(name));
    for (const [name, child] of inner.reverse()) waiting.push({ value: child, keys: [...keys, name] });
  }
  return { sets, unnamed };
}

function setOf(key: string, members: readonly (readonly [string, unknown])[]): TorchSet {
  const tensors = new Map<string, TorchTensor>();
  const leftOut: string[] = [];
  for (const [name, value] of members) {
    if (value instanceof TorchTensor && isFloat(value.storage.dtype)) tensors.set(name, value);
    else leftOut.push(name);
  }
  return { key, tensors, leftOut };
}

/** What stands in a container, by key or position; null if it is none. Keys that are neither text nor whole numbers are passed over. */
function membersOf(value: unknown): (readonly [string, unknown])[] | null {
  if (value instanceof InertObject)
    return [value.entries, value.items, value.args, value.state].flatMap((part) =>
      part instanceof InertObject ? [] : (membersOf(part) ?? []),
    );
  if (Array.isArray(value))
    return value.slice(0, MAXIMUM_CONTAINERS).map((item: unknown, index) => [String(index), item] as const);
  if (!(value instanceof Map)) return null;
  return [...(value as ReadonlyMap<unknown, unknown>)].flatMap(([key, item]) =>
    typeof key === "string" || Number.isSafeInteger(key) ? [[String(key), item] as const] : [],
  );
}

/** The attributes of a whole module that was pickled, as PyTorch's `Module` has them. */
function attributesOf(value: unknown): ReadonlyMap<unknown, unknown> | null {
  return value instanceof InertObject &&
    value.state instanceof Map &&
    value.state.get("_modules") instanceof Map
    ? value.state
    : null;
}

function isModule(value: unknown): boolean {
  return attributesOf(value) !== null;
}

/** The tensors of a module and of those inside it, under the names of its `state_dict`; tensors that are plain attributes as well. */
function moduleTensors(root: unknown, modules: { left: number }): (readonly [string, unknown])[] {
  const found: (readonly [string, unknown])[] = [];
  const waiting: { value: unknown; prefix: string }[] = [{ value: root, prefix: "" }];
  for (let next = waiting.pop(); next !== undefined && modules.left > 0; next = waiting.pop()) {
    const { value, prefix } = next;
    const attributes = attributesOf(value);
    modules.left--;
    if (attributes === null || prefix.length > MAXIMUM_NAME) continue;
    const named = [attributes.get("_parameters"), attributes.get("_buffers"), attributes];
    for (const part of named.filter((each) => each instanceof Map))
      for (const [name, tensor] of part as ReadonlyMap<unknown, unknown>)
        if (typeof name === "string" && tensor instanceof TorchTensor) found.push([prefix + name, tensor]);
    const inner = [...(attributes.get("_modules") as ReadonlyMap<unknown, unknown>)];
    for (const [name, child] of inner.reverse())
      if (typeof name === "string") waiting.push({ value: child, prefix: `${prefix}${name}.` });
  }
  return found;
}
