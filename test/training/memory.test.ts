import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tf } from "#mtard/runtime/tensorflow.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { train } from "#mtard/training/train.js";
import { makeStores, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-memory-"));
beforeAll(() => makeStores(stores));
afterAll(() => rmSync(stores, { recursive: true }));

it("holds the same tensors and bytes from step 2 to step 200, over evaluations that drop fooled images", async () => {
  const settings = tinySettings({
    limitTrain: 64,
    limitTest: 24,
    batchSize: 8,
    epochs: 25,
    milestones: [25],
    evaluateEvery: 1,
  });
  const run = await prepareRun(settings, tinyPlaces(stores, "long"));
  const seen: { tensors: number; bytes: number; resident: number }[] = [];
  const events = silentEvents({
    onStep() {
      const { numTensors: tensors, numBytes: bytes } = tf.memory();
      seen.push({ tensors, bytes, resident: process.memoryUsage().rss });
    },
  });
  await train(run, events, 1e9);
  await run.close();
  expect(seen).toHaveLength(200);
  const [, second] = seen;
  for (const { tensors, bytes } of seen.slice(1))
    expect({ tensors, bytes }).toEqual({ tensors: second?.tensors, bytes: second?.bytes });
  // The process itself: the allocators and the garbage collector settle in the first quarter.
  const [quarter, last] = [seen[49], seen[199]];
  expect((last?.resident ?? NaN) - (quarter?.resident ?? NaN)).toBeLessThan(48 * 2 ** 20);
});
