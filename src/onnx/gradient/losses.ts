import { TensorProto_DataType, type ValueInfoProto } from "onnx-buf";
import { InputError } from "../../errors.js";
import { floatValue, int32Value, intAttribute } from "../build.js";
import type { NodeWriter } from "./step.js";

/** The part of a graph that computes a loss for each row of logits z `[batch, classes]`. */
export interface LossHead {
  /** The inputs it takes besides the images, named as in `LogitLoss`. */
  readonly inputs: readonly ValueInfoProto[];
  /** The loss of each row, `[batch]`; null where only the gradient is given. */
  readonly loss: string | null;
  /** The gradient of the summed loss with respect to the logits, `[batch, classes]`. */
  readonly gradient: string;
}

type LossHeadWriter = (writer: NodeWriter, logits: string, classes: number) => LossHead;

const LABELS = int32Value("labels", ["batch"]);
const TARGETS = int32Value("targets", ["batch"]);

/** -log softmax(z)_y; gradient softmax(z) - onehot(y). */
function crossEntropy(writer: NodeWriter, logits: string, classes: number): LossHead {
  const truth = oneHot(writer, column(writer, "labels"), classes);
  const logProbabilities = writer.op("LogSoftmax", [logits], [intAttribute("axis", 1)]);
  return {
    inputs: [LABELS],
    loss: row(writer, writer.op("Neg", [picked(writer, logProbabilities, truth)])),
    gradient: writer.op("Sub", [writer.op("Exp", [logProbabilities]), truth]),
  };
}

/** sum_c p_c log(p_c / softmax(z)_c); gradient softmax(z) - p. */
function klTo(writer: NodeWriter, logits: string, classes: number): LossHead {
  const logProbabilities = writer.op("LogSoftmax", [logits], [intAttribute("axis", 1)]);
  // The smallest normal number replaces zero, so that 0 log 0 gives 0.
  const positive = writer.op("Max", ["probabilities", writer.floats([1.1754944e-38])]);
  const difference = writer.op("Sub", [writer.op("Log", [positive]), logProbabilities]);
  return {
    inputs: [floatValue("probabilities", ["batch", classes])],
    loss: row(writer, picked(writer, difference, "probabilities")),
    gradient: writer.op("Sub", [writer.op("Exp", [logProbabilities]), "probabilities"]),
  };
}

/** sum_c (q_c - p_c)^2 with q = softmax(z); gradient 2 q (q - p - sum_c q_c (q_c - p_c)). */
function squaredTo(writer: NodeWriter, logits: string, classes: number): LossHead {
  const probabilities = writer.op("Softmax", [logits], [intAttribute("axis", 1)]);
  const difference = writer.op("Sub", [probabilities, "probabilities"]);
  const around = writer.op("Sub", [difference, picked(writer, difference, probabilities)]);
  return {
    inputs: [floatValue("probabilities", ["batch", classes])],
    loss: row(writer, picked(writer, difference, difference)),
    gradient: writer.op("Mul", [writer.op("Mul", [probabilities, writer.floats([2])]), around]),
  };
}

/** The margin of Carlini and Wagner, max_{c != y} z_c - z_y. */
function margin(writer: NodeWriter, logits: string, classes: number): LossHead {
  const truth = oneHot(writer, column(writer, "labels"), classes);
  const other = largestOther(writer, logits, truth, classes);
  return {
    inputs: [LABELS],
    loss: row(writer, writer.op("Sub", [other.value, picked(writer, logits, truth)])),
    gradient: writer.op("Sub", [other.place, truth]),
  };
}

/** z_t - z_y. */
function targetedMargin(writer: NodeWriter, logits: string, classes: number): LossHead {
  const truth = oneHot(writer, column(writer, "labels"), classes);
  const target = oneHot(writer, column(writer, "targets"), classes);
  const direction = writer.op("Sub", [target, truth]);
  return {
    inputs: [LABELS, TARGETS],
    loss: row(writer, picked(writer, logits, direction)),
    gradient: direction,
  };
}

/** -(z_y - max_{c != y} z_c) / (z_1 - z_3 + 1e-12), z_1 >= z_2 >= ... sorted. @see Croce and Hein (2020), equation 6. */
function dlr(writer: NodeWriter, logits: string, classes: number): LossHead {
  const [first, , third] = largest(writer, logits, classes, 3);
  const truth = oneHot(writer, column(writer, "labels"), classes);
  const other = largestOther(writer, logits, truth, classes);
  return ratio(writer, [LABELS], {
    numerator: writer.op("Sub", [other.value, picked(writer, logits, truth)]),
    numeratorGradient: writer.op("Sub", [other.place, truth]),
    denominator: writer.op("Sub", [value(first), value(third)]),
    denominatorGradient: writer.op("Sub", [place(first), place(third)]),
  });
}

