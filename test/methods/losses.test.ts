import { describe, expect, it } from "vitest";
import { readSafetensors } from "#mtard/weights/safetensors.js";
import { logitGradients } from "#mtard/methods/logit-gradients.js";
import type { Method, MethodSettings } from "#mtard/methods/method.js";
import { methods } from "#mtard/methods/methods.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { Random } from "#mtard/runtime/random.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { goldenJson, goldenTensors } from "../golden.js";
import { hasShared, shared } from "../shared.js";
import {
  crossEntropy,
  finiteDifferences,
  referenceLosses,
  softmax,
  type ReferenceBatch,
  type Rows,
} from "./reference.js";

type TestedMethod = keyof typeof referenceLosses;

/** The cases of golden/methods.json, and one it does not have; the name says which method. */
const CASES = {
  natural: {},
  sat: {},
  trades: { beta: 6 },
  score: { beta: 4, lossClip: 0 },
  "ard-cifar10": { temperature: 30, alpha: 1 },
  "ard-cifar100": { temperature: 5, alpha: 0.95 },
  rslad: { alpha: 5 / 6, klScale: 1 },
  "fair-ard": { temperature: 5, alpha: 0.95 },
  absld: { alpha: 5 / 6, klScale: 1 },
  baseline: { klScale: 1 },
  lmtn: { alpha: 0.3, klScale: 10 },
  "lmtn-per-image": { alpha: 0.3, klScale: 10, guidance: "per-image" },
  "score-clipped": { beta: 6, lossClip: 0.3 },
} satisfies Record<string, Partial<MethodSettings>>;

type Case = keyof typeof CASES;

const methodOf = (name: Case): TestedMethod =>
  name.replace(/-(cifar10+|clipped|per-image)$/, "") as TestedMethod;

const settingsOf = (name: Case): MethodSettings => ({
  ...recipe({ dataset: "cifar10", method: methodOf(name), student: "resnet-18" }),
  ...CASES[name],
});

const flat = (rows: Rows): Float32Array => Float32Array.from(rows.flat());

/** The state in which a method is as far as the batch says. */
function stateOf(method: TestedMethod, batch: ReferenceBatch): unknown {
  const zeros = batch.classWeights.map(() => 0);
  if (method === "fair-ard") return { weights: batch.classWeights, kappaSums: zeros, counts: zeros };
  if (method === "absld") {
    const temperatures = { nat: batch.temperatureNat, adv: batch.temperatureAdv };
    return { temperatures, losses: { nat: zeros, adv: zeros } };
  }
  return undefined;
}

/** What the program makes of a batch: the total loss and its gradients. */
function ours(name: Case, batch: ReferenceBatch): { total: number; nat: Float32Array; adv: Float32Array } {
  const id = methodOf(name);
  const method: Method = methods[id];
  const settings = settingsOf(name);
  const classes = batch.classWeights.length;
  const state = stateOf(id, batch) ?? method.initialState(settings, classes);
  const { passes } = method;
  const shape: [number, number] = [batch.labels.length, classes];
  const student = (rows: Rows, kind: "nat" | "adv"): ReturnType<typeof tf.tensor2d> | null =>
    (passes as readonly string[]).includes(kind) ? tf.tensor2d(flat(rows), shape) : null;
  const teacher = (rows: Rows): { values: Float32Array; classes: number } => ({
    values: flat(rows),
    classes,
  });
  const inputs = {
    studentNat: student(batch.studentNat, "nat"),
    studentAdv: student(batch.studentAdv, "adv"),
    labels: tf.tensor1d([...batch.labels], "int32"),
  };
  const before = tf.memory().numTensors;
  const { nat, adv, total } = logitGradients(
    method,
    state,
    {
      ...inputs,
      teachers: {
        cleanTeacherNat: teacher(batch.cleanTeacherNat),
        cleanTeacherAdv: teacher(batch.cleanTeacherAdv),
        robustTeacherNat: teacher(batch.robustTeacherNat),
        robustTeacherAdv: teacher(batch.robustTeacherAdv),
      },
      rightIterates: new Int32Array(batch.labels.length),
    },
    settings,
  );
  const zeros = new Float32Array(batch.labels.length * classes);
  const found = {
    total,
    nat: nat?.dataSync<"float32">() ?? zeros,
    adv: adv?.dataSync<"float32">() ?? zeros,
  };
  tf.dispose([nat, adv].filter((tensor) => tensor !== null));
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(Object.values(inputs).filter((tensor) => tensor !== null));
  return found;
}

function expectClose(found: Float32Array, expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  const worst = found.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (expected[index] ?? NaN))),
    0,
  );
  expect(worst).toBeLessThan(1e-5);
}

