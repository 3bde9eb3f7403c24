import { textAttribute } from "../build.js";
import { textAttributeOf } from "./attributes.js";
import type { GradientGraph, OperatorGradient, Shape, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/** One value in an equation: a letter for each of its axes. */
interface Term {
  readonly letters: readonly string[];
  readonly value: string;
  readonly shape: Shape;
}

interface Equation {
  readonly terms: readonly Term[];
  readonly output: readonly string[];
}

/**
 * The gradient of one operand: the same sum of products, with the output's gradient in the place of the operand. Axes that the operand
 * alone has were summed over, so its gradient is repeated along them; axes of extent 1 were repeated, so it is summed over them.
 */
function einsum(step: Step): string {
  const { graph, node, input, gradient } = step;
  const { terms, output } = distinct(step, parse(step));
  const own = terms[input];
  if (own === undefined) throw new Error("an operand without a term");
  const others = terms.filter((term) => term !== own);
  const full = new Map<string, number | null>();
  for (const { letters, shape } of terms)
    for (const [axis, letter] of letters.entries()) {
      const extent = shape[axis] ?? null;
      if (!full.has(letter) || full.get(letter) === 1) full.set(letter, extent);
    }
  const repeated = (axis: number): boolean =>
    own.shape[axis] === 1 && full.get(own.letters[axis] ?? "") !== 1;
  const elsewhere = new Set([...output, ...others.flatMap(({ letters }) => letters)]);
  const made = own.letters.filter((letter, axis) => elsewhere.has(letter) && !repeated(axis));
  const left = [output, ...others.map(({ letters }) => letters)].map((letters) => letters.join(""));
  const sum = graph.op(
    "Einsum",
    [gradient, ...others.map(({ value }) => value)],
    [textAttribute("equation", `${left.join(",")}->${made.join("")}`)],
  );
  const missing = own.letters.flatMap((letter, axis) => (made.includes(letter) ? [] : [axis]));
  if (missing.length === 0) return sum;
  return graph.op("Expand", [
    graph.op("Unsqueeze", [sum, graph.integers(missing)]),
    graph.op("Shape", [node.input[input] ?? ""]),
  ]);
}

/** Reads the equation; the axes that an ellipsis stands for get letters, the last ones alike in all terms. */
function parse({ graph, node }: Step): Equation {
  const equation = textAttributeOf(node, "equation", "").replaceAll(/\s/g, "");
  const [left = "", right] = equation.split("->");
  const free = LETTERS.filter((letter) => !equation.includes(letter));
  const sides = left.split(",");
  const shapes = node.input.map((value) => graph.shape(value));
  const hidden = sides.map((side, index) =>
    side.includes(ELLIPSIS) ? (shapes[index]?.length ?? 0) - side.length + ELLIPSIS.length : 0,
  );
  const most = Math.max(0, ...hidden);
  const spread = (side: string, count: number): string[] =>
    Array.from(side.replace(ELLIPSIS, free.slice(most - count, most).join("")));
  const terms = node.input.map((value, index) => {
    const letters = spread(sides[index] ?? "", hidden[index] ?? 0);
    return { letters, value, shape: shapes[index] ?? [] };
  });
  if (most > free.length || terms.some(({ letters, shape }) => letters.length !== shape.length))
    throw noGradient(node, `the equation "${equation}"`);
  return { terms, output: right === undefined ? implied(left, free.slice(0, most)) : spread(right, most) };
}

const ELLIPSIS = "...";
const LETTERS: readonly string[] = Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

/** The output where the equation names none: what the ellipsis stands for, then the letters that occur once, in their order. */
function implied(left: string, hidden: readonly string[]): string[] {
  const letters = Array.from(left).filter((letter) => LETTERS.includes(letter));
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return [...hidden, ...once.sort()];
}

/** Takes a diagonal as a product with the identity matrix, so that no term has a letter twice. */
function distinct({ graph, node }: Step, { terms, output }: Equation): Equation {
  const used = new Set(terms.flatMap(({ letters }) => letters));
  const identities: Term[] = [];
  const single = terms.map((term): Term => {
    const letters = term.letters.map((letter, axis) => {
      if (term.letters.indexOf(letter) === axis) return letter;
      const extent = term.shape[axis] ?? null;
      const other = LETTERS.find((candidate) => !used.has(candidate));
      if (extent === null || other === undefined) throw noGradient(node, "a diagonal over the batch");
      used.add(other);
      const shape = [extent, extent];
      identities.push({ letters: [letter, other], value: identity(graph, extent), shape });
      return other;
    });
    return { ...term, letters };
  });
  return { terms: [...single, ...identities], output };
}

function identity(graph: GradientGraph, extent: number): string {
  const values = Array.from({ length: extent ** 2 }, (_, place) => (place % (extent + 1) === 0 ? 1 : 0));
  return graph.floats(values, [extent, extent]);
}

export const einsumGradients = { Einsum: einsum } as const satisfies Record<string, OperatorGradient>;
