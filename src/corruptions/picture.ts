/** The side of the square images that parameters are published for: CIFAR's, and Tiny-ImageNet's. */
export type Side = 32 | 64;

/** How strong a corruption is, from 1 to 5. */
export type Severity = 1 | 2 | 3 | 4 | 5;

export const severities = [1, 2, 3, 4, 5] as const satisfies readonly Severity[];

/** An RGB image: bytes `[side, side, 3]`, row-major. */
export interface Picture {
  readonly side: Side;
  readonly bytes: Uint8Array;
}

/** A parameter at each severity, for each size. */
export type Levels<Parameter> = Readonly<
  Record<Side, readonly [Parameter, Parameter, Parameter, Parameter, Parameter]>
>;

/** The parameter for an image at a severity. */
export function levelOf<Parameter>(levels: Levels<Parameter>, side: Side, severity: Severity): Parameter {
  return levels[side][(severity - 1) as 0 | 1 | 2 | 3 | 4];
}

export const CHANNELS = 3;

/** The pixel values of an image in [0, 1]. */
export function fractionsOf({ bytes }: Picture): Float64Array {
  return Float64Array.from(bytes, (byte) => byte / 255);
}

/** Values brought to [0, 1], as bytes. Fractions of a byte are cut off, as the published images have it. */
export function bytesOf(values: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(values, (value) => Math.min(1, Math.max(0, value)) * 255);
}

/** {@link bytesOf} for values whose last product is in single precision. */
export function bytesOfSingle(values: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(values, (value) => Math.fround(Math.min(1, Math.max(0, Math.fround(value))) * 255));
}
