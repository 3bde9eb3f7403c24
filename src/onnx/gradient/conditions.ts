import { TensorProto_DataType } from "onnx-buf";
import { intAttribute } from "../build.js";
import type { NodeWriter } from "./step.js";

/* Conditions, and numbers made of them. */

/** Turns a condition into 0 and 1. */
export function toFloat(writer: NodeWriter, condition: string): string {
  return writer.op("Cast", [condition], [intAttribute("to", TensorProto_DataType.FLOAT)]);
}

/** A divisor in whose place 1 stands where it is 0. */
export function oneAtZero(writer: NodeWriter, value: string): string {
  return writer.op("Where", [writer.op("Equal", [value, writer.floats([0])]), writer.floats([1]), value]);
}
