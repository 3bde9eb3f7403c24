import { floatAttribute } from "../build.js";
import { floatAttributeOf, textAttributeOf } from "./attributes.js";
import { toFloat } from "./conditions.js";
import { bell, times } from "./elementwise.js";
import type { OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Activation functions. At their corners the gradient is that of the left side, as in PyTorch. */

const positive = ({ graph }: Step, x: string): string => graph.op("Greater", [x, graph.floats([0])]);

/** The largest float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Whether x is between two values, ends excluded. */
function within({ graph }: Step, x: string, low: string, high: string): string {
  return graph.op("And", [graph.op("Greater", [x, low]), graph.op("Less", [x, high])]);
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

export const activationGradients = {
  /** y is a (exp(x / a) - 1) below 0. */
  Celu: times((step, x, y) => {
    const { graph, node } = step;
    const scaled = graph.op("Div", [y, graph.floats([floatAttributeOf(node, "alpha", 1)])]);
    const falling = graph.op("Add", [scaled, graph.floats([1])]);
    return graph.op("Where", [positive(step, x), graph.floats([1]), falling]);
  }),
  Elu: times((step, x, y) => {
    const { graph, node } = step;
    const falling = graph.op("Add", [y, graph.floats([floatAttributeOf(node, "alpha", 1)])]);
    return graph.op("Where", [positive(step, x), graph.floats([1]), falling]);
  }),
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
    const flat = toFloat(graph, graph.op("Greater", [x, high]));
    return graph.op("Where", [within(step, x, low, high), rising, flat]);
  }),
  LeakyRelu: times((step, x) => {
    const { graph, node } = step;
    const slope = graph.floats([floatAttributeOf(node, "alpha", 0.01)]);
    return graph.op("Where", [positive(step, x), graph.floats([1]), slope]);
  }),
  /** y is x tanh(softplus(x)). */
  Mish: times(({ graph }, x) => {
    const tanh = graph.op("Tanh", [graph.op("Softplus", [x])]);
    const rest = graph.op("Sub", [graph.floats([1]), graph.op("Mul", [tanh, tanh])]);
    const rising = graph.op("Mul", [graph.op("Mul", [x, graph.op("Sigmoid", [x])]), rest]);
    return graph.op("Add", [tanh, rising]);
  }),
  /** 1 where y is positive, in one pass instead of the two of a comparison and a cast; a subnormal y may give less. */
  Relu: times(({ graph }, _, y) =>
    graph.op("HardSigmoid", [y], [floatAttribute("alpha", LARGEST), floatAttribute("beta", 0)]),
  ),
  /** y is gamma alpha (exp(x) - 1) below 0. */
  Selu: times((step, x, y) => {
    const { graph, node } = step;
    const gamma = floatAttributeOf(node, "gamma", 1.0507010221481323);
    const alpha = floatAttributeOf(node, "alpha", 1.6732631921768188);
    const falling = graph.op("Add", [y, graph.floats([gamma * alpha])]);
    return graph.op("Where", [positive(step, x), graph.floats([gamma]), falling]);
  }),
  Shrink: times(({ graph, node }, x) => {
    const width = graph.floats([floatAttributeOf(node, "lambd", 0.5)]);
    return toFloat(graph, graph.op("Greater", [graph.op("Abs", [x]), width]));
  }),
  Softplus: times(({ graph }, x) => graph.op("Sigmoid", [x])),
  /** y is x / (1 + |x|). */
  Softsign: times(({ graph }, x) => {
    const divisor = graph.op("Add", [graph.op("Abs", [x]), graph.floats([1])]);
    return graph.op("Reciprocal", [graph.op("Mul", [divisor, divisor])]);
  }),
  /** With s = sigmoid(a x), y is x s. */
  Swish: times(({ graph, node }, x, y) => {
    const alpha = graph.floats([floatAttributeOf(node, "alpha", 1)]);
    const logistic = graph.op("Sigmoid", [graph.op("Mul", [x, alpha])]);
    const rest = graph.op("Sub", [graph.floats([1]), logistic]);
    return graph.op("Add", [logistic, graph.op("Mul", [graph.op("Mul", [y, alpha]), rest])]);
  }),
  ThresholdedRelu: times(({ graph, node }, x) => {
    return toFloat(graph, graph.op("Greater", [x, graph.floats([floatAttributeOf(node, "alpha", 1)])]));
  }),
} as const satisfies Record<string, OperatorGradient>;
