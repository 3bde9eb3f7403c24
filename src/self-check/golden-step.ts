import type { Batch } from "../data/batches.js";
import { networkBuilder } from "../graph/builder.js";
import type { Network } from "../graph/network.js";
import { parameterSpecs, type HostTensor, type Weights } from "../graph/parameters.js";
import { bMtard } from "../methods/b-mtard.js";
import { basicBlock, projection } from "../networks/basic-block.js";
import { type DeviceRequest, studentDevice } from "../runtime/device.js";
import { tf } from "../runtime/tensorflow.js";
import {
  disposeParameters,
  parametersFromWeights,
  tensorsFromWeights,
  trainedParameters,
  weightsFromParameters,
} from "../student/parameters.js";
import { trainingStep } from "../training/step.js";
import { relativeDistance } from "./compare.js";
import { fixedTeacher } from "./fixed-teacher.js";
import golden from "./golden-step.json" with { type: "json" };

/** One step of B-MTARD as PyTorch computed it in float64; `test/self-check/golden_step.py` made it. */
export interface GoldenStep {
  readonly settings: typeof golden.settings;
  readonly state: typeof golden.state;
  /** What the step reports. */
  readonly report: Readonly<Record<string, number>>;
  /** Weights and statistics after the step, by name. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

/** How far a step was from the golden one. */
export interface StepDistance {
  /** The largest relative difference of a reported number, and its name. */
  readonly report: Furthest;
  /** The largest distance of a parameter or statistic, as a share of the way that it moved in the step, and its name. */
  readonly weights: Furthest;
}

interface Furthest {
  readonly name: string;
  readonly distance: number;
}

const COUNT = 6;
const CLASSES = 4;
const IMAGE = { height: 8, width: 8, channels: 3 } as const;

/**
 * Makes the step of the golden one, attack and both training passes, and compares.
 *
 * @throws {WorkError} as `studentDevice`.
 */
export async function goldenStepDistance(
  { device }: { readonly device: DeviceRequest },
  expected: GoldenStep = golden,
): Promise<StepDistance> {
  studentDevice(tf, device);
  const { settings, state } = expected;
  const network = goldenNetwork();
  const before = goldenWeights(network);
  const parameters = parametersFromWeights(network, before);
  const momenta = tensorsFromWeights(network, goldenMomenta(network));
  const teacher = (frequency: number, scale: number) =>
    fixedTeacher(formula([COUNT, CLASSES], frequency, scale).data, IMAGE, CLASSES);
  const trainee = {
    ...({ network, parameters, momenta, method: bMtard, state, precision: "float32" } as const),
    cleanTeacher: teacher(0.71, 3),
    robustTeacher: teacher(0.83, 2),
  };
  const { height, width, channels } = IMAGE;
  const batch: Batch = {
    images: formula([COUNT, height, width, channels], 0.53, 0.45, 0.5).data,
    labels: Int32Array.from({ length: COUNT }, (_, image) => image % CLASSES),
    count: COUNT,
    ...{ seed: [0, 0], epoch: 0, step: 0 },
  };
  const method = { ...UNREAD, ...settings };
  const report = await trainingStep(
    trainee,
    batch,
    { method, sgd: { ...settings, nesterov: false } },
    () => undefined,
  );
  const after = weightsFromParameters(network, parameters);
  disposeParameters(parameters);
  disposeParameters(momenta);
  return { report: furthestReport(report, expected), weights: furthestWeights(before, after, expected) };
}

/** Settings that the step does not read, and the attack's start: the images themselves. */
const UNREAD = {
  innerStart: 0,
  innerMode: "inference",
  attackPrecision: "float32",
  classTemperatures: "separate",
  guidance: "shared",
  alpha: 0,
  temperature: 1,
  initialTemperature: 1,
  lossClip: 0,
} as const;

function furthestReport(report: Readonly<Record<string, number>>, expected: GoldenStep): Furthest {
  return furthest(
    Object.entries(expected.report).map(([name, value]) => ({
      name,
      distance: Math.abs((report[name] ?? NaN) - value) / Math.abs(value),
    })),
  );
}

function furthestWeights(before: Weights, after: Weights, expected: GoldenStep): Furthest {
  return furthest(
    [...after].map(([name, { data }]) => {
      const golden = Float32Array.from(expected.weights[name] ?? []);
      const start = before.get(name)?.data ?? golden;
      const moved = golden.map((value, index) => value - (start[index] as number));
      const ours = data.map((value, index) => value - (start[index] as number));
      return { name, distance: relativeDistance(ours, moved) };
    }),
  );
}

/** The one that is furthest; one that is no number is further than any. */
function furthest(all: readonly Furthest[]): Furthest {
  const rank = ({ distance }: Furthest): number => (Number.isNaN(distance) ? Infinity : distance);
  return all.reduce((most, each) => (rank(each) > rank(most) ? each : most));
}

function goldenNetwork(): Network {
  const builder = networkBuilder(IMAGE.channels);
  const stem = builder.batchNorm("bn1", builder.conv("conv1", "images", { filters: 6, kernel: 3 }));
  const block = basicBlock(builder, "block", builder.relu(stem), 8, 2, (input) =>
    projection(builder, "block.shortcut", input, 8, 2),
  );
  return {
    id: "golden-step",
    input: IMAGE,
    classes: CLASSES,
    normalization: { mean: [0.5, 0.45, 0.4], std: [0.25, 0.25, 0.25] },
    initialization: "uniform",
    output: builder.linear("linear", builder.globalAveragePool(block), CLASSES),
    layers: builder.layers,
  };
}

function goldenWeights(network: Network): Weights {
  return new Map(
    parameterSpecs(network).map(({ name, shape }, ordinal) => {
      const frequency = 0.37 + 0.01 * ordinal;
      if (shape.length > 1) {
        const fanIn = shape.slice(1).reduce((product, extent) => product * extent, 1);
        return [name, formula(shape, frequency, 1.5 / Math.sqrt(fanIn))];
      }
      const aroundOne = name.endsWith(".weight") || name.endsWith(".running_var");
      return [name, formula(shape, frequency, aroundOne ? 0.3 : 0.1, aroundOne ? 1 : 0)];
    }),
  );
}

function goldenMomenta(network: Network): Weights {
  const trained = new Set(trainedParameters(network));
  return new Map(
    parameterSpecs(network).flatMap(({ name, shape }, ordinal) =>
      trained.has(name) ? [[name, formula(shape, 0.91 + 0.01 * ordinal, 0.01)]] : [],
    ),
  );
}

/** scale sin(frequency i^2) + shift for i = 1, 2, ...: the same numbers in any language. */
function formula(shape: readonly number[], frequency: number, scale: number, shift = 0): HostTensor {
  const length = shape.reduce((product, extent) => product * extent, 1);
  const data = Float32Array.from(
    { length },
    (_, index) => scale * Math.sin(frequency * (index + 1) ** 2) + shift,
  );
  return { shape, data };
}
