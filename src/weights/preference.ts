/** The words of a name such as `state_dict_ema`, `bestModel` or `module.model`, in lower case. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "");
}

const AVERAGED = new Set(["ema", "swa", "averaged", "average", "avg", "polyak", "shadow", "smoothed"]);
const BEST = new Set(["best"]);
const LAST = new Set(["last", "latest", "final", "current"]);
/** Weights that a training has left behind. */
const STALE = new Set([
  ...[
    "init",
    "initial",
    "start",
    "first",
    "pretrained",
    "previous",
    "prev",
    "old",
    "backup",
    "collected",
    "worst",
  ],
]);
/** What training scripts usually call the weights, and what wrappers put before the names. */
const USUAL = new Set([
  ...[
    "state",
    "dict",
    "statedict",
    "model",
    "models",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "parameters",
  ],
  ...["orig", "mod", "0", "1"],
]);

/** How likely weights under a name are those that are meant: the larger the number, the likelier; equal where nobody can tell. */
export function preferenceOf(name: string): number {
  const words = wordsOf(name);
  const has = (some: ReadonlySet<string>): boolean => words.some((word) => some.has(word));
  const isQualified = (word: string): boolean => AVERAGED.has(word) || BEST.has(word) || LAST.has(word);
  const usual = words.every((word) => USUAL.has(word) || isQualified(word));
  const order = has(BEST) ? 2 : has(LAST) ? 0 : 1;
  return (has(STALE) ? 0 : 100) + (isAveraged(name) ? 50 : 0) + 10 * order + (usual ? 1 : 0);
}

/** Whether a name says that the weights are the best of a training. */
export function isBest(name: string): boolean {
  return wordsOf(name).some((word) => BEST.has(word));
}

/** Whether a name says that the weights are an average over a training, as loaders that know of one take it. */
export function isAveraged(name: string): boolean {
  return wordsOf(name).some(
    (word) => AVERAGED.has(word) || /^(model|net|student)?(ema|swa)(model|net|weights|dict)?$/.test(word),
  );
}
