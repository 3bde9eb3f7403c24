import { tf, type Tensor } from "./tensorflow.js";

/* Calls libtensorflow's own kernels by name: some do in one operation what tfjs composes of several. */

/** An attribute of an operation, as the binding takes it. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

interface NativeBackend {
  executeSingleOutput(name: string, attributes: readonly Attribute[], inputs: readonly Tensor[]): Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly Tensor[],
    outputs: number,
  ): Tensor[];
}

let backend: NativeBackend | undefined;

/** The backend, kept because every operation asks for it. */
function nativeBackend(): NativeBackend {
  return (backend ??= tf.backend() as unknown as NativeBackend);
}

/**
 * TensorFlow's numbers for the types of attributes and of elements. They are part of its binary interface and do not change, so
 * attributes are made without loading it.
 *
 * @see tensorflow/c/tf_attrtype.h and tf_datatype.h; the binding has the same names.
 */
export const TYPES = {
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_FLOAT: 1,
  TF_INT32: 3,
  TF_BOOL: 10,
  TF_BFLOAT16: 14,
} as const;

/** Makes an operation's attributes, one function per type. */
export const attribute = {
  float32: (name: string): Attribute => ({ name, type: TYPES.TF_ATTR_TYPE, value: TYPES.TF_FLOAT }),
  int32: (name: string): Attribute => ({ name, type: TYPES.TF_ATTR_TYPE, value: TYPES.TF_INT32 }),
  integers: (name: string, value: readonly number[]): Attribute => ({
    name,
    type: TYPES.TF_ATTR_INT,
    value,
  }),
  integer: (name: string, value: number): Attribute => ({ name, type: TYPES.TF_ATTR_INT, value }),
  float: (name: string, value: number): Attribute => ({ name, type: TYPES.TF_ATTR_FLOAT, value }),
  boolean: (name: string, value: boolean): Attribute => ({ name, type: TYPES.TF_ATTR_BOOL, value }),
  text: (name: string, value: string): Attribute => ({ name, type: TYPES.TF_ATTR_STRING, value }),
} as const;

/** Runs an operation with one output. */
export function execute(name: string, attributes: readonly Attribute[], inputs: readonly Tensor[]): Tensor {
  return nativeBackend().executeSingleOutput(name, attributes, inputs);
}

/** Runs an operation with several outputs. */
export function executeMany(
  name: string,
  attributes: readonly Attribute[],
  inputs: readonly Tensor[],
  outputs: number,
): Tensor[] {
  return nativeBackend().executeMultipleOutputs(name, attributes, inputs, outputs);
}
