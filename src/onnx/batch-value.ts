import type { NodeProto } from "onnx-buf";

/* What is known of a graph's values while the axis of the images is followed through it. */

/**
 * A value of the graph at the batch size it was exported with. Along `axis`, the next image begins after `inner` numbers, and after
 * `batch` images the next outer row begins. NaN is an extent that is not known.
 */
export interface Traced {
  readonly shape: readonly number[];
  /** The axis that has the images; null for what is the same for all of them. */
  readonly axis: number | null;
  readonly inner: number;
}

/** What a rule says of a node's output: the ways in which it can be meant, the likeliest first, or that images would be mixed. */
export type Ruled = readonly [Traced, ...Traced[]] | "mixed" | null;

/** What is known of a graph's values. */
export interface Trace {
  readonly batch: number;
  readonly opset: number;
  readonly traced: (value: string | undefined) => Traced | undefined;
  /** Whole numbers that shapes are made of. */
  readonly numbers: (value: string | undefined) => Numbers | undefined;
}

/** A whole number of a shape, and whether it follows the number of images by itself. */
export interface Element {
  readonly value: number;
  readonly follows: boolean;
}

/** Whole numbers of which a graph makes shapes: one, or a row. */
export interface Numbers {
  readonly isScalar: boolean;
  readonly elements: readonly Element[];
}

/** How an operator changes shapes, and where it leaves the axis of the images. */
export type Rule = (node: NodeProto, trace: Trace) => Ruled;
