import { afterEach, describe, expect, it, vi } from "vitest";
import { climb } from "#mtard/attacks/pgd.js";
import type { LogitLoss } from "#mtard/attacks/logit-loss.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import type { Network } from "#mtard/graph/network.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { arithmeticOf } from "#mtard/runtime/arithmetic.js";
import { compileRefusal } from "#mtard/runtime/compiled.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor, type Tensor2D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent, type InferenceOptions, MEASURED } from "#mtard/student/inference.js";
import { keptShapes } from "#mtard/student/kernels.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { initialMomenta, sgdStep } from "#mtard/student/sgd.js";
import { trainingBackward, trainingForward } from "#mtard/student/training-pass.js";
import { trainingTarget } from "#mtard/student/training-target.js";
import { batchSize } from "#mtard/student/batch-size.js";
import { relativeNorm } from "../golden.js";

const COUNT = 5;
const CLASSES = 10;
const SHAPE = { image: { height: 32, width: 32, channels: 3 }, classes: CLASSES };

afterEach(() => vi.unstubAllEnvs());

/** What a work makes when passes are compiled, and when they run operation by operation. */
function bothWays<Result>(work: () => Result): [Result, Result] {
  const compiled = work();
  vi.stubEnv("MTARD_COMPILE", "0");
  const plain = work();
  vi.unstubAllEnvs();
  return [compiled, plain];
}

function freshParameters(network: Network) {
  return parametersFromWeights(network, initialWeights(network, Random.fromSeed(3)));
}

function imagesOf(count = COUNT): Tensor4D {
  return tf.randomUniform<Tensor4D>([count, 32, 32, 3], 0, 1, "float32", 7);
}

/** Values by name, read and freed. */
function read(tensors: Iterable<readonly [string, Tensor]>): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of tensors) {
    values.set(name, Float32Array.from(tensor.dataSync<"float32">()));
    tensor.dispose();
  }
  return values;
}

function losses(): LogitLoss[] {
  const labels = tf.tensor1d([0, 3, 9, 1, 1], "int32");
  const targets = tf.tensor1d([1, 4, 0, 2, 5], "int32");
  const probabilities = tf.softmax<Tensor2D>(tf.randomNormal<Tensor2D>([COUNT, CLASSES], 0, 1, "float32", 5));
  return [
    ...(["crossEntropy", "margin", "dlr"] as const).map((kind) => ({ kind, labels })),
    ...(["targetedMargin", "dlrTargeted"] as const).map((kind) => ({ kind, labels, targets })),
    ...(["klTo", "squaredTo"] as const).map((kind) => ({ kind, probabilities })),
  ];
}

/** Logits, losses and input gradients of a student. */
function answers(network: Network, loss: LogitLoss, options: InferenceOptions = {}) {
  const [parameters, images] = [freshParameters(network), imagesOf()];
  const student = inferenceStudent(network, parameters, options);
  const looked = student.logits(images);
  const made = read([["looked", looked], ...Object.entries(student.lossGradient(images, loss))]);
  student.dispose();
  disposeParameters(parameters);
  images.dispose();
  return made;
}

/** A training step, attack in training mode and all: the logits, the weights, statistics and momenta after it. */
function trainingStep(network: Network) {
  const [parameters, images] = [freshParameters(network), imagesOf()];
  const momenta = initialMomenta(network, parameters);
  const labels = tf.tensor1d([0, 3, 9, 1, 1], "int32");
  const target = trainingTarget(network, parameters, "moved");
  const { gradient, ...others } = target.lossGradient(images, { kind: "crossEntropy", labels });
  tf.dispose(others);
  const attacked = tf.tidy(() => tf.add<Tensor4D>(images, tf.mul(gradient, 10)));
  const values = new Map<string, Tensor>([["gradient", gradient]]);
  const gradients = new Map<string, Tensor>();
  for (const [name, batch] of [
    ["nat", images],
    ["adv", attacked],
  ] as const) {
    const pass = trainingForward(network, parameters, batch);
    values.set(name, tf.clone(pass.logits));
    const back = tf.tidy(() => tf.sub<Tensor2D>(tf.softmax(pass.logits), 1 / CLASSES));
    trainingBackward(network, parameters, pass, back, gradients);
    back.dispose();
  }
  sgdStep(parameters, momenta, gradients, {
    learningRate: 0.1,
    momentum: 0.9,
    weightDecay: 2e-4,
    nesterov: true,
  });
  for (const [name, tensor] of parameters) values.set(name, tensor);
  for (const [name, tensor] of momenta) values.set(`momentum of ${name}`, tensor);
  tf.dispose([images, labels, attacked]);
  return read(values);
}

