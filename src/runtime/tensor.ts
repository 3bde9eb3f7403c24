/*
 * TensorFlow.js's tensors and the functions used here, as types of our own. Its published types need a browser's, and do not pass
 * `skipLibCheck: false`; whoever uses this package as a library would inherit that. `test/runtime/tensor.test.ts` compares these with them.
 */

/** What an element of a tensor is. */
export type DataType = "float32" | "int32" | "bool";

/** The host's array of a tensor's values. */
export interface DataTypeArrays {
  float32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
}

/** Numbers on the device of TensorFlow; whoever makes one frees it with `dispose`, or within `tf.tidy`. */
export interface Tensor {
  readonly shape: number[];
  readonly rank: number;
  readonly size: number;
  readonly dtype: string;
  readonly isDisposed: boolean;
  /** The values, row-major, copied to the host; waits for the device. */
  dataSync<D extends DataType = DataType>(): DataTypeArrays[D];
  data<D extends DataType = DataType>(): Promise<DataTypeArrays[D]>;
  /** The values as nested arrays, copied to the host. */
  arraySync(): unknown;
  clone(): this;
  reshape<T extends Tensor = Tensor>(shape: T["shape"]): T;
  expandDims<T extends Tensor = Tensor>(axis?: number): T;
  squeeze<T extends Tensor = Tensor>(axes?: number[]): T;
  slice(begin: number | number[], size?: number | number[]): this;
  dispose(): void;
}

/** A tensor of no dimension: one number. */
export interface Scalar extends Tensor {
  readonly shape: [];
}

/** A tensor of one dimension. */
export interface Tensor1D extends Tensor {
  readonly shape: [number];
}

/** A tensor of two dimensions. */
export interface Tensor2D extends Tensor {
  readonly shape: [number, number];
  arraySync(): number[][];
}

/** A tensor of three dimensions. */
export interface Tensor3D extends Tensor {
  readonly shape: [number, number, number];
}

/** A tensor of four dimensions. */
export interface Tensor4D extends Tensor {
  readonly shape: [number, number, number, number];
}

/** Numbers that a tensor is made of, row-major. */
export type Values = number[] | boolean[] | Float32Array | Int32Array | Uint8Array;
/** The same, nested as the dimensions are, or not. */
export type Nested = Values | number[][] | number[][][] | number[][][][];
/** What an operation of two tensors takes on either side. */
export type Operand = Tensor | number | number[];
/** What `tidy` gives back, with the tensors in it kept. */
export type Container =
  | null
  | undefined
  | string
  | number
  | boolean
  | Float32Array
  | Int32Array
  | Uint8Array
  | Tensor
  | Container[]
  | { [name: string]: Container };

/**
 * The functions of TensorFlow.js that mtard uses, and its methods may use; what each does is said in its own documentation. A
 * function's type parameter is the tensor it returns.
 */
export interface TensorFlow {
  backend(): object;
  memory(): { numTensors: number; numBytes: number };
  tidy<T extends Container>(work: () => T): T;
  tidy(work: () => void): void;
  keep<T extends Tensor>(tensor: T): T;
  dispose(tensors: Container): void;

  scalar(value: number, dtype?: DataType): Scalar;
  tensor(values: Nested, shape?: number[], dtype?: DataType): Tensor;
  tensor1d(values: Values, dtype?: DataType): Tensor1D;
  tensor2d(values: Nested, shape?: [number, number], dtype?: DataType): Tensor2D;
  tensor3d(values: Nested, shape?: [number, number, number], dtype?: DataType): Tensor3D;
  tensor4d(values: Nested, shape?: [number, number, number, number], dtype?: DataType): Tensor4D;
  fill<T extends Tensor = Tensor>(shape: T["shape"], value: number, dtype?: DataType): T;
  zeros<T extends Tensor = Tensor>(shape: T["shape"], dtype?: DataType): T;
  ones<T extends Tensor = Tensor>(shape: T["shape"], dtype?: DataType): T;
  zerosLike<T extends Tensor>(x: T): T;
  onesLike<T extends Tensor>(x: T): T;
  eye(rows: number): Tensor2D;
  range(start: number, stop: number, step?: number, dtype?: "float32" | "int32"): Tensor1D;
  oneHot(indices: Tensor | number[], depth: number, on?: number, off?: number, dtype?: DataType): Tensor;
  randomUniform<T extends Tensor = Tensor>(
    shape: T["shape"],
    minimum?: number,
    maximum?: number,
    dtype?: DataType,
    seed?: number,
  ): T;
  randomNormal<T extends Tensor = Tensor>(
    shape: T["shape"],
    mean?: number,
    deviation?: number,
    dtype?: "float32" | "int32",
    seed?: number,
  ): T;

