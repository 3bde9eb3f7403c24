import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { climb } from "#mtard/attacks/pgd.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset, type Split } from "#mtard/data/store.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import { logitGradients } from "#mtard/methods/logit-gradients.js";
import { methods } from "#mtard/methods/methods.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { tf, type Tensor, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import {
  disposeParameters,
  parametersFromWeights,
  weightsFromParameters,
} from "#mtard/student/parameters.js";
import { initialMomenta } from "#mtard/student/sgd.js";
import { trainingBackward } from "#mtard/student/training-pass.js";
import { openTeacher, type Teacher } from "#mtard/teacher/bridge.js";
import { findTeacher } from "#mtard/teacher/reference.js";
import { importTeacher } from "#mtard/teacher/import.js";
import { forwardStudent, learn } from "#mtard/training/step.js";
import type { Trainee } from "#mtard/training/trainee.js";
import { goldenJson, goldenTensors, largestDifference, relativeNorm, type GoldenTensor } from "../golden.js";
import { hasShared, shared } from "../shared.js";

interface GoldenStep {
  loss_adv: number;
  loss_nat: number;
  entropy_adv: number;
  entropy_nat: number;
  temperature_adv: number;
  temperature_nat: number;
  weight_adv: number;
  weight_nat: number;
}

const ROWS = 16;
const SHAPE = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const settings = recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-20" });
const stepSettings = { method: settings, sgd: settings };

const folder = mkdtempSync(join(tmpdir(), "mtard-steps-"));
const network = createNetwork("resnet-20", SHAPE);
let train: Split;
let cleanTeacher: Teacher;
let robustTeacher: Teacher;
let steps: GoldenStep[];
let first: (name: string) => GoldenTensor;
let noise: GoldenTensor;
let initial: (name: string) => GoldenTensor;

/** A golden image tensor, NCHW, as the student takes it. */
function nhwc({ shape, data }: GoldenTensor): Tensor4D {
  return tf.tidy(() => tf.transpose<Tensor4D>(tf.tensor4d(data, shape as Tensor4D["shape"]), [0, 2, 3, 1]));
}

function batch(step: number): {
  images: Tensor4D;
  host: Float32Array;
  labels: ReturnType<typeof tf.tensor1d>;
} {
  const host = Float32Array.from(train.images.read(step * ROWS, ROWS), (v) => v / 255);
  const labels = tf.tensor1d(Int32Array.from(train.labels.subarray(step * ROWS, (step + 1) * ROWS)), "int32");
  return { images: tf.tensor4d(host, [ROWS, 32, 32, 3]), host, labels };
}

function newTrainee(): Trainee {
  const weights = new Map(parameterSpecs(network).map(({ name }) => [name, initial(name)]));
  const parameters = parametersFromWeights(network, weights);
  const method = methods["b-mtard"];
  const momenta = initialMomenta(network, parameters);
  return {
    network,
    parameters,
    momenta,
    method,
    state: method.initialState(settings, 10),
    cleanTeacher,
    robustTeacher,
    precision: "float32",
  };
}

async function teacherAnswers(host: Float32Array, adversarial: Tensor4D) {
  const clean = { values: await cleanTeacher.logits(host), classes: 10 };
  const robust = { values: await robustTeacher.logits(adversarial.dataSync<"float32">()), classes: 10 };
  return { cleanTeacherNat: clean, robustTeacherAdv: robust };
}

function attack(trainee: Trainee, images: Tensor4D, labels: Tensor, step: number): Tensor4D {
  const target = inferenceStudent(network, trainee.parameters);
  const start = tf.tidy(() => {
    if (step >= 2) return tf.clone(images);
    const size = ROWS * 3 * 32 * 32;
    const drawn = { shape: [ROWS, 3, 32, 32], data: noise.data.subarray(step * size, (step + 1) * size) };
    return tf.add<Tensor4D>(images, tf.mul(nhwc(drawn), 0.001));
  });
  const pgd = { epsilon: 8 / 255, stepSize: 2 / 255, steps: 10 };
  const loss = { kind: "crossEntropy", labels: labels as ReturnType<typeof tf.tensor1d> } as const;
  const adversarial = climb(target, images, start, loss, pgd);
  target.dispose();
  start.dispose();
  return adversarial;
}