async function goldenBatch(): Promise<ReferenceBatch> {
  const tensor = await goldenTensors("methods.safetensors");
  const { tensors } = await readSafetensors(shared("golden/methods.safetensors"));
  const labels = tensors.get("labels");
  if (!labels) throw new Error("golden/methods.safetensors has no labels");
  const bytes = new DataView(labels.bytes.buffer, labels.bytes.byteOffset, labels.bytes.byteLength);
  const rows = (name: string): Rows => {
    const { shape, data } = tensor(name);
    const width = shape[1] ?? NaN;
    return Array.from({ length: shape[0] ?? 0 }, (_, n) => [...data.subarray(n * width, (n + 1) * width)]);
  };
  return {
    studentNat: rows("student_nat"),
    studentAdv: rows("student_adv"),
    cleanTeacherNat: rows("clean_teacher_nat"),
    // The golden file has none, and its methods ask for none.
    cleanTeacherAdv: [],
    robustTeacherNat: rows("robust_teacher_nat"),
    robustTeacherAdv: rows("robust_teacher_adv"),
    labels: Array.from({ length: bytes.byteLength / 8 }, (_, n) => Number(bytes.getBigInt64(8 * n, true))),
    classWeights: goldenJson<{ fairClassWeights: number[] }>("methods.json").fairClassWeights,
    temperatureNat: [...tensor("temperature_nat").data],
    temperatureAdv: [...tensor("temperature_adv").data],
  };
}

/** A batch of other shapes and spreads than the golden one. */
function randomBatch(seed: number, count: number, classes: number, spread: number): ReferenceBatch {
  const random = Random.fromSeed(seed);
  const rows = (): Rows =>
    Array.from({ length: count }, () =>
      Array.from({ length: classes }, () => Math.fround(spread * (random.uniform() - 0.5))),
    );
  const ofClasses = (low: number, high: number): number[] =>
    Array.from({ length: classes }, () => Math.fround(low + (high - low) * random.uniform()));
  return {
    studentNat: rows(),
    studentAdv: rows(),
    cleanTeacherNat: rows(),
    robustTeacherNat: rows(),
    robustTeacherAdv: rows(),
    cleanTeacherAdv: rows(),
    labels: Array.from({ length: count }, () => Math.floor(classes * random.uniform())),
    classWeights: ofClasses(5 / 6, 5 / 2),
    temperatureNat: ofClasses(0.5, 5),
    temperatureAdv: ofClasses(0.5, 5),
  };
}

const names = Object.keys(CASES) as Case[];

const isGolden = (name: Case): boolean => !name.startsWith("lmtn") && name !== "score-clipped";

describe.each(names.filter(isGolden))("%s", (name) => {
  it.skipIf(!hasShared)("equals golden/methods.json and its gradients", async () => {
    const golden = goldenJson<{ losses: Record<string, number> }>("methods.json").losses[name] ?? NaN;
    const gradients = await goldenTensors("methods-gradients.safetensors");
    const { total, nat, adv } = ours(name, await goldenBatch());
    expect(Math.abs(total - golden)).toBeLessThan(1e-5 * Math.max(1, golden));
    expectClose(nat, [...gradients(`${name}.grad_nat`).data]);
    expectClose(adv, [...gradients(`${name}.grad_adv`).data]);
  });
});

describe.each(names)("%s", (name) => {
  it.each([
    [1, 5, 7, 6],
    [2, 9, 4, 14],
  ])(
    "equals its formula in float64 and central differences on random batch %i",
    (seed, count, classes, spread) => {
      const batch = randomBatch(seed, count, classes, spread);
      const { total, nat, adv } = ours(name, batch);
      const loss = (changes: Partial<ReferenceBatch>): number =>
        referenceLosses[methodOf(name)]({ ...batch, ...changes }, settingsOf(name));
      expect(Math.abs(total / loss({}) - 1)).toBeLessThan(1e-5);
      const expected = {
        nat: finiteDifferences((studentNat) => loss({ studentNat }), batch.studentNat),
        adv: finiteDifferences((studentAdv) => loss({ studentAdv }), batch.studentAdv),
      };
      expectClose(nat, expected.nat);
      expectClose(adv, expected.adv);
      expect(Math.max(...expected.nat, ...expected.adv)).toBeGreaterThan(1e-3);
    },
  );
});

it("the formulas these tests lean on are right where they can be worked out by hand", () => {
  // softmax(0, log 3) = 1/4, 3/4.
  expect(softmax([0, Math.log(3)])[1]).toBeCloseTo(0.75, 12);
  expect(crossEntropy([0, Math.log(3)], 0)).toBeCloseTo(Math.log(4), 12);
});
