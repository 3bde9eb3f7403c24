import type { Rule, Ruled, Traced } from "./batch-value.js";
import { intAttributeOf, intsAttributeOf } from "./gradient/attributes.js";

/* Shapes and the images' axis through operators that take, drop, order or join axes. */

/** Reductions over axes, given as an attribute or as a second input. */
export const reduced: Rule = (node, { traced, numbers }) => {
  const value = traced(node.input[0]);
  if (!value) return null;
  const given =
    intsAttributeOf(node, "axes") ?? numbers(node.input[1])?.elements.map((element) => element.value);
  if (given === undefined && (node.input[1] ?? "") !== "") return null;
  if (given === undefined && intAttributeOf(node, "noop_with_empty_axes", 0) === 1) return [value];
  const axes = new Set((given ?? value.shape.map((_, axis) => axis)).map((axis) => positive(axis, value)));
  return dropped(value, axes, intAttributeOf(node, "keepdims", 1) === 1);
};

/** Takes axes away, or leaves 1 in their place. */
function dropped(value: Traced, axes: ReadonlySet<number>, keep: boolean): Ruled {
  if (value.axis !== null && axes.has(value.axis)) return "mixed";
  const shape = value.shape.flatMap((extent, axis) => (axes.has(axis) ? (keep ? [1] : []) : [extent]));
  const before = keep ? 0 : [...axes].filter((axis) => axis < (value.axis ?? 0)).length;
  return [{ ...value, shape, axis: value.axis === null ? null : value.axis - before }];
}

/** Axes of extent 1 that go. */
export const squeezed: Rule = (node, { traced, numbers }) => {
  const value = traced(node.input[0]);
  if (!value) return null;
  const given =
    intsAttributeOf(node, "axes") ?? numbers(node.input[1])?.elements.map((element) => element.value);
  if (given === undefined && (node.input[1] ?? "") !== "") return null;
  // Without axes, all that are 1: a batch of 1 stays, as any other does.
  const axes =
    given ?? value.shape.flatMap((extent, axis) => (extent === 1 && axis !== value.axis ? [axis] : []));
  return dropped(value, new Set(axes.map((axis) => positive(axis, value))), false);
};

/** Axes of extent 1 that come. */
export const unsqueezed: Rule = (node, { traced, numbers }) => {
  const value = traced(node.input[0]);
  const given =
    intsAttributeOf(node, "axes") ?? numbers(node.input[1])?.elements.map((element) => element.value);
  if (!value || !given) return null;
  const rank = value.shape.length + given.length;
  const added = new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)));
  const from = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !added.has(axis));
  const shape = Array.from({ length: rank }, (_, axis) =>
    added.has(axis) ? 1 : (value.shape[from.indexOf(axis)] ?? NaN),
  );
  return [{ ...value, shape, axis: value.axis === null ? null : (from[value.axis] ?? null) }];
};

/** Axes in another order. */
export const transposed: Rule = (node, { traced }) => {
  const value = traced(node.input[0]);
  if (!value) return null;
  const order = intsAttributeOf(node, "perm") ?? value.shape.map((_, axis) => value.shape.length - 1 - axis);
  const axis = value.axis === null ? null : order.indexOf(value.axis);
  return axis === -1 ? null : [{ ...value, shape: order.map((from) => value.shape[from] ?? NaN), axis }];
};

/** Values one after the other along an axis. */
export const joined: Rule = (node, { traced }) => {
  const values = node.input.map(traced);
  if (!values.every((value) => value !== undefined)) return null;
  const carrying = values.find((value) => value.axis !== null);
  const [first = carrying] = values;
  if (!first) return null;
  const axis = positive(intAttributeOf(node, "axis", 1), first);
  if (
    values.some(
      (value) =>
        value.axis !== null &&
        (value.axis !== carrying?.axis || value.inner !== carrying.inner || value.axis === axis),
    )
  )
    return "mixed";
  const model = carrying ?? first;
  const extent = values.reduce((total, { shape }) => total + (shape[axis] ?? NaN), 0);
  return [{ ...model, shape: model.shape.map((each, at) => (at === axis ? extent : each)) }];
};

/** A part of some axes; of the images, all. */
export const sliced: Rule = (node, trace) => {
  const value = trace.traced(node.input[0]);
  if (!value) return null;
  const list = (name: string, at: number): number[] | undefined =>
    intsAttributeOf(node, name) ?? trace.numbers(node.input[at])?.elements.map((element) => element.value);
  const [starts, ends, steps] = [list("starts", 1), list("ends", 2), list("steps", 4)];
  if (!starts || !ends || ((node.input[4] ?? "") !== "" && !steps)) return null;
  const axes = (list("axes", 3) ?? starts.map((_, at) => at)).map((axis) => positive(axis, value));
  const shape = [...value.shape];
  for (const [at, axis] of axes.entries()) {
    const extent = value.shape[axis] ?? NaN;
    const [step, start, end] = [steps?.[at] ?? 1, starts[at] ?? 0, ends[at] ?? 0];
    const clamp = (place: number): number =>
      Math.min(Math.max(place < 0 ? place + extent : place, 0), extent);
    const count = step > 0 ? Math.ceil((clamp(end) - clamp(start)) / step) : NaN;
    if (axis === value.axis && (step !== 1 || start !== 0 || count !== extent)) return "mixed";
    shape[axis] = Math.max(0, count);
  }
  return [{ ...value, shape }];
};

/** Places of one axis. */
export const gathered: Rule = (node, { traced, numbers }) => {
  const value = traced(node.input[0]);
  const picks = traced(node.input[1]);
  const shape = picks?.shape ?? (numbers(node.input[1])?.isScalar ? [] : null);
  if (!value || !shape || picks?.axis != null) return null;
  const axis = positive(intAttributeOf(node, "axis", 0), value);
  if (axis === value.axis) return "mixed";
  const after = value.axis !== null && value.axis > axis ? value.axis - 1 + shape.length : value.axis;
  return [
    {
      ...value,
      shape: [...value.shape.slice(0, axis), ...shape, ...value.shape.slice(axis + 1)],
      axis: after,
    },
  ];
};

/** An axis counted from the front. */
export function positive(axis: number, { shape }: Traced): number {
  return axis < 0 ? axis + shape.length : axis;
}