describe.skipIf(!hasShared)("ten B-MTARD steps of golden/steps.json", () => {
  beforeAll(async () => {
    await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
    train = openDataset("cifar10", folder).train;
    const dataset = { name: "cifar10", ...SHAPE };
    await importTeacher({
      name: "clean",
      dataset,
      from: { kind: "weights", path: shared("teachers/cifar10-resnet56.th"), network: "resnet-56" },
      normalization: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      teachersDir: folder,
    });
    await importTeacher({
      name: "robust",
      dataset,
      from: { kind: "onnx", path: shared("teachers/cifar10-cnn-robust.onnx") },
      teachersDir: folder,
    });
    cleanTeacher = await openTeacher(findTeacher("clean", folder), { device: "cpu" });
    robustTeacher = await openTeacher(findTeacher("robust", folder), { device: "cpu" });
    ({ steps } = goldenJson<{ steps: GoldenStep[] }>("steps.json"));
    first = await goldenTensors("steps-first.safetensors");
    noise = (await goldenTensors("steps-noise.safetensors"))("noise");
    initial = await goldenTensors("steps-student-initial.safetensors");
  });

  afterAll(async () => {
    await cleanTeacher.close();
    await robustTeacher.close();
    rmSync(folder, { recursive: true });
  });

  it("step 0 with the golden adversarial images: losses, logits, gradients and weights are PyTorch's", async () => {
    const trainee = newTrainee();
    const { images, host, labels } = batch(0);
    const adversarial = nhwc(first("adversarial.0"));
    const passes = forwardStudent(trainee, images, adversarial);
    const teachers = await teacherAnswers(host, adversarial);

    const logits = {
      clean_teacher_logits: teachers.cleanTeacherNat.values,
      robust_teacher_logits: teachers.robustTeacherAdv.values,
      student_nat_logits: passes.nat?.logits.dataSync<"float32">(),
      student_adv_logits: passes.adv?.logits.dataSync<"float32">(),
    };
    for (const [name, values] of Object.entries(logits)) {
      expect(largestDifference(values as Float32Array, first(`${name}.0`).data), name).toBeLessThan(1e-4);
    }

    const report = learn(trainee, passes, { teachers, labels, rightIterates: null }, stepSettings);
    const golden = steps[0] as GoldenStep;
    expect(Math.abs((report["lossNat"] ?? NaN) / golden.loss_nat - 1)).toBeLessThan(1e-5);
    expect(Math.abs((report["lossAdv"] ?? NaN) / golden.loss_adv - 1)).toBeLessThan(1e-5);

    const after = weightsFromParameters(network, trainee.parameters);
    for (const name of [
      "conv1.weight",
      "layer2.0.conv2.weight",
      "linear.weight",
      "bn1.running_mean",
      "bn1.running_var",
    ]) {
      const values = after.get(name)?.data as Float32Array;
      expect(largestDifference(values, first(`after.0.${name}`).data), name).toBeLessThan(5e-5);
    }
    tf.dispose([images, adversarial, labels]);
    disposeParameters(trainee.parameters);
    disposeParameters(trainee.momenta);
  });

  it("step 0's parameter gradients are PyTorch's", async () => {
    const trainee = newTrainee();
    const { images, host, labels } = batch(0);
    const adversarial = nhwc(first("adversarial.0"));
    const passes = forwardStudent(trainee, images, adversarial);
    const teachers = await teacherAnswers(host, adversarial);
    const { nat, adv } = logitGradients(
      trainee.method,
      trainee.state,
      {
        studentNat: passes.nat?.logits ?? null,
        studentAdv: passes.adv?.logits ?? null,
        teachers,
        labels,
        rightIterates: null,
      },
      settings,
    );
    const gradients = new Map<string, Tensor>();
    if (!passes.nat || !passes.adv || !nat || !adv) throw new Error("b-mtard trains on both");
    trainingBackward(network, trainee.parameters, passes.adv, adv, gradients);
    trainingBackward(network, trainee.parameters, passes.nat, nat, gradients);
    const host32 = weightsFromParameters(network, gradients);
    for (const name of [
      "conv1.weight",
      "layer2.0.conv2.weight",
      "layer3.2.bn2.weight",
      "linear.weight",
      "linear.bias",
    ]) {
      expect(
        relativeNorm(host32.get(name)?.data as Float32Array, first(`grad.0.${name}`).data),
        name,
      ).toBeLessThan(0.02);
    }
    tf.dispose([images, adversarial, labels, nat, adv, ...gradients.values()]);
    disposeParameters(trainee.parameters);
    disposeParameters(trainee.momenta);
  });

  it("the first input gradient is PyTorch's", () => {
    const trainee = newTrainee();
    const { images, labels } = batch(0);
    const target = inferenceStudent(network, trainee.parameters);
    const drawn = { shape: [ROWS, 3, 32, 32], data: noise.data.subarray(0, ROWS * 3 * 32 * 32) };
    const start = tf.add<Tensor4D>(images, tf.mul(nhwc(drawn), 0.001));
    const { gradient } = target.lossGradient(start, { kind: "crossEntropy", labels });
    const mean = tf.transpose(tf.div(gradient, ROWS), [0, 3, 1, 2]).dataSync<"float32">();
    expect(relativeNorm(mean, first("input_gradient.0").data)).toBeLessThan(0.005);
    target.dispose();
  });

  it("free running, the attack ours: stays as close as two PyTorch kernels do", async () => {
    const trainee = newTrainee();
    for (const [step, golden] of steps.entries()) {
      const { images, host, labels } = batch(step);
      const adversarial = attack(trainee, images, labels, step);
      if (step === 0) {
        const ours = adversarial.dataSync<"float32">();
        const theirs = nhwc(first("adversarial.0")).dataSync<"float32">();
        const equal = ours.filter((value, index) => Math.abs(value - (theirs[index] ?? NaN)) < 1e-6).length;
        expect(equal / ours.length).toBeGreaterThanOrEqual(0.95);
      }
      const passes = forwardStudent(trainee, images, adversarial);
      const teachers = await teacherAnswers(host, adversarial);
      const report = learn(trainee, passes, { teachers, labels, rightIterates: null }, stepSettings);
      const tolerance = step === 0 ? 0.005 : 0.05;
      expect(Math.abs((report["lossAdv"] ?? NaN) / golden.loss_adv - 1), `lossAdv ${step}`).toBeLessThan(
        tolerance,
      );
      expect(Math.abs((report["lossNat"] ?? NaN) / golden.loss_nat - 1), `lossNat ${step}`).toBeLessThan(
        tolerance,
      );
      expect(report["temperatureNat"]).toBe(golden.temperature_nat);
      expect(report["temperatureAdv"]).toBe(golden.temperature_adv);
      tf.dispose([images, labels, adversarial]);
    }
  });
});
