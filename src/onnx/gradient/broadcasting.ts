import { TensorProto_DataType } from "onnx-buf";
import { intAttribute } from "../build.js";
import { noGradient } from "./unsupported.js";
import type { GradientGraph, OperatorGradient, Shape, Step } from "./step.js";

/* Functions of several values that broadcast: each value's gradient is summed over the axes along which the value was repeated. */

/** Sums a gradient of shape `from` over the axes along which a value of shape `to` was broadcast. */
export function sumToShape(graph: GradientGraph, gradient: string, from: Shape, to: Shape): string {
  const missing = from.length - to.length;
  const axes = from.flatMap((extent, axis) => {
    const before = axis < missing ? 1 : to[axis - missing];
    return before === 1 && extent !== 1 ? [axis] : [];
  });
  const sum =
    axes.length === 0
      ? gradient
      : graph.op("ReduceSum", [gradient, graph.integers(axes)], [intAttribute("keepdims", 1)]);
  if (missing === 0) return sum;
  return graph.op("Squeeze", [sum, graph.integers(Array.from({ length: missing }, (_, axis) => axis))]);
}

/** The gradient of one operand: `make` writes it in the output's shape, from which it is summed to the operand's. */
function operand(
  make: (step: Step, operands: readonly string[], output: string) => string,
): OperatorGradient {
  return (step) => {
    const { graph, node, input } = step;
    const output = node.output[0] ?? "";
    const gradient = make(step, node.input, output);
    return sumToShape(graph, gradient, graph.shape(output), graph.shape(node.input[input] ?? ""));
  };
}

/** `Max` and `Min` of two, which composites make of more: the gradient goes to the one that was taken, half to each where they are equal, as PyTorch does. */
function chosen(better: "Greater" | "Less"): OperatorGradient {
  return operand(({ graph, input, gradient }, [a = "", b = ""]) => {
    const half = graph.op("Mul", [gradient, graph.floats([0.5])]);
    const equal = graph.op("Where", [graph.op("Equal", [a, b]), half, graph.floats([0])]);
    return graph.op("Where", [graph.op(better, input === 0 ? [a, b] : [b, a]), gradient, equal]);
  });
}

export const broadcastingGradients = {
  Add: operand(({ gradient }) => gradient),
  Div: operand(({ graph, input, gradient }, [, divisor = ""], quotient) => {
    const scaled = graph.op("Div", [gradient, divisor]);
    return input === 0 ? scaled : graph.op("Neg", [graph.op("Mul", [scaled, quotient])]);
  }),
  Max: chosen("Greater"),
  Min: chosen("Less"),
  /** x - d k, where k is a whole number. */
  Mod: operand(({ graph, input, gradient }, [dividend = "", divisor = ""], rest) => {
    if (input === 0) return gradient;
    const times = graph.op("Div", [graph.op("Sub", [rest, dividend]), divisor]);
    return graph.op("Mul", [gradient, times]);
  }),
  Mul: operand(({ graph, input, gradient }, [a = "", b = ""]) =>
    graph.op("Mul", [gradient, input === 0 ? b : a]),
  ),
  Pow: operand(({ graph, input, gradient }, [base = "", exponent = ""], power) => {
    if (input === 1) {
      // At base 0, where log has no value, the exponent's gradient is 0.
      const safe = graph.op("Where", [graph.op("Equal", [base, graph.floats([0])]), graph.floats([1]), base]);
      return graph.op("Mul", [gradient, graph.op("Mul", [power, graph.op("Log", [safe])])]);
    }
    const [constant] = graph.constant(exponent) ?? [];
    if (constant !== undefined && graph.constant(exponent)?.length === 1) {
      const slope = constant === 2 ? base : graph.op("Pow", [base, graph.floats([constant - 1])]);
      return graph.op("Mul", [gradient, graph.op("Mul", [slope, graph.floats([constant])])]);
    }
    const real = graph.op("Cast", [exponent], [intAttribute("to", TensorProto_DataType.FLOAT)]);
    const lower = graph.op("Pow", [base, graph.op("Sub", [real, graph.floats([1])])]);
    return graph.op("Mul", [gradient, graph.op("Mul", [real, lower])]);
  }),
  PRelu: operand(({ graph, node, input, gradient }, [x = "", slope = ""]) => {
    if (input === 1) throw noGradient(node, "a slope that depends on the images");
    const falling = graph.op("Mul", [gradient, slope]);
    return graph.op("Where", [graph.op("Greater", [x, graph.floats([0])]), gradient, falling]);
  }),
  Sub: operand(({ graph, input, gradient }) => (input === 0 ? gradient : graph.op("Neg", [gradient]))),
  Sum: operand(({ gradient }) => gradient),
  Where: operand(({ graph, input, gradient }, [condition = ""]) => {
    const zero = graph.floats([0]);
    return graph.op("Where", input === 1 ? [condition, gradient, zero] : [condition, zero, gradient]);
  }),
} as const satisfies Record<string, OperatorGradient>;
