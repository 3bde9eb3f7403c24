import { InputError } from "../errors.js";
import type { Network } from "../graph/network.js";
import type { ParameterSpec } from "../graph/parameters.js";
import { type Dialect, ownName } from "./dialects.js";
import { quoted } from "./source-file.js";

/** All that matching needs of a tensor; its values are never read. */
export interface Shaped {
  readonly shape: readonly number[];
}

/** How tensors fit one network in one dialect. */
export interface Fit<T> {
  readonly network: Network;
  readonly dialect: Dialect;
  /** What was found, under the network's names and in its order. */
  readonly weights: ReadonlyMap<string, T>;
  readonly missing: readonly ParameterSpec[];
  /** Unknown tensors, by the names they were given under. */
  readonly extra: readonly (readonly [string, T])[];
  readonly reshaped: readonly { readonly spec: ParameterSpec; readonly found: readonly number[] }[];
  /** How many tensors are missing, unknown or of another shape. */
  readonly misses: number;
}

/** Compares tensors with what a network needs, by name and shape. */
export function fitOf<T extends Shaped>(
  network: Network,
  specs: readonly ParameterSpec[],
  dialect: Dialect,
  tensors: ReadonlyMap<string, T>,
): Fit<T> {
  const known = new Set(specs.map(({ name }) => name));
  const named = new Map<string, T>();
  const extra: (readonly [string, T])[] = [];
  for (const [name, tensor] of tensors) {
    if (dialect.unused?.test(name) === true) continue;
    const own = ownName(dialect, name);
    if (known.has(own) && !named.has(own)) named.set(own, tensor);
    else extra.push([name, tensor]);
  }
  const weights = new Map<string, T>();
  const missing: ParameterSpec[] = [];
  const reshaped: { spec: ParameterSpec; found: readonly number[] }[] = [];
  for (const spec of specs) {
    const tensor = named.get(spec.name);
    if (tensor === undefined) missing.push(spec);
    else if (sameShape(tensor.shape, spec.shape)) weights.set(spec.name, tensor);
    else reshaped.push({ spec, found: tensor.shape });
  }
  const misses = missing.length + extra.length + reshaped.length;
  return { network, dialect, weights, missing, extra, reshaped, misses };
}

const SHOWN = 3;

/** The error for tensors that do not fit: it counts them, names those first that stand out, and a near match. */
export function misfit<T extends Shaped>(
  { missing, extra, reshaped }: Pick<Fit<T>, "missing" | "extra" | "reshaped">,
  message: string,
): InputError {
  const [lacking, unknown] = culpritsFirst(missing, extra);
  return new InputError(`${message}: ${counts(missing.length, extra.length, reshaped.length)}`, {
    expected: describe(
      [
        ...reshaped.map(({ spec }) => tensorText(spec.name, spec.shape)),
        ...lacking.map(({ name, shape }) => tensorText(name, shape)),
      ],
      "no other tensors",
    ),
    found: describe(
      [
        ...reshaped.map(({ spec, found }) => tensorText(spec.name, found)),
        ...unknown.map(([name, { shape }]) => tensorText(name, shape)),
      ],
      "no such tensors",
    ),
    fix: advice(lacking, unknown),
  });
}

/** Both lists with those first that may be each other, as they have the same shape and last name. */
function culpritsFirst<Extra extends readonly [string, Shaped]>(
  missing: readonly ParameterSpec[],
  extra: readonly Extra[],
): [readonly ParameterSpec[], readonly Extra[]] {
  const kindOf = (name: string, shape: readonly number[]): string => `${lastPart(name)} ${shape.join()}`;
  const lacking = new Set(missing.map(({ name, shape }) => kindOf(name, shape)));
  const unknown = new Set(extra.map(([name, { shape }]) => kindOf(name, shape)));
  const first = <Item>(items: readonly Item[], isFirst: (item: Item) => boolean): Item[] => [
    ...items.filter(isFirst),
    ...items.filter((item) => !isFirst(item)),
  ];
  return [
    first(missing, ({ name, shape }) => unknown.has(kindOf(name, shape))),
    first(extra, ([name, { shape }]) => lacking.has(kindOf(name, shape))),
  ];
}

function counts(missing: number, extra: number, reshaped: number): string {
  return [
    ...(missing === 0 ? [] : [`${missing} missing`]),
    ...(extra === 0 ? [] : [`${extra} unknown`]),
    ...(reshaped === 0 ? [] : [`${reshaped} of another shape`]),
  ].join(", ");
}

function describe(tensors: readonly string[], none: string): string {
  if (tensors.length === 0) return none;
  const more = tensors.length > SHOWN ? `, and ${tensors.length - SHOWN} more` : "";
  return tensors.slice(0, SHOWN).join(", ") + more;
}

/** An unknown tensor with the shape and last name of a missing one is probably that one, under another name. */
function advice(missing: readonly ParameterSpec[], extra: readonly (readonly [string, Shaped])[]): string {
  for (const spec of missing) {
    const near = extra.find(
      ([name, { shape }]) => lastPart(name) === lastPart(spec.name) && sameShape(shape, spec.shape),
    );
    if (near !== undefined) {
      return `${quoted(near[0])} may be this network's ${quoted(spec.name)}: choose the variant with that name, or rename it in the file`;
    }
  }
  return "check that the network, its number of classes and its shortcut kind are those the weights were trained with";
}

function tensorText(name: string, shape: readonly number[]): string {
  return `${quoted(name)} [${shape.join(", ")}]`;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Whether two shapes are the same, axis by axis. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