  clone<T extends Tensor>(x: T): T;
  cast<T extends Tensor>(x: T, dtype: DataType): T;
  reshape<T extends Tensor = Tensor>(x: Tensor, shape: T["shape"]): T;
  expandDims<T extends Tensor = Tensor>(x: Tensor, axis?: number): T;
  broadcastTo<T extends Tensor = Tensor>(x: Tensor, shape: T["shape"]): T;
  transpose<T extends Tensor>(x: T, permutation?: number[]): T;
  tile<T extends Tensor>(x: T, repeats: number[]): T;
  pad<T extends Tensor>(x: T, paddings: [number, number][], value?: number): T;
  pad4d(
    x: Tensor4D,
    paddings: [[number, number], [number, number], [number, number], [number, number]],
    value?: number,
  ): Tensor4D;
  slice<T extends Tensor>(x: T, begin: number | number[], size?: number | number[]): T;
  slice4d(
    x: Tensor4D,
    begin: [number, number, number, number],
    size: [number, number, number, number],
  ): Tensor4D;
  reverse2d(x: Tensor2D, axis?: number | number[]): Tensor2D;
  gather<T extends Tensor>(x: T, indices: Tensor | number[], axis?: number): T;
  concat<T extends Tensor>(tensors: T[], axis?: number): T;
  stack<T extends Tensor>(tensors: T[], axis?: number): Tensor;
  unstack(x: Tensor, axis?: number): Tensor[];

  add<T extends Tensor>(a: Operand, b: Operand): T;
  sub<T extends Tensor>(a: Operand, b: Operand): T;
  mul<T extends Tensor>(a: Operand, b: Operand): T;
  div<T extends Tensor>(a: Operand, b: Operand): T;
  minimum<T extends Tensor>(a: Operand, b: Operand): T;
  maximum<T extends Tensor>(a: Operand, b: Operand): T;
  matMul<T extends Tensor>(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): T;
  abs<T extends Tensor>(x: T): T;
  neg<T extends Tensor>(x: T): T;
  sign<T extends Tensor>(x: T): T;
  square<T extends Tensor>(x: T): T;
  sqrt<T extends Tensor>(x: T): T;
  rsqrt<T extends Tensor>(x: T): T;
  exp<T extends Tensor>(x: T): T;
  log<T extends Tensor>(x: T): T;
  pow<T extends Tensor>(base: Operand, exponent: Operand): T;
  tanh<T extends Tensor>(x: T): T;
  sigmoid<T extends Tensor>(x: T): T;
  relu<T extends Tensor>(x: T): T;
  clipByValue<T extends Tensor>(x: T, minimum: number, maximum: number): T;
  softmax<T extends Tensor>(logits: T, dimension?: number): T;
  logSoftmax<T extends Tensor>(logits: T, axis?: number): T;

  sum<T extends Tensor>(x: Tensor, axis?: number | number[], keepDims?: boolean): T;
  mean<T extends Tensor>(x: Tensor, axis?: number | number[], keepDims?: boolean): T;
  max<T extends Tensor>(x: Tensor, axis?: number | number[], keepDims?: boolean): T;
  min<T extends Tensor>(x: Tensor, axis?: number | number[], keepDims?: boolean): T;
  any<T extends Tensor>(x: Tensor, axis?: number | number[], keepDims?: boolean): T;
  norm(x: Tensor, order?: number | "euclidean", axis?: number | number[], keepDims?: boolean): Tensor;
  argMax<T extends Tensor>(x: Tensor, axis?: number): T;
  topk<T extends Tensor>(x: T, k?: number, sorted?: boolean): { values: T; indices: T };
  equal<T extends Tensor>(a: Operand, b: Operand): T;
  greater<T extends Tensor>(a: Operand, b: Operand): T;
  less<T extends Tensor>(a: Operand, b: Operand): T;
  logicalAnd<T extends Tensor>(a: Tensor, b: Tensor): T;
  logicalNot<T extends Tensor>(x: T): T;
  where<T extends Tensor>(condition: Tensor, a: T, b: T): T;

  /** The value of a function of tensors, and the gradients of its sum with respect to each of them. */
  valueAndGrads<T extends Tensor>(
    f: (...xs: Tensor[]) => T,
  ): (xs: Tensor[], dy?: T) => { value: T; grads: Tensor[] };
}
