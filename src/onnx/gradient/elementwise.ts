import type { OperatorGradient, Step } from "./step.js";

/* Functions of one value, element by element: the gradient is the output's times the derivative. */

/** Multiplies the gradient by a derivative, written from the function's argument x and value y. */
export function times(derivative: (step: Step, x: string, y: string) => string): OperatorGradient {
  return (step) => {
    const [x = "", y = ""] = [step.node.input[0], step.node.output[0]];
    return step.input === 0 ? step.graph.op("Mul", [step.gradient, derivative(step, x, y)]) : null;
  };
}

/** y - y^2, the slope of the logistic function with value y. */
function logisticSlope({ graph }: Step, y: string): string {
  return graph.op("Sub", [y, graph.op("Mul", [y, y])]);
}

/** exp(-x^2) times a factor. */
export function bell({ graph }: Step, x: string, factor: number): string {
  const square = graph.op("Mul", [x, x]);
  return graph.op("Mul", [graph.op("Exp", [graph.op("Neg", [square])]), graph.floats([factor])]);
}

export const elementwiseGradients = {
  Abs: times(({ graph }, x) => graph.op("Sign", [x])),
  /** Zero at the bounds, as in PyTorch's ReLU6 and Hardtanh, which exports write as `Clip`. */
  Clip(step) {
    const { graph, node, gradient } = step;
    const [x = "", low = "", high = ""] = node.input;
    if (step.input !== 0) return null;
    const conditions = [
      ...(low === "" ? [] : [graph.op("Greater", [x, low])]),
      ...(high === "" ? [] : [graph.op("Less", [x, high])]),
    ];
    const [one, other] = conditions;
    if (one === undefined) return graph.op("Identity", [gradient]);
    const inside = other === undefined ? one : graph.op("And", [one, other]);
    return graph.op("Where", [inside, gradient, graph.floats([0])]);
  },
  Erf: times((step, x) => bell(step, x, 2 / Math.sqrt(Math.PI))),
  Exp: times((_, __, y) => y),
  Log: ({ graph, node, gradient }) => graph.op("Div", [gradient, node.input[0] ?? ""]),
  Neg: ({ graph, gradient }) => graph.op("Neg", [gradient]),
  Reciprocal: times(({ graph }, _, y) => graph.op("Neg", [graph.op("Mul", [y, y])])),
  Sigmoid: times((step, _, y) => logisticSlope(step, y)),
  Sqrt: ({ graph, node, gradient }) =>
    graph.op("Div", [graph.op("Mul", [gradient, graph.floats([0.5])]), node.output[0] ?? ""]),
  Tanh: times(({ graph }, _, y) => graph.op("Sub", [graph.floats([1]), graph.op("Mul", [y, y])])),
} as const satisfies Record<string, OperatorGradient>;
