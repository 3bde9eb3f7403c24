/** 65520: from here on numbers round to more than 65504, the largest of float16. */
const TOO_LARGE = 0x477ff000;
const INFINITY = 0x7f800000;
/** 2^-14: below it float16 has a fixed step, 2^-24. */
const SMALLEST_NORMAL = 0x38800000;

/**
 * Rounds float32 numbers to the nearest of float16, ties to even: a sign, five bits of exponent, ten of fraction.
 *
 * @returns The bits, or null if a finite number lies beyond float16's largest.
 */
export function roundToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> | null {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as number;
    const magnitude = word & 0x7fffffff;
    if (magnitude >= TOO_LARGE && magnitude < INFINITY) return null;
    rounded[index] = ((word >>> 16) & 0x8000) | bitsOf(magnitude, values[index] as number);
  }
  return rounded;
}

function bitsOf(magnitude: number, value: number): number {
  if (magnitude > INFINITY) return 0x7e00;
  if (magnitude === INFINITY) return 0x7c00;
  if (magnitude < SMALLEST_NORMAL) return roundTiesToEven(Math.abs(value) * 2 ** 24);
  const toEven = 0xfff + ((magnitude >>> 13) & 1);
  // Both exponents count from their own bias: 127 and 15.
  return (magnitude + toEven - (112 << 23)) >>> 13;
}

function roundTiesToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