function expectClose(
  made: Map<string, Float32Array>,
  plain: Map<string, Float32Array>,
  tolerance: number,
): void {
  expect([...made.keys()]).toEqual([...plain.keys()]);
  for (const [name, values] of plain)
    expect(relativeNorm(made.get(name) ?? new Float32Array(), values), name).toBeLessThan(tolerance);
}

// Kernel by kernel, they are compared with PyTorch, ONNX Runtime and finite differences elsewhere.
describe.each(["resnet-8", "resnet-14-b", "mobilenet-v2", "preact-resnet-18", "wide-resnet-10-2-deepmind"])(
  "%s, compiled,",
  (id) => {
    const network = createNetwork(id, SHAPE);

    it("answers as kernel by kernel, and has its gradients", () => {
      for (const loss of losses()) {
        const [made, plain] = bothWays(() => answers(network, loss));
        expectClose(made, plain, 1e-5);
      }
      expect(compileRefusal()).toBeNull();
    });

    it("trains as kernel by kernel, and leaves no tensor", () => {
      trainingStep(network);
      const before = tf.memory().numTensors - keptShapes();
      const [made, plain] = bothWays(() => trainingStep(network));
      expectClose(made, plain, 1e-5);
      expect(tf.memory().numTensors - keptShapes()).toBe(before);
      expect(compileRefusal()).toBeNull();
    });
  },
);

