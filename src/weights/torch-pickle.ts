import { InputError } from "../errors.js";
import { elementSizes, type DType } from "./dtype.js";
import { InertObject, PickleGlobal, type PickleRules } from "./pickle-machine.js";
import { damagedFile, quoted } from "./source-file.js";
import { TorchStorage, type TorchTensor, viewStorage } from "./torch-tensor.js";

const storageTypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.DoubleStorage", "float64"],
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
  ["torch.storage.UntypedStorage", "uint8"],
]);

/**
 * What only a file made to do harm names. Nothing would be run either: such a file is refused because whoever sent it should be
 * known for it, and because PyTorch might run it.
 */
const hostileNames: readonly RegExp[] = [
  /^(os|posix|nt|subprocess|sys|shutil|socket|runpy|pty|importlib|imp|ctypes|code|commands|webbrowser|urllib|timeit|pdb|cProfile)\./,
  /^(pickle|_pickle|cPickle|marshal)\./,
  /^(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|input|breakpoint|globals|apply)$/,
  /^torch\.(load|hub\..*|jit\.load|serialization\.load|storage\._load_from_bytes)$/,
  /(^|\.)__(globals|builtins|subclasses|code|import|getattribute|proto)__(\.|$)/,
];

/** More pairs than any checkpoint hands to `OrderedDict(...)`; without a limit, a list could be copied again and again. */
const MAXIMUM_COPIED_PAIRS = 1_000_000;

/** The rules for one PyTorch file, and the storages its pickle has named so far. */
export interface TorchRules extends PickleRules {
  readonly storages: ReadonlyMap<string, TorchStorage>;
}

/**
 * The allow-list of PyTorch checkpoints: dictionaries, lists, and tensors over storages. Every other class or function that a file names
 * becomes an inert object, and so does what it would be called with: nothing a file names is ever run.
 *
 * @throws {InputError} from its functions, for a name that only a file made to do harm has, which the error quotes.
 */
export function torchRules(path: string): TorchRules {
  const fail = (found: string): InputError => damagedFile(path, found);
  const storages = new Map<string, TorchStorage>();
  let copiedPairs = 0;

  const dictionary = ([pairs]: readonly unknown[]): Map<unknown, unknown> => {
    if (pairs instanceof Map) return pairs;
    const map = new Map<unknown, unknown>();
    if (pairs === undefined) return map;
    if (!Array.isArray(pairs)) throw fail("its pickle makes a dictionary from something that is not a list");
    copiedPairs += pairs.length;
    if (copiedPairs > MAXIMUM_COPIED_PAIRS) throw fail("its pickle makes dictionaries out of too many pairs");
    for (const pair of pairs as readonly unknown[]) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw fail("its pickle has a dictionary entry without a value");
      map.set(pair[0], pair[1]);
    }
    return map;
  };
  /** A subclass of a tensor: how a plain one is made, the subclass, and what from. */
  const rebuilt = ([make, , args]: readonly unknown[]): unknown =>
    make instanceof PickleGlobal && make.name.startsWith("torch._utils._rebuild_") && Array.isArray(args)
      ? make.call(args)
      : new InertObject("torch._tensor._rebuild_from_type_v2");
  const tensor = ([storage, offset, shape, strides]: readonly unknown[]): TorchTensor => {
    if (!(storage instanceof TorchStorage)) throw fail("its pickle has a tensor without a storage");
    return viewStorage(storage, offset, shape, strides, fail);
  };
  const list = ([items]: readonly unknown[]): unknown => (Array.isArray(items) ? items : []);
  const functions: ReadonlyMap<string, PickleGlobal["call"]> = new Map<string, PickleGlobal["call"]>([
    ["collections.OrderedDict", dictionary],
    ["collections.Counter", dictionary],
    // What makes its missing values is not asked for any.
    ["collections.defaultdict", () => new Map()],
    ["collections.deque", list],
    ["torch._utils._rebuild_tensor", tensor],
    ["torch._utils._rebuild_tensor_v2", tensor],
    ["torch._utils._rebuild_parameter", ([data]) => data],
    ["torch._utils._rebuild_parameter_with_state", ([data]) => data],
    ["torch._tensor._rebuild_from_type_v2", rebuilt],
    ["torch.Size", ([extents]) => extents],
  ]);

  return {
    fail,
    storages,
    global: (name) => {
      if (hostileNames.some((pattern) => pattern.test(name))) throw refusedGlobal(path, name);
      const call = functions.get(name);
      if (call !== undefined) return new PickleGlobal(name, call);
      if (!storageTypes.has(name)) return new PickleGlobal(name, (args) => new InertObject(name, args));
      return new PickleGlobal(name, () => {
        throw fail("its pickle makes a storage without data");
      });
    },
    persistent: (id) => {
      // A module's class with its source, as PyTorch before 1.6 kept it.
      if (Array.isArray(id) && id[0] === "module" && id[1] instanceof PickleGlobal) return id[1];
      const storage = namedStorage(id, fail);
      const known = storages.get(storage.key);
      if (known !== undefined && (known.dtype !== storage.dtype || known.total !== storage.total)) {
        throw fail(`storage ${quoted(storage.key)} has two types or two sizes`);
      }
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

/** The storage of a persistent id: `("storage", type, key, location, elements)`, old files add `(view key, offset, elements)`. */
function namedStorage(id: unknown, fail: PickleRules["fail"]): TorchStorage {
  if (!Array.isArray(id)) throw fail("its pickle has a persistent id that is not a tuple");
  const [kind, type, key, , total, view] = id as readonly unknown[];
  const dtype = type instanceof PickleGlobal ? storageTypes.get(type.name) : undefined;
  if (kind !== "storage" || dtype === undefined || typeof key !== "string") {
    throw fail("its pickle has a persistent id that names no storage");
  }
  if (!isExtent(total) || total * elementSizes[dtype] > Number.MAX_SAFE_INTEGER) {
    throw fail(`storage ${quoted(key)} has no valid size`);
  }
  if (view === undefined || view === null) return new TorchStorage(key, dtype, total, 0, total);
  const [, start, length] = Array.isArray(view) ? (view as readonly unknown[]) : [];
  if (!isExtent(start) || !isExtent(length) || start + length > total) {
    throw fail(`storage ${quoted(key)} has a view outside itself`);
  }
  return new TorchStorage(key, dtype, total, start, length);
}

function isExtent(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function refusedGlobal(path: string, name: string): InputError {
  return new InputError(`${path} asks for ${quoted(name).slice(1, -1)}, which mtard never runs`, {
    expected: "a PyTorch file of tensors, numbers and text",
    found: "a pickle that names what only programs made to do harm do",
    fix: "use a file whose source you trust, saved with torch.save(model.state_dict(), FILE)",
  });
}
