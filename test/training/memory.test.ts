import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import v8 from "node:v8";
import vm from "node:vm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tf } from "#mtard/runtime/tensorflow.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { train } from "#mtard/training/train.js";
import { makeStores, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";

v8.setFlagsFromString("--expose-gc");
const collectGarbage = vm.runInNewContext("gc") as () => void;

const stores = mkdtempSync(join(tmpdir(), "mtard-memory-"));
beforeAll(() => makeStores(stores));
afterAll(() => rmSync(stores, { recursive: true }));

/** What the process holds besides JavaScript's heap, and the objects in that, after all garbage is collected: V8 may take its time. */
function processMemory(): { native: number; objects: number } {
  collectGarbage();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { native: rss - heapTotal, objects: heapUsed };
}

it("holds the same tensors and bytes from step 2 to step 200, over evaluations that drop fooled images, with averaged weights", async () => {
  const settings = tinySettings({
    limitTrain: 64,
    limitTest: 24,
    batchSize: 8,
    epochs: 25,
    milestones: [25],
    evaluateEvery: 2,
    ema: 0.995,
  });
  const run = await prepareRun(settings, tinyPlaces(stores, "long"));
  const seen: { tensors: number; bytes: number }[] = [];
  const processes: ReturnType<typeof processMemory>[] = [];
  const events = silentEvents({
    onStep() {
      const { numTensors: tensors, numBytes: bytes } = tf.memory();
      seen.push({ tensors, bytes });
      if (seen.length % 50 === 0) processes.push(processMemory());
    },
  });
  await train(run, events, 1e9);
  await run.close();
  expect(seen).toHaveLength(200);
  const [, second] = seen;
  for (const { tensors, bytes } of seen.slice(1))
    expect({ tensors, bytes }).toEqual({ tensors: second?.tensors, bytes: second?.bytes });
  // The allocators settle in the first quarter.
  const [quarter, , , last] = processes;
  expect((last?.native ?? NaN) - (quarter?.native ?? NaN)).toBeLessThan(48 * 2 ** 20);
  expect((last?.objects ?? NaN) - (quarter?.objects ?? NaN)).toBeLessThan(16 * 2 ** 20);
});
