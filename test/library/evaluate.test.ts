import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  attackImages,
  attacks,
  classifierOf,
  datasetFromArrays,
  drawAttack,
  evaluate,
  type EvaluateOptions,
  exportModel,
  InputError,
  type OpenModel,
  openModel,
  pgd,
  prepareDataset,
  singleAttack,
  tf,
  type Tensor2D,
} from "#mtard/index.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-library-evaluate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const places = { dataDir: join(folder, "data"), teachersDir: join(folder, "no-teachers") };
const few = { ...places, limit: 12 };

let robust: OpenModel;
beforeAll(async () => {
  await prepareDataset("demo", places.dataDir);
  robust = await openModel("demo-robust", places);
});
afterAll(() => robust.dispose());

/** FGSM, written as an attack of one's own. */
const myFgsm = singleAttack(
  { title: "My FGSM", access: "gradient", random: false, defaults: {} },
  (target, { images, labels, epsilon, seed }) => ({
    adversarial: pgd(
      target,
      images,
      { kind: "crossEntropy", labels },
      { epsilon, stepSize: epsilon, steps: 1, start: "image" },
      seed,
    ),
  }),
);

/** The mean of each of ten stripes of an image, as a classifier that TensorFlow differentiates. */
const stripes = classifierOf(10, (images) =>
  tf.mul<Tensor2D>(
    tf
      .reshape(tf.mean(tf.slice(images, [0, 0, 0, 0], [-1, 32, 30, 3]), [1, 3]), [-1, 10, 3])
      .reshape<Tensor2D>([-1, 30])
      .slice([0, 0], [-1, 10]),
    9,
  ),
);

/** A data set of two classes, in memory. */
const twoClasses = (): ReturnType<typeof datasetFromArrays> => {
  const split = { images: new Uint8Array(2 * 32 * 32 * 3), labels: [0, 1] };
  const image = { height: 32, width: 32, channels: 3 };
  return datasetFromArrays({ name: "two", image, classNames: ["a", "b"], train: split, test: split });
};

/** Images as an object with a method of its own. */
class SmallImages {
  readonly shape = { height: 8, width: 8, channels: 3 };
  readonly count = 1;
  readonly labels = [0];
  readonly fingerprint = "";
  read(): Float32Array {
    return new Float32Array(this.count * 8 * 8 * 3);
  }
}
const smallImages = new SmallImages();

const refusal = async (model: OpenModel, options: EvaluateOptions): Promise<string> => {
  const error: unknown = await evaluate(model, { ...few, ...options }).catch((caught: unknown) => caught);
  return error instanceof InputError ? error.report() : `not refused: ${String(error)}`;
};