/** -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2 + 1e-12). @see Croce and Hein (2020), equation 7. */
function dlrTargeted(writer: NodeWriter, logits: string, classes: number): LossHead {
  const [first, , third, fourth] = largest(writer, logits, classes, 4);
  const truth = oneHot(writer, column(writer, "labels"), classes);
  const target = oneHot(writer, column(writer, "targets"), classes);
  const mean = (one: string, other: string): string =>
    writer.op("Mul", [writer.op("Add", [one, other]), writer.floats([0.5])]);
  return ratio(writer, [LABELS, TARGETS], {
    numerator: writer.op("Sub", [picked(writer, logits, target), picked(writer, logits, truth)]),
    numeratorGradient: writer.op("Sub", [target, truth]),
    denominator: writer.op("Sub", [value(first), mean(value(third), value(fourth))]),
    denominatorGradient: writer.op("Sub", [place(first), mean(place(third), place(fourth))]),
  });
}

/** No loss of its own: the gradient with respect to the logits is an input, for the vector-Jacobian product. */
function cotangent(_writer: NodeWriter, _logits: string, classes: number): LossHead {
  return { inputs: [floatValue("cotangent", ["batch", classes])], loss: null, gradient: "cotangent" };
}

/** Every loss a gradient graph may end in, by its kind. */
export const lossHeads = {
  crossEntropy,
  klTo,
  squaredTo,
  margin,
  targetedMargin,
  dlr,
  dlrTargeted,
  cotangent,
} as const satisfies Record<string, LossHeadWriter>;

export type LossHeadKind = keyof typeof lossHeads;

/** One logit of each row, `[batch, 1]`, and its class, one-hot `[batch, classes]`. */
interface Logit {
  readonly value: string;
  readonly place: string;
}

const value = (logit: Logit | undefined): string => logit?.value ?? "";
const place = (logit: Logit | undefined): string => logit?.place ?? "";

/** The `count` largest logits of each row, largest first; among equal ones, the last class comes first, as in PyTorch's sort. */
function largest(writer: NodeWriter, logits: string, classes: number, count: number): Logit[] {
  if (classes < count)
    throw new InputError("the model has too few classes for the DLR loss", {
      expected: `at least ${count} classes`,
      found: String(classes),
      fix: "attacks on the cross-entropy or the margin",
    });
  const backwards = [-1, -classes - 1, 1, -1].map((at) => writer.integers([at]));
  const reversed = writer.op("Slice", [logits, ...backwards]);
  const [values = "", fromLast = ""] = writer.ops("TopK", [reversed, writer.integers([count])], 2);
  const places = writer.op("Sub", [writer.integers([classes - 1]), fromLast]);
  return Array.from({ length: count }, (_, rank) => {
    const part = (sorted: string): string =>
      writer.op("Slice", [sorted, ...[rank, rank + 1, 1].map((at) => writer.integers([at]))]);
    return { value: part(values), place: oneHot(writer, part(places), classes) };
  });
}

function largestOther(writer: NodeWriter, logits: string, truth: string, classes: number): Logit {
  const isTruth = writer.op("Greater", [truth, writer.floats([0.5])]);
  const others = writer.op("Where", [isTruth, writer.floats([-3.4e38]), logits]);
  const [other] = largest(writer, others, classes, 1);
  return { value: value(other), place: place(other) };
}

/** The loss numerator / (denominator + 1e-12). */
function ratio(
  writer: NodeWriter,
  inputs: readonly ValueInfoProto[],
  parts: Record<"numerator" | "numeratorGradient" | "denominator" | "denominatorGradient", string>,
): LossHead {
  const denominator = writer.op("Add", [parts.denominator, writer.floats([1e-12])]);
  const loss = writer.op("Div", [parts.numerator, denominator]);
  const change = writer.op("Mul", [loss, parts.denominatorGradient]);
  const gradient = writer.op("Div", [writer.op("Sub", [parts.numeratorGradient, change]), denominator]);
  return { inputs, loss: row(writer, loss), gradient };
}

/** Turns classes `[batch, 1]` into one-hot rows `[batch, classes]`. */
function oneHot(writer: NodeWriter, classOfRow: string, classes: number): string {
  const all = writer.integers([...Array(classes).keys()]);
  const equal = writer.op("Equal", [classOfRow, all]);
  return writer.op("Cast", [equal], [intAttribute("to", TensorProto_DataType.FLOAT)]);
}

/** An int32 input `[batch]` as int64 `[batch, 1]`. */
function column(writer: NodeWriter, input: string): string {
  const wide = writer.op("Cast", [input], [intAttribute("to", TensorProto_DataType.INT64)]);
  return writer.op("Unsqueeze", [wide, writer.integers([1])]);
}

/** Each row's sum of products, `[batch, 1]`. */
function picked(writer: NodeWriter, values: string, weights: string): string {
  return writer.op("ReduceSum", [writer.op("Mul", [values, weights]), writer.integers([1])]);
}

function row(writer: NodeWriter, columns: string): string {
  return writer.op("Squeeze", [columns, writer.integers([1])]);
}
