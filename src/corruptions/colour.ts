import {
  bytesOf,
  CHANNELS,
  fractionsOf,
  levelOf,
  type Levels,
  type Picture,
  type Severity,
} from "./picture.js";

const BRIGHTNESS: Levels<number> = { 32: [0.05, 0.1, 0.15, 0.2, 0.3], 64: [0.1, 0.2, 0.3, 0.4, 0.5] };
const CONTRAST: Levels<number> = { 32: [0.75, 0.5, 0.4, 0.3, 0.15], 64: [0.4, 0.3, 0.2, 0.1, 0.05] };
/** What saturation is multiplied by, and what is added to it. */
const SATURATION: Levels<readonly [number, number]> = {
  32: [
    [0.3, 0],
    [0.1, 0],
    [1.5, 0],
    [2, 0.1],
    [2.5, 0.2],
  ],
  64: [
    [0.3, 0],
    [0.1, 0],
    [2, 0],
    [5, 0.1],
    [30, 0.2],
  ],
};

type Triple = readonly [number, number, number];

/** Adds to the value of hue, saturation and value. */
export function brightness(picture: Picture, severity: Severity): Uint8Array {
  const more = levelOf(BRIGHTNESS, picture.side, severity);
  return recoloured(picture, ([hue, saturation, value]) => [hue, saturation, within(value + more)]);
}

/** Multiplies the saturation, and adds to it. */
export function saturate(picture: Picture, severity: Severity): Uint8Array {
  const [factor, more] = levelOf(SATURATION, picture.side, severity);
  return recoloured(picture, ([hue, saturation, value]) => [hue, within(saturation * factor + more), value]);
}

/** Brings every value nearer to its channel's mean. */
export function contrast(picture: Picture, severity: Severity): Uint8Array {
  const factor = levelOf(CONTRAST, picture.side, severity);
  const values = fractionsOf(picture);
  const sums: [number, number, number] = [0, 0, 0];
  for (const [at, value] of values.entries()) sums[(at % CHANNELS) as 0 | 1 | 2] += value;
  const means = sums.map((sum) => sum / (values.length / CHANNELS));
  return bytesOf(
    values.map((value, at) => {
      const mean = means[at % CHANNELS] as number;
      return (value - mean) * factor + mean;
    }),
  );
}

function within(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function recoloured(picture: Picture, change: (hsv: Triple) => Triple): Uint8Array {
  const values = fractionsOf(picture);
  for (let at = 0; at < values.length; at += CHANNELS)
    values.set(rgbOf(change(hsvOf([values[at], values[at + 1], values[at + 2]] as unknown as Triple))), at);
  return bytesOf(values);
}

/** Hue, saturation and value of red, green and blue, all in [0, 1]. */
function hsvOf([red, green, blue]: Triple): Triple {
  const value = Math.max(red, green, blue);
  const spread = value - Math.min(red, green, blue);
  if (spread === 0) return [0, 0, value];
  const sixth =
    blue === value
      ? 4 + (red - green) / spread
      : green === value
        ? 2 + (blue - red) / spread
        : (green - blue) / spread;
  const hue = sixth / 6;
  return [hue - Math.floor(hue), spread / value, value];
}

/** Red, green and blue of hue, saturation and value. */
function rgbOf([hue, saturation, value]: Triple): Triple {
  const sixth = Math.floor(hue * 6);
  const part = hue * 6 - sixth;
  const low = value * (1 - saturation);
  const falling = value * (1 - part * saturation);
  const rising = value * (1 - (1 - part) * saturation);
  const all: readonly Triple[] = [
    [value, rising, low],
    [falling, value, low],
    [low, value, rising],
    [low, falling, value],
    [rising, low, value],
    [value, low, falling],
  ];
  return all[sixth % 6] as Triple;
}
