import { clamped } from "./smooth.js";

/**
 * Blurs bytes `[side, side, channels]` along a line, as ImageMagick's motion blur does: half a Gaussian that begins at each pixel, with the
 * edge going on outside.
 *
 * @param radius The line's length is twice this, and one.
 * @param angle In degrees, clockwise from the right.
 */
export function motionBlurred(
  bytes: Uint8Array,
  side: number,
  channels: number,
  { radius, sigma, angle }: { readonly radius: number; readonly sigma: number; readonly angle: number },
): Uint8Array {
  const length = 2 * radius + 1;
  const raw = Array.from({ length }, (_, at) => Math.exp(-(at * at) / (2 * sigma * sigma)));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  const [down, right] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
  const line = raw.map((weight, at) => ({
    weight: weight / sum,
    x: Math.ceil(at * right - 0.5),
    y: Math.ceil(at * down - 0.5),
  }));
  const result = new Uint8Array(bytes.length);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++)
      for (let channel = 0; channel < channels; channel++) {
        let value = 0;
        for (const { weight, x, y } of line) {
          const at = clamped(row + y, side) * side + clamped(column + x, side);
          value += weight * (bytes[at * channels + channel] as number);
        }
        // ImageMagick computes with 16 bits, and the PNG that it is read from has the rest cut off.
        result[(row * side + column) * channels + channel] = Math.floor(Math.floor(value * 257 + 0.5) / 257);
      }
  return result;
}