describe("an inference student", () => {
  const network = createNetwork("resnet-8", SHAPE);
  const [loss] = losses() as [LogitLoss];

  it("answers alike in batches that are filled up", () => {
    const [made, plain] = bothWays(() => answers(network, loss, { ...MEASURED, after: 0 }));
    expectClose(made, plain, 1e-5);
    const sizes = [1, 4, 5, 16, 17, 127, 128].map((count) => batchSize(count, 1, true).size);
    expect(sizes).toEqual([4, 4, 8, 16, 24, 128, 128]);
  });

  it("answers alike where XLA compiles its passes", () => {
    const plain = answers(network, loss);
    vi.stubEnv("MTARD_XLA", "1");
    const made = answers(network, loss);
    expectClose(made, plain, 1e-5);
    expect(
      relativeNorm(made.get("gradient") ?? new Float32Array(), plain.get("gradient") ?? new Float32Array()),
    ).toBeGreaterThan(0);
    const [step, plainStep] = bothWays(() => trainingStep(network));
    expectClose(step, plainStep, 1e-4);
  });

  it("shares a batch out to threads, in parts of one size", () => {
    const shared = (count: number, threads: number) => batchSize(count, threads, false);
    expect(shared(128, 2)).toEqual({ size: 128, parts: 2 });
    expect(shared(128, 12)).toEqual({ size: 132, parts: 12 });
    expect(shared(20, 16)).toEqual({ size: 20, parts: 5 });
    expect(shared(7, 2)).toEqual({ size: 8, parts: 2 });
    expect(shared(4, 16)).toEqual({ size: 4, parts: 1 });
    expect(batchSize(35, 3, true)).toEqual({ size: 42, parts: 3 });
  });

  it.each(["1", "2", "3", "5"])("answers alike with %s threads", (threads) => {
    const images = imagesOf(13);
    const labels = tf.tensor1d(
      Array.from({ length: 13 }, (_, index) => index % CLASSES),
      "int32",
    );
    const [made, plain] = bothWays(() => {
      if (process.env["MTARD_COMPILE"] !== "0") vi.stubEnv("MTARD_THREADS", threads);
      const parameters = freshParameters(network);
      const student = inferenceStudent(network, parameters);
      const { loss, logits, gradient } = student.lossGradient(images, { kind: "crossEntropy", labels });
      const values = { looked: student.logits(images), loss, logits, gradient };
      student.dispose();
      disposeParameters(parameters);
      return read(Object.entries(values));
    });
    expectClose(made, plain, 1e-6);
    expect(compileRefusal()).toBeNull();
    tf.dispose([images, labels]);
  });

  it.each([
    ["1", "linf"],
    ["2", "linf"],
    ["3", "linf"],
    ["2", "l2"],
  ] as const)(
    "climbs at once to where it climbs step by step, to the bit, with %s threads in %s",
    (threads, norm) => {
      vi.stubEnv("MTARD_THREADS", threads);
      const images = imagesOf(13);
      const noise = tf.randomUniform<Tensor4D>(images.shape, -0.02, 0.02, "float32", 9);
      const start = tf.add<Tensor4D>(images, noise);
      const labels = Array.from({ length: 13 }, (_, index) => index % CLASSES);
      const climbedLoss: LogitLoss = { kind: "crossEntropy", labels: tf.tensor1d(labels, "int32") };
      const settings =
        norm === "l2"
          ? { norm, epsilon: 0.5, stepSize: 0.2, steps: 5 }
          : { epsilon: 0.03, stepSize: 0.01, steps: 5 };
      const parameters = freshParameters(network);
      const student = inferenceStudent(network, parameters);
      function climbed(watch?: () => void): Float32Array {
        const made = climb(student, images, start, climbedLoss, settings, watch);
        const values = made.dataSync<"float32">().slice();
        made.dispose();
        return values;
      }
      const kept = start.dataSync<"float32">().slice();
      const atOnce = climbed();
      let looks = 0;
      expect(atOnce).toEqual(climbed(() => looks++));
      expect(looks).toBe(5);
      expect(relativeNorm(atOnce, kept)).toBeGreaterThan(0.01);
      expect(start.dataSync<"float32">()).toEqual(kept);
      const tensors = tf.memory().numTensors - keptShapes();
      expect(climbed()).toEqual(atOnce);
      expect(tf.memory().numTensors - keptShapes()).toBe(tensors);
      vi.stubEnv("MTARD_COMPILE", "0");
      const plain = climbed();
      expect(tf.memory().numTensors - keptShapes()).toBe(tensors);
      if (norm === "l2") {
        // A ReLU whose input is so near 0 that its sign is another moves every pixel that it sees a little.
        expect(relativeNorm(atOnce, plain)).toBeLessThan(1e-5);
      } else {
        // One pixel in thousands has a gradient so near 0 that its sign is another.
        const apart = Array.from(plain, (value, index) => Math.abs(value - (atOnce[index] ?? NaN)) > 1e-6);
        expect(apart.filter(Boolean).length).toBeLessThan(plain.length / 1000);
      }
      student.dispose();
      disposeParameters(parameters);
      tf.dispose([images, noise, start, climbedLoss.labels]);
      expect(compileRefusal()).toBeNull();
    },
  );

  it.runIf(arithmeticOf("cpu").bfloat16.works)(
    "is near itself in bfloat16, whose fraction has 8 bits",
    () => {
      const [half, plain] = [answers(network, loss, { precision: "bfloat16" }), answers(network, loss)];
      for (const name of ["looked", "logits", "loss"]) {
        const apart = relativeNorm(
          half.get(name) ?? new Float32Array(),
          plain.get(name) ?? new Float32Array(),
        );
        expect(apart, name).toBeLessThan(0.02);
        expect(apart, name).toBeGreaterThan(0);
      }
      const [one = [], other = []] = [half, plain].map((each) => each.get("gradient") ?? new Float32Array());
      const same = Array.from(one, (value, index) => Math.sign(value) === Math.sign(other[index] ?? NaN));
      expect(same.filter(Boolean).length / one.length).toBeGreaterThan(0.9);
    },
  );
});
