import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "#mtard/data/store.js";
import { imagesOf } from "#mtard/evaluation/images.js";
import { measure } from "#mtard/evaluation/measure.js";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { openModel } from "#mtard/model/model.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { runKey } from "#mtard/reproduction/run-key.js";
import type { TrainingSettings } from "#mtard/recipes/settings.js";
import { readRun } from "#mtard/run/run-directory.js";
import { Random } from "#mtard/runtime/random.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import { weightsFromParameters } from "#mtard/student/parameters.js";
import { importTeacher } from "#mtard/teacher/import.js";
import type { InitRequest } from "#mtard/training/initial-student.js";
import { prepareRun, type PreparedRun } from "#mtard/training/prepare.js";
import { train } from "#mtard/training/train.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { makeStores, SHAPE, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-init-"));
afterAll(() => rmSync(stores, { recursive: true }));

const HUNDRED = createNetwork("resnet-8", { ...SHAPE, classes: 100 });
const hundredWeights = initialWeights(HUNDRED, Random.fromSeed(21));

beforeAll(async () => {
  await makeStores(stores);
  writeFileAtomically(join(stores, "hundred.safetensors"), encodeSafetensors(hundredWeights));
  await importTeacher({
    name: "normalised",
    dataset: { name: "demo", ...SHAPE },
    from: { kind: "weights", path: join(stores, "clean.safetensors"), network: "resnet-8" },
    normalization: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] },
    teachersDir: stores,
  });
});

/** The built-in teacher, a ResNet-14 that was trained. */
const TRAINED = "teachers/demo-clean";
const file = (name: string): string => join(stores, name);
const natural = (changes: Partial<TrainingSettings> = {}): TrainingSettings =>
  tinySettings({ method: "natural", cleanTeacher: null, robustTeacher: null, epochs: 1, ...changes });

function prepared(
  name: string,
  init: InitRequest | undefined,
  changes: Partial<TrainingSettings> = {},
  resume = false,
) {
  return prepareRun(natural(changes), { ...tinyPlaces(stores, name, resume), init });
}

const kept = (from: string): InitRequest => ({ from, head: "kept" });

async function refusal(init: InitRequest, changes: Partial<TrainingSettings> = {}): Promise<unknown> {
  return prepared("refused", init, changes).then(
    async (run) => {
      await run.close();
      return "not refused";
    },
    (error: unknown) => error,
  );
}

/** What each of the first test images is taken for by the student as it stands. */
async function answersOf({ trainee }: PreparedRun, count: number): Promise<unknown> {
  const student = inferenceStudent(trainee.network, trainee.parameters);
  try {
    const { description, test, fingerprint } = openDataset("demo", stores);
    const target = () => Promise.resolve({ ...student, runsOn: "" });
    const { evaluation } = await measure(
      { identity: "", classes: 10, target },
      imagesOf(test, description, fingerprint, count),
      { attacks: [], epsilon: 0, batchSize: 100, seed: 0, checks: false },
      null,
    );
    return { clean: evaluation.clean, images: evaluation.perExample };
  } finally {
    student.dispose();
  }
}

async function answersOfTeacher(folder: string, count: number): Promise<unknown> {
  const model = await openModel({ kind: "folder", folder }, { device: "cpu" });
  try {
    const { description, test, fingerprint } = openDataset("demo", stores);
    const { evaluation } = await measure(
      model,
      imagesOf(test, description, fingerprint, count),
      { attacks: [], epsilon: 0, batchSize: 100, seed: 0, checks: false },
      null,
    );
    return { clean: evaluation.clean, images: evaluation.perExample };
  } finally {
    model.dispose();
  }
}

