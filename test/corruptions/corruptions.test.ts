import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  corruptionIds,
  corruptionRandom,
  corruptions,
  type Corruption,
} from "#mtard/corruptions/corruptions.js";
import { CHANNELS, severities, type Picture, type Side } from "#mtard/corruptions/picture.js";

interface Golden {
  readonly stride: number;
  /** Every `stride`-th byte of what the published code makes of the picture, in base64, by corruption and severity. */
  readonly made: Readonly<Record<string, readonly string[]>>;
}

const goldenOf = (side: Side): Golden =>
  JSON.parse(readFileSync(new URL(`golden-${side}.json`, import.meta.url), "utf8")) as Golden;

/** A slope of colours with a disc and stripes, as scripts/golden/corruptions.py has it. */
function picture(side: Side): Picture {
  const bytes = new Uint8Array(side * side * CHANNELS);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const inside = (2 * x - side) ** 2 + (2 * y - side) ** 2 < (side * side) / 2;
      const stripe = (5 * x + 3 * y) % 11 === 0;
      for (let channel = 0; channel < CHANNELS; channel++) {
        const value = Math.floor((96 * x + 64 * y) / side) + 40 * channel;
        bytes[(y * side + x) * CHANNELS + channel] = inside === stripe ? value : 255 - value;
      }
    }
  return { side, bytes };
}

const made = corruptionIds.filter((id) => corruptions[id].make !== null);

describe.each([32, 64] as const)("on an image of %ix%i", (side) => {
  const golden = goldenOf(side);

  it.each(made)("%s is the published code's at each severity, to a byte's last unit", async (id) => {
    const { make }: Corruption = corruptions[id];
    for (const severity of severities) {
      const image = picture(side);
      const ours = await make?.(image, severity, corruptionRandom(0, id, severity, 0));
      const theirs = Buffer.from(golden.made[id]?.[severity - 1] ?? "", "base64");
      const differences = [...theirs].map((byte, at) => Math.abs(byte - (ours?.[at * golden.stride] ?? NaN)));
      expect(theirs.length).toBe(Math.ceil(image.bytes.length / golden.stride));
      expect(Math.max(...differences)).toBeLessThanOrEqual(1);
      expect(differences.filter((difference) => difference > 0).length).toBeLessThan(0.02 * theirs.length);
      expect(image.bytes).toEqual(picture(side).bytes);
    }
  });
});

it("draws other numbers for another image, severity, corruption and seed, and the same again", () => {
  const first = (...of: Parameters<typeof corruptionRandom>): number => corruptionRandom(...of).uint32();
  const all = [
    first(0, "snow", 1, 0),
    first(0, "snow", 1, 1),
    first(0, "snow", 2, 0),
    first(0, "fog", 1, 0),
    first(1, "snow", 1, 0),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(first(0, "snow", 1, 0)).toBe(all[0]);
});
