import { TensorProto_DataType } from "onnx-buf";
import { floatAttribute, intAttribute } from "../build.js";
import { floatAttributeOf, textAttributeOf } from "./attributes.js";
import type { OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Functions of one value, element by element: the gradient is the output's times the derivative. */

/** Multiplies the gradient by a derivative, written from the function's argument x and value y. */
function times(derivative: (step: Step, x: string, y: string) => string): OperatorGradient {
  return (step) => {
    const [x = "", y = ""] = [step.node.input[0], step.node.output[0]];
    return step.input === 0 ? step.graph.op("Mul", [step.gradient, derivative(step, x, y)]) : null;
  };
}

const positive = ({ graph }: Step, x: string): string => graph.op("Greater", [x, graph.floats([0])]);

/** The largest float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Turns a condition into 0 and 1. */
function toFloat({ graph }: Step, condition: string): string {
  return graph.op("Cast", [condition], [intAttribute("to", TensorProto_DataType.FLOAT)]);
}

/** Whether x is between two values, ends excluded. */
function within({ graph }: Step, x: string, low: string, high: string): string {
  return graph.op("And", [graph.op("Greater", [x, low]), graph.op("Less", [x, high])]);
}

/** y - y^2, the slope of the logistic function with value y. */
function logisticSlope({ graph }: Step, y: string): string {
  return graph.op("Sub", [y, graph.op("Mul", [y, y])]);
}

/** exp(-x^2) times a factor. */
function bell({ graph }: Step, x: string, factor: number): string {
  const square = graph.op("Mul", [x, x]);
  return graph.op("Mul", [graph.op("Exp", [graph.op("Neg", [square])]), graph.floats([factor])]);
}

/** The slope of x Phi(x): Phi(x) + x phi(x). */
function geluSlope(step: Step, x: string): string {
  const { graph } = step;
  const scaled = graph.op("Mul", [x, graph.floats([Math.SQRT1_2])]);
  const area = graph.op("Add", [
    graph.op("Mul", [graph.op("Erf", [scaled]), graph.floats([0.5])]),
    graph.floats([0.5]),
  ]);
  return graph.op("Add", [area, graph.op("Mul", [x, bell(step, scaled, 1 / Math.sqrt(2 * Math.PI))])]);
}

/** The slope of x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3). */
function tanhGeluSlope(step: Step, x: string): string {
  const { graph } = step;
  const square = graph.op("Mul", [x, x]);
  const polynomial = (constant: number, factor: number): string =>
    graph.op("Add", [graph.op("Mul", [square, graph.floats([factor])]), graph.floats([constant])]);
  const root = Math.sqrt(2 / Math.PI);
  const tanh = graph.op("Tanh", [graph.op("Mul", [x, polynomial(root, root * 0.044715)])]);
  const inner = graph.op("Mul", [x, polynomial(root / 2, 1.5 * root * 0.044715)]);
  const rising = graph.op("Mul", [
    inner,
    graph.op("Sub", [graph.floats([1]), graph.op("Mul", [tanh, tanh])]),
  ]);
  const half = graph.op("Mul", [graph.op("Add", [tanh, graph.floats([1])]), graph.floats([0.5])]);
  return graph.op("Add", [half, rising]);
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
  Elu: times((step, x, y) => {
    const { graph, node } = step;
    const falling = graph.op("Add", [y, graph.floats([floatAttributeOf(node, "alpha", 1)])]);
    return graph.op("Where", [positive(step, x), graph.floats([1]), falling]);
  }),
  Erf: times((step, x) => bell(step, x, 2 / Math.sqrt(Math.PI))),
  Exp: times((_, __, y) => y),
  Gelu: times((step, x) => {
    const form = textAttributeOf(step.node, "approximate", "none");
    if (form !== "none" && form !== "tanh") throw noGradient(step.node, `approximate "${form}"`);
    return form === "tanh" ? tanhGeluSlope(step, x) : geluSlope(step, x);
  }),
  HardSigmoid(step) {
    const { graph, node, gradient } = step;
    const [zero, one] = [graph.floats([0]), graph.floats([1])];
    const slope = graph.floats([floatAttributeOf(node, "alpha", 0.2)]);
    return graph.op("Where", [
      within(step, node.output[0] ?? "", zero, one),
      graph.op("Mul", [gradient, slope]),
      zero,
    ]);
  },
  HardSwish: times((step, x) => {
    const { graph } = step;
    const [low, high] = [graph.floats([-3]), graph.floats([3])];
    const rising = graph.op("Add", [graph.op("Div", [x, high]), graph.floats([0.5])]);
    const flat = toFloat(step, graph.op("Greater", [x, high]));
    return graph.op("Where", [within(step, x, low, high), rising, flat]);
  }),
  LeakyRelu: times((step, x) => {
    const { graph, node } = step;
    const slope = graph.floats([floatAttributeOf(node, "alpha", 0.01)]);
    return graph.op("Where", [positive(step, x), graph.floats([1]), slope]);
  }),
  Log: ({ graph, node, gradient }) => graph.op("Div", [gradient, node.input[0] ?? ""]),
  Neg: ({ graph, gradient }) => graph.op("Neg", [gradient]),
  Reciprocal: times(({ graph }, _, y) => graph.op("Neg", [graph.op("Mul", [y, y])])),
  /** 1 where y is positive, in one pass instead of the two of a comparison and a cast; a subnormal y may give less. */
  Relu: times(({ graph }, _, y) =>
    graph.op("HardSigmoid", [y], [floatAttribute("alpha", LARGEST), floatAttribute("beta", 0)]),
  ),
  Sigmoid: times((step, _, y) => logisticSlope(step, y)),
  Softplus: times(({ graph }, x) => graph.op("Sigmoid", [x])),
  Sqrt: ({ graph, node, gradient }) =>
    graph.op("Div", [graph.op("Mul", [gradient, graph.floats([0.5])]), node.output[0] ?? ""]),
  Tanh: times(({ graph }, _, y) => graph.op("Sub", [graph.floats([1]), graph.op("Mul", [y, y])])),
} as const satisfies Record<string, OperatorGradient>;