describe("evaluate", () => {
  it("gives an attack of one's own the numbers of the built-in one it repeats", async () => {
    const result = await evaluate(robust, { ...few, attacks: ["fgsm", myFgsm] });
    expect(result.total).toBe(12);
    expect(result.attacks["my-fgsm"]).toEqual(result.attacks["fgsm"]);
    expect(result.perExample.map((each) => each.attacks["my-fgsm" as "fgsm"])).toEqual(
      result.perExample.map((each) => each.attacks.fgsm),
    );
    expect(result.device).toContain("cpu");
  });

  it("takes a built-in attack as a value for what it is", async () => {
    const result = await evaluate(robust, { ...few, attacks: [attacks["pgd-sat"]], steps: 2 });
    expect(Object.keys(result.attacks)).toEqual(["pgd-sat"]);
  });

  it("finds in runsDir what it measured before, but for attacks of one's own", async () => {
    const runsDir = join(folder, "runs");
    const messages: string[] = [];
    const options = {
      ...few,
      attacks: ["fgsm" as const, myFgsm],
      runsDir,
      onMessage: (text: string) => messages.push(text),
    };
    const first = await evaluate(robust, options);
    let looks = 0;
    const again = await evaluate(robust, { ...options, onProgress: () => looks++ });
    expect(again.attacks).toEqual(first.attacks);
    expect(
      readdirSync(join(runsDir, "evaluations", "demo-robust")).map((name) => name.split("-")[0]),
    ).toEqual(["clean", "fgsm"]);
    expect(looks).toBeGreaterThan(0);
  });

  it("measures a classifier of one's own, and leaves no tensor behind", async () => {
    const model = await openModel(
      { name: "stripes", target: stripes, image: robust.image },
      { ...places, dataset: "demo" },
    );
    const before = tf.memory().numTensors;
    const {
      total,
      clean,
      attacks: found,
    } = await evaluate(model, { ...few, attacks: ["fgsm", "square"], queries: 5 });
    expect(tf.memory().numTensors).toBe(before);
    expect(total).toBe(12);
    expect(found["fgsm"]?.accuracy).toBeLessThanOrEqual(clean.accuracy);
    expect(await refusal(model, { runsDir: folder })).toContain("give openModel an identity");
  });

  it("opens the bytes of an ONNX file as the file", async () => {
    const bytes = readFileSync("teachers/demo-robust/model.onnx");
    using model = await openModel(new Uint8Array(bytes), { ...places, dataset: "demo" });
    expect(model.identity).toBe(robust.identity);
    const [one, other] = [
      await evaluate(model, { ...few, attacks: [] }),
      await evaluate(robust, { ...few, attacks: [] }),
    ];
    expect(one.perExample).toEqual(other.perExample);
  });

  it("stops when the signal says so", async () => {
    const stop = new AbortController();
    const running = evaluate(robust, {
      ...few,
      attacks: ["pgd-sat"],
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
    await expect(evaluate(robust, { ...few, signal: stop.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  it.each<[string, EvaluateOptions, string]>([
    ["an unknown attack", { attacks: ["pgd-sad" as "pgd-sat"] }, 'unknown attack "pgd-sad"'],
    ["a transfer without a surrogate", { attacks: ["transfer-cw"] }, "transfer-cw needs a surrogate"],
    [
      "steps where no attack has them",
      { attacks: ["square"], steps: 3 },
      "steps changes none of the attacks",
    ],
    ["a radius above 1", { epsilon: 8 }, "epsilon is wrong"],
    ["negative steps", { steps: -1 }, "steps is wrong"],
    ["steps that are no number", { steps: NaN }, "steps is wrong"],
    ["half a step", { steps: 2.5 }, "a whole number from 1"],
    ["a step backwards", { stepSize: -1 }, "stepSize is wrong"],
    ["no queries", { attacks: ["square"], queries: 0 }, "queries is wrong"],
    ["batches of nothing", { batchSize: 0 }, "batchSize is wrong"],
    ["no image", { limit: 0 }, "limit is wrong"],
    ["half a seed", { seed: 0.5 }, "seed is wrong"],
    ["half a restart", { restarts: 1.5 }, "restarts is wrong"],
    [
      "two attacks of one name",
      { attacks: [myFgsm, { ...myFgsm }] },
      'two attacks of your own are called "my-fgsm"',
    ],
    [
      "an attack that returns nothing",
      { attacks: [{ ...myFgsm, run: () => undefined as never }] },
      'the attack "My FGSM" does not return images',
    ],
    ["other classes than the model's", { dataset: twoClasses() }, "answers 10 classes, but two has 2"],
    [
      "images of another size",
      { dataset: smallImages },
      "takes images of 32x32x3, but those of these images are 8x8x3",
    ],
    ["images that are not there", { dataset: "cifar10" }, "data set cifar10 is not there yet"],
  ])("refuses %s", async (_, options, said) => {
    expect(await refusal(robust, options)).toContain(said);
  });
});

describe("images of a caller's own", () => {
  it("may be an object of a class", async () => {
    const source = new (class extends SmallImages {
      override readonly shape = robust.image as SmallImages["shape"];
      override read(): Float32Array {
        return new Float32Array(this.count * 32 * 32 * 3);
      }
    })();
    const { total } = await evaluate(robust, { ...places, dataset: source, attacks: [] });
    expect(total).toBe(1);
    expect(await refusal(robust, { dataset: source, runsDir: folder })).toContain("a fingerprint");
  });
});

describe("attackImages and drawAttack", () => {
  it("show images before and after, as a PNG", async () => {
    const images = await attackImages(robust, { ...places, attack: myFgsm, limit: 3, epsilon: 4 / 255 });
    expect(images).toHaveLength(3);
    for (const { linf } of images) expect(linf).toBeLessThanOrEqual(4 / 255 + 1e-6);
    const png = await drawAttack(robust, images, { epsilon: 4 / 255 });
    expect([...png.slice(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });
});

describe("exportModel", () => {
  it("refuses what has no weights here", async () => {
    const foreign: OpenModel = { ...robust, known: null };
    await expect(exportModel(foreign, "onnx", join(folder, "x.onnx"))).rejects.toThrow(InputError);
  });

  it("writes ONNX that both engines agree on", async () => {
    expect(await exportModel(robust, "onnx", join(folder, "x.onnx"))).toBeLessThan(1e-4);
  });
});