describe("a student from a teacher's weights", () => {
  it("starts at the teacher's accuracy, to the image", async () => {
    const run = await prepared("started", kept(TRAINED), { student: "resnet-14" });
    const answers = await answersOf(run, 1000);
    await run.close();
    expect(answers).toEqual(await answersOfTeacher(TRAINED, 1000));
    expect((answers as { clean: { accuracy: number } }).clean.accuracy).toBeGreaterThan(0.9);
  });

  it("takes the teacher's normalisation with them, also when it is trained and opened again", async () => {
    const run = await prepared("normalised-run", kept(file("normalised")));
    expect(await answersOf(run, 200)).toEqual(await answersOfTeacher(file("normalised"), 200));
    await train(run, silentEvents(), 1e9);
    const best = weightsFromParameters(run.trainee.network, run.trainee.parameters);
    await run.close();
    const { known } = await openModel({ kind: "run", folder: file("normalised-run") });
    expect(known?.network.normalization).toEqual({ mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] });
    expect(known?.weights).toEqual(best);
  });

  it("has no momentum", async () => {
    const run = await prepared("momenta", kept(file("clean.safetensors")));
    for (const momentum of run.trainee.momenta.values())
      expect(momentum.dataSync().every((value) => value === 0)).toBe(true);
    await run.close();
  });

  it.each(["clean", "clean.safetensors", "clean/model.onnx"])("is the same from %s", async (name) => {
    const run = await prepared(`same-${name.length}`, kept(file(name)));
    const weights = weightsFromParameters(run.trainee.network, run.trainee.parameters);
    expect(weights).toEqual(initialWeights(createNetwork("resnet-8", SHAPE), Random.fromSeed(11)));
    await run.close();
  });
});

describe("the wrong weights are refused, with the nearest fit:", () => {
  it.each([
    ["a teacher of another network", () => TRAINED, "resnet-8", "resnet-14"],
    ["a file of another network", () => file("clean.safetensors"), "resnet-20", "resnet-8"],
    ["a file of another family", () => file("clean.safetensors"), "mobilenet-v2", "resnet-8"],
  ])("%s", async (_, from, student, fits) => {
    expect(await refusal(kept(from()), { student })).toMatchObject({
      exitCode: 2,
      message: `--init: ${from()} does not fit ${student}`,
      detail: { found: `these weights are of ${fits}, names and shapes`, fix: `--student ${fits}` },
    });
  });

  it("of other classes", async () => {
    expect(await refusal(kept(file("hundred.safetensors")))).toMatchObject({
      message: expect.stringContaining("tell 100 classes apart") as string,
      detail: { fix: expect.stringContaining("--init-head new") as string },
    });
  });

  it("of no network that is known", async () => {
    const odd = new Map([...hundredWeights].map(([name, tensor]) => [`odd_${name}`, tensor]));
    writeFileAtomically(file("odd.safetensors"), encodeSafetensors(odd));
    expect(await refusal(kept(file("odd.safetensors")))).toMatchObject({
      message: expect.stringContaining("does not fit resnet-8") as string,
    });
    expect(await refusal(kept("nothing-there"))).toMatchObject({ exitCode: 2 });
  });
});

it("--init-head new draws the classifier as the seed would, and keeps all else", async () => {
  const run = await prepared("new-head", { from: file("hundred.safetensors"), head: "new" });
  const weights = weightsFromParameters(run.trainee.network, run.trainee.parameters);
  await run.close();
  const plain = await prepared("no-init", undefined);
  const fresh = weightsFromParameters(plain.trainee.network, plain.trainee.parameters);
  await plain.close();
  for (const [name, tensor] of weights)
    expect(tensor, name).toEqual((name.startsWith("linear.") ? fresh : hundredWeights).get(name));
  expect(weights.get("linear.weight")?.shape).toEqual([10, 64]);
});

it("a run remembers what it started from: in its settings, its key, and when it is resumed", async () => {
  const first = await prepared("remembered", kept(file("clean.safetensors")));
  await train(first, silentEvents(), 1e9);
  await first.close();
  const { settings, inputs } = readRun(file("remembered"));
  expect(inputs.init).toEqual({
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    from: file("clean.safetensors"),
    head: "kept",
    normalization: null,
  });
  const images = { train: 4000, test: 1000 };
  expect(runKey(settings, inputs, images)).not.toBe(runKey(settings, { ...inputs, init: undefined }, images));

  // The same weights by another name are the same.
  await (await prepared("remembered", kept(file("clean")), {}, true)).close();
  for (const init of [undefined, kept(file("robust"))]) {
    await expect(prepared("remembered", init, {}, true)).rejects.toMatchObject({
      detail: {
        expected: init
          ? (expect.stringMatching(/^init .*robust \(sha256 [0-9a-f]{8}\)$/) as string)
          : "init none",
        found: expect.stringMatching(/^init .*clean.safetensors \(sha256 [0-9a-f]{8}\)$/) as string,
      },
    });
  }
  const text = readFileSync(file("no-init/settings.json"), "utf8");
  expect(Object.keys((JSON.parse(text) as { inputs: object }).inputs)).toEqual([
    "shape",
    "data",
    "cleanTeacher",
    "robustTeacher",
  ]);
});
