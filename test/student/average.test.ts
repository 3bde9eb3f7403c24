import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor } from "#mtard/runtime/tensorflow.js";
import { averageDecay, initialAverage, moveAverage } from "#mtard/student/average.js";
import { disposeParameters, parametersFromWeights, type Parameters } from "#mtard/student/parameters.js";

type Values = Readonly<Record<string, { readonly shape: number[]; readonly values: number[] }>>;

interface Golden {
  readonly decay: number;
  readonly start: Values;
  readonly after: readonly { readonly weights: Values; readonly average: Values }[];
}

const golden = JSON.parse(readFileSync(new URL("average.json", import.meta.url), "utf8")) as Golden;

function tensors(values: Values): Parameters {
  return new Map(
    Object.entries(values).map(([name, { shape, values }]): [string, Tensor] => [
      name,
      tf.keep(tf.tensor(values, shape)),
    ]),
  );
}

/** The largest distance of any value from the golden one. */
function furthest(found: Parameters, expected: Values): number {
  const distances = Object.entries(expected).flatMap(([name, { values }]) => {
    const computed = found.get(name)?.dataSync() ?? [];
    return values.map((value, index) => Math.abs((computed[index] ?? NaN) - value));
  });
  return Math.max(...distances);
}

it.each(["1", "0"])("is AveragedModel's, statistics included, with MTARD_COMPILE=%s", (compile) => {
  const before = process.env["MTARD_COMPILE"];
  process.env["MTARD_COMPILE"] = compile;
  const tensorsBefore = tf.memory().numTensors;
  const average = tensors(golden.start);
  try {
    expect([...average.keys()]).toEqual(expect.arrayContaining(["1.running_mean", "1.running_var"]));
    for (const [index, { weights, average: expected }] of golden.after.entries()) {
      const parameters = tensors(weights);
      const away = furthest(parameters, expected);
      moveAverage(average, parameters, averageDecay(golden.decay, index + 1));
      expect(furthest(average, expected)).toBeLessThan(1e-6);
      // Else the average could be the weights themselves.
      expect(away).toBeGreaterThan(1e-3);
      disposeParameters(parameters);
    }
  } finally {
    disposeParameters(average);
    if (before === undefined) delete process.env["MTARD_COMPILE"];
    else process.env["MTARD_COMPILE"] = before;
  }
  expect(tf.memory().numTensors).toBe(tensorsBefore);
});

it("begins as the weights, and is no view of them", () => {
  const network = createNetwork("resnet-8", {
    image: { height: 32, width: 32, channels: 3 },
    classes: 10,
  });
  const weights = initialWeights(network, Random.fromSeed(1));
  const parameters = parametersFromWeights(network, weights);
  const average = initialAverage(network, parameters);
  disposeParameters(parameters);
  expect([...average.keys()].sort()).toEqual([...weights.keys()].sort());
  expect(average.get("linear.bias")?.dataSync()).toEqual(weights.get("linear.bias")?.data);
  disposeParameters(average);
});

it("keeps (1 + s) / (10 + s) of itself after s steps, and never more than is set", () => {
  expect([1, 2, 11, 10_000].map((step) => averageDecay(0.995, step))).toEqual([0.1, 2 / 11, 0.55, 0.995]);
});
