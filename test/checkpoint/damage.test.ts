import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { readWeightsFile } from "#mtard/checkpoint/weights-file.js";
import { Random } from "#mtard/runtime/random.js";
import { fixture, fixtureNames } from "./fixtures.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-damage-"));
afterAll(() => rmSync(folder, { recursive: true }));

const DAMAGED_FILES = 60;
/** Lengths and counts that programs get wrong. */
const interesting = [0, 1, 0x7f, 0x80, 0xff];

/** A copy with a few bytes changed, a stretch cut out, doubled or overwritten by a length. */
function damage(content: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(content);
  const at = random.below(bytes.length);
  const length = 1 + random.below(16);
  switch (random.below(5)) {
    case 0:
      for (let count = 0; count < length; count++) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 3:
      return bytes.fill(
        interesting[random.below(interesting.length)] ?? 0,
        at,
        Math.min(bytes.length, at + (1 << random.below(4))),
      );
    default:
      return bytes.subarray(0, at);
  }
}

describe("damaged files", () => {
  it.each(fixtureNames.map((name, stream) => [name, stream] as const))(
    `${DAMAGED_FILES} copies of %s are read or refused, and nothing else happens`,
    async (name, stream) => {
      const content = readFileSync(fixture(name));
      const random = Random.fromSeed(2026, stream);
      const path = join(folder, "damaged");
      for (let file = 0; file < DAMAGED_FILES; file++) {
        writeFileSync(path, damage(content, random));
        const started = performance.now();
        const outcome: unknown = await readWeightsFile(path).then(
          ({ weights }) => weights,
          (error: unknown) => error,
        );
        expect(performance.now() - started, `${name}, file ${file}`).toBeLessThan(2000);
        if (outcome instanceof Map) {
          for (const { shape, data } of outcome.values() as Iterable<{
            shape: number[];
            data: Float32Array;
          }>) {
            expect(data.length, `${name}, file ${file}`).toBe(
              shape.reduce((size, extent) => size * extent, 1),
            );
          }
        } else {
          expect(outcome, `${name}, file ${file}`).toBeInstanceOf(InputError);
          expect((outcome as InputError).report().split("\n").length).toBeLessThanOrEqual(4);
        }
      }
    },
  );
});
