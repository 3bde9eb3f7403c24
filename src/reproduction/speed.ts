/** How fast a machine computes. */
export interface Speed {
  /** Floating-point operations a second of convolutions and linear layers, on batches large enough. */
  readonly operationsPerSecond: number;
  /** The least time of a convolution's pass over a batch, however small: the calls and kernels around it. 0 where that is nothing. */
  readonly convolutionSeconds: number;
  /** Whose speed it is, in words. */
  readonly of: string;
}

/**
 * An H100 (SXM), computed: it reaches the share of its 67 TFLOP/s in float32 that an H200, which has as many, was measured to reach in a
 * step of ResNet-18 (128 images, 187 ms, so 20 TFLOP/s). A convolution's least time is that of ResNet-20, whose step took 112 ms there.
 *
 * @see docs/performance.md, "On a GPU".
 */
export const ASSUMED_H100: Speed = {
  operationsPerSecond: 20e12,
  convolutionSeconds: 0.2e-3,
  of: "an H100, assumed: 30% of its 67 TFLOP/s in float32, as measured on an H200",
};

/** What a counted estimate rests on. */
export function speedText({ operationsPerSecond, of }: Speed): string {
  return `counted operations at the ${(operationsPerSecond / 1e12).toPrecision(2)} TFLOP/s of ${of}`;
}
