import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { measure, type MeasuredModel, type MeasureSettings } from "#mtard/evaluation/measure.js";
import { openStore, type MeasurementStore } from "#mtard/evaluation/store.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { CLASSES, labelledBy, linearTarget } from "./linear.js";

const work = mkdtempSync(join(tmpdir(), "mtard-measure-"));
afterAll(() => rmSync(work, { recursive: true }));

const hex = (digit: string): string => digit.repeat(64);
const target = linearTarget(1);
const data = { ...labelledBy(target, 20, 5), fingerprint: hex("b") };

/** A model that counts how often its target is made. */
function modelOf(made: AttackTarget, runsOn = "cpu"): MeasuredModel & { started: number } {
  const model = {
    identity: hex("a"),
    classes: CLASSES,
    started: 0,
    target() {
      model.started++;
      return Promise.resolve({ ...made, runsOn });
    },
  };
  return model;
}

const settings: MeasureSettings = {
  attacks: ["pgd-sat", "aa"],
  changes: { aa: { steps: 4, queries: 20, targetClasses: 2 } },
  epsilon: 0.02,
  batchSize: 6,
  seed: 3,
};

/** Images looked at, a gradient as three. */
function looks(): number {
  return target.asked.reduce((sum, each) => {
    const [kind, count] = each.split(" ");
    return sum + (kind === "gradient" ? 3 : 1) * Number(count);
  }, 0);
}

class Killed extends Error {}

/** Measures until so many progress events are told, then ends as a killed process would. */
async function killedAfter(events: number, model: MeasuredModel, store: MeasurementStore): Promise<void> {
  let told = 0;
  const call = measure(model, data, settings, store, {
    onProgress() {
      if (++told > events) throw new Killed();
    },
  });
  await expect(call).rejects.toThrow(Killed);
}

let store: MeasurementStore;
beforeEach(() => {
  store = openStore(mkdtempSync(join(work, "store-")));
  target.asked.length = 0;
});

describe("what makes an accuracy doubtful", () => {
  /** The linear classifier with a NaN in the gradient of every image whose first pixel is below 0.5. */
  const marred: AttackTarget = {
    ...target,
    lossGradient(images, loss) {
      const look = target.lossGradient(images, loss);
      const values = look.gradient.dataSync<"float32">().slice();
      for (const [at, pixel] of images.dataSync<"float32">().entries())
        if (at % 16 === 0 && pixel < 0.5) values[at] = NaN;
      look.gradient.dispose();
      return { ...look, gradient: tf.tensor4d(values, images.shape) };
    },
  };
  const attacked = data.labels.length - data.labels.length / 5;

  it("is said of NaN in gradients once, with the number of images, also after an interruption", async () => {
    const nan = { ...settings, epsilon: 1e-6, attacks: ["pgd-sat"] as const };
    const whole = await measure(modelOf(marred), data, nan, openStore(mkdtempSync(join(work, "nan-"))));
    const right = Array.from({ length: data.count }, (_, index) => index).filter((index) => index % 5 !== 4);
    const broken = right.filter((index) => (data.read([index])[0] as number) < 0.5).length;
    expect(broken).toBeGreaterThan(2);
    expect(broken).toBeLessThan(attacked);
    expect(whole.evaluation.attacks["pgd-sat"]?.robust).toBe(attacked);
    const said = `a gradient was NaN at ${broken} of ${attacked} attacked images`;
    expect(whole.warnings.filter((warning) => warning.startsWith(said))).toHaveLength(1);
    let told = 0;
    const onProgress = (): void => {
      if (++told > 9) throw new Killed();
    };
    await expect(measure(modelOf(marred), data, nan, store, { onProgress })).rejects.toThrow(Killed);
    const resumed = await measure(modelOf(marred), data, { ...nan, kept: "require" }, store);
    expect(resumed.warnings).toEqual(whole.warnings);
    expect((await measure(modelOf(marred), data, nan, store)).warnings).toEqual(whole.warnings);
  });

  it("is said where no image is right when clean", async () => {
    const labels = Array.from(data.labels, (label, index) => (label + (index % 5 === 4 ? 2 : 1)) % CLASSES);
    const none = { ...data, labels };
    const found = await measure(modelOf(target), none, settings, store);
    expect(found.evaluation.clean.correct).toBe(0);
    expect(found.warnings).toEqual([
      expect.stringContaining("so robust accuracy says nothing of the attacks"),
    ]);
    const clean = await measure(modelOf(target), none, { ...settings, attacks: [] }, store);
    expect(clean.warnings, "nothing is said of attacks where none was asked for").toEqual([]);
  });
});

describe("what is measured", () => {
  it("is known afterwards: no engine starts, nothing is written", async () => {
    const model = modelOf(target);
    const first = await measure(model, data, settings, store);
    expect(first.made).toEqual([null, "pgd-sat", "aa"]);
    expect(model.started).toBe(1);
    const files = readdirSync(store.folder).map((name) => [name, statSync(join(store.folder, name)).mtimeMs]);
    const second = await measure(model, data, settings, store);
    expect(second).toEqual({ ...first, made: [] });
    expect(model.started).toBe(1);
    expect(
      readdirSync(store.folder).map((name) => [name, statSync(join(store.folder, name)).mtimeMs]),
    ).toEqual(files);
  });

  it("is measured once by several at once, who wait for what another measures", async () => {
    const model = modelOf(target);
    const alone = await measure(model, data, settings, openStore(mkdtempSync(join(work, "alone-"))));
    const said: string[] = [];
    const onMessage = (text: string): void => void said.push(text);
    const wanted = [["aa", "pgd-sat"], ["pgd-sat"], ["pgd-sat", "aa"]] as const;
    const all = await Promise.all(
      wanted.map((attacks) => measure(model, data, { ...settings, attacks }, store, { onMessage })),
    );
    expect(all.flatMap(({ made }) => made).sort()).toEqual(["aa", null, "pgd-sat"]);
    for (const { evaluation } of all)
      expect(evaluation.attacks["pgd-sat"]).toEqual(alone.evaluation.attacks["pgd-sat"]);
    expect(
      said.filter((text) => /^waiting for another mtard that measures /.test(text)).length,
    ).toBeGreaterThan(0);
    expect(readdirSync(store.folder).filter((name) => !/^[\w-]+\.json$/.test(name))).toEqual([]);
  });

  it("leaves no lock of a process that was killed when its work was done", async () => {
    await measure(modelOf(target), data, settings, store);
    const files = readdirSync(store.folder);
    writeFileSync(join(store.folder, `${files[0]}.lock`), "mtard evaluate, process 1 on it");
    await measure(modelOf(target), data, settings, store);
    expect(readdirSync(store.folder)).toEqual(files);
  });

  it("is known by attack, whichever were asked together", async () => {
    const model = modelOf(target);
    const both = await measure(model, data, settings, store);
    const one = await measure(model, data, { ...settings, attacks: ["aa"] }, store);
    expect(one.made).toEqual([]);
    expect(one.evaluation.attacks.aa).toEqual(both.evaluation.attacks.aa);
    const more = await measure(model, data, { ...settings, attacks: ["fgsm", "pgd-sat"] }, store);
    expect(more.made).toEqual(["fgsm"]);
  });

  it.each([
    ["another epsilon", { epsilon: 0.03 }],
    ["another seed", { seed: 4 }],
    ["other steps", { changes: { ...settings.changes, "pgd-sat": { steps: 3 } } }],
    ["restarts", { restarts: 2 }],
  ])("is not known with %s", async (_, change) => {
    await measure(modelOf(target), data, { ...settings, attacks: ["pgd-sat"] }, store);
    const other = await measure(
      modelOf(target),
      data,
      { ...settings, attacks: ["pgd-sat"], ...change },
      store,
    );
    expect(other.made).toEqual(["pgd-sat"]);
  });

  it("is not known of fewer images, another batch, data or model", async () => {
    const attacks = ["pgd-sat"] as const;
    await measure(modelOf(target), data, { ...settings, attacks }, store);
    const all = [null, "pgd-sat"];
    const measured = async (...[model, images, change]: [MeasuredModel, typeof data, object?]) =>
      (await measure(model, images, { ...settings, attacks, ...change }, store)).made;
    expect(
      await measured(modelOf(target), { ...data, count: 10, labels: Array.from(data.labels).slice(0, 10) }),
    ).toEqual(all);
    expect(await measured(modelOf(target), data, { batchSize: 5 })).toEqual(all);
    expect(await measured(modelOf(target), { ...data, fingerprint: hex("c") })).toEqual(all);
    expect(await measured({ ...modelOf(target), identity: hex("c") }, data)).toEqual(all);
  });

  it("by a transfer is known with the same surrogate alone", async () => {
    const transfer = (identity: string): MeasureSettings => ({
      ...settings,
      attacks: ["transfer-pgd-trades"],
      surrogate: { ...modelOf(linearTarget(2)), identity },
    });
    await measure(modelOf(target), data, transfer(hex("d")), store);
    expect((await measure(modelOf(target), data, transfer(hex("d")), store)).made).toEqual([]);
    expect((await measure(modelOf(target), data, transfer(hex("e")), store)).made).toEqual([
      "transfer-pgd-trades",
    ]);
  });

  it("is measured anew when asked to", async () => {
    const first = await measure(modelOf(target), data, settings, store);
    const again = await measure(modelOf(target), data, { ...settings, kept: "discard" }, store);
    expect(again.made).toEqual(first.made);
    expect(again.evaluation).toEqual(first.evaluation);
  });

  it("leaves no tensor behind, known or not", async () => {
    const before = tf.memory().numTensors;
    await measure(modelOf(target), data, settings, store);
    await measure(modelOf(target), data, settings, store);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("a measurement that ends at any moment", () => {
  it("goes on to the same outcome, with at most one batch looked at twice", async () => {
    const whole = await measure(modelOf(target), data, settings, openStore(join(work, "whole")));
    const once = looks();
    let told = 0;
    await measure(modelOf(target), data, settings, null, { onProgress: () => told++ });
    // The dearest batch is one of PGD: six images, twenty gradients each, and a look at what comes out.
    const batch = 6 * (3 * 20 + 1);
    for (let events = 1; events < told; events += 9) {
      store = openStore(mkdtempSync(join(work, "killed-")));
      target.asked.length = 0;
      await killedAfter(events, modelOf(target), store);
      const rest = await measure(modelOf(target), data, settings, store);
      expect(rest.evaluation, `after ${events} events`).toEqual(whole.evaluation);
      expect(looks() - once, `after ${events} events`).toBeLessThanOrEqual(batch);
    }
  });

  it("on another device begins what it was at anew, and keeps what was over", async () => {
    await killedAfter(40, modelOf(target), store);
    const said: string[] = [];
    const whole = await measure(modelOf(target), data, settings, openStore(join(work, "whole-too")));
    const { evaluation } = await measure(modelOf(target, "cuda"), data, settings, store, {
      onMessage: (text) => said.push(text),
    });
    expect(evaluation).toEqual(whole.evaluation);
    expect(said.join()).toMatch(/was begun on cpu: it begins anew/);
  });

  it("on another device begins anew attack by attack, whatever else is over there", async () => {
    await killedAfter(25, modelOf(target), store);
    await measure(modelOf(target, "cuda"), data, { ...settings, attacks: ["fgsm"] }, store);
    const said: string[] = [];
    const attacks = ["pgd-sat", "fgsm"] as const;
    const { made, device } = await measure(modelOf(target, "cuda"), data, { ...settings, attacks }, store, {
      onMessage: (text) => said.push(text),
    });
    expect({ made, device }).toEqual({ made: ["pgd-sat"], device: "cuda" });
    expect(said).toContain("pgd-sat was begun on cpu: it begins anew");
    const devices = store.list(hex("a"), CLASSES).map(({ key, record }) => [key.attack, record.device]);
    expect(Object.fromEntries(devices)).toEqual({ null: "cpu", fgsm: "cuda", "pgd-sat": "cuda" });
  });

  it("that contradicts the rest is made anew, and says so", async () => {
    const attacks = ["fgsm", "pgd-sat"] as const;
    const first = await measure(modelOf(target), data, { ...settings, attacks }, store);
    const kept = store.list(hex("a"), CLASSES).find(({ key }) => key.attack === "fgsm");
    if (!kept?.record.attack) throw new Error("no record");
    const { key, record } = kept;
    const wrong = first.evaluation.perExample.findIndex(({ label, clean }) => label !== clean);
    const others = (list: readonly number[]): number[] =>
      list.map((answer, index) => (index === wrong ? (data.labels[index] as number) : answer));
    const changed = { ...kept.record.attack, answers: others(kept.record.attack.answers) };
    store.write(key, { ...record, clean: others(record.clean), attack: changed });
    const required = measure(modelOf(target), data, { ...settings, attacks, kept: "require" }, store);
    await expect(required).rejects.toThrow("what was measured before cannot be read");
    const said: string[] = [];
    const again = await measure(modelOf(target), data, { ...settings, attacks }, store, {
      onMessage: (text) => said.push(text),
    });
    expect(again).toEqual({ ...first, made: ["fgsm"], seconds: expect.anything() as object });
    expect(said).toContain(
      `${store.pathOf(key)} is of other labels or other answers to the clean images than the rest; it is measured anew`,
    );
  });

  it("is refused under other settings where that is asked for, each named, and nothing is lost", async () => {
    await killedAfter(40, modelOf(target), store);
    const contents = (): string[] =>
      readdirSync(store.folder).map((name) => readFileSync(join(store.folder, name), "utf8"));
    const before = contents();
    const other = measure(modelOf(target), data, { ...settings, seed: 4, kept: "require" }, store);
    await expect(other).rejects.toThrow(
      expect.objectContaining({
        message: "the unfinished pgd-sat is of another seed",
        detail: expect.objectContaining({
          expected: expect.stringMatching(
            /^seed 3, as .*pgd-sat-[0-9a-f]{16}\.json was begun with$/,
          ) as string,
          found: "seed 4",
        }) as object,
      }) as Error,
    );
    expect(contents()).toEqual(before);
    expect((await measure(modelOf(target), data, { ...settings, kept: "require" }, store)).made).toContain(
      "aa",
    );
  });

  it("with a damaged record is made anew, and says so", async () => {
    const first = await measure(modelOf(target), data, settings, store);
    for (const name of readdirSync(store.folder)) writeFileSync(join(store.folder, name), "{");
    const required = measure(modelOf(target), data, { ...settings, kept: "require" }, store);
    await expect(required).rejects.toThrow("what was measured before cannot be read");
    const said: string[] = [];
    const again = await measure(modelOf(target), data, settings, store, {
      onMessage: (text) => said.push(text),
    });
    expect(again.made).toEqual(first.made);
    expect(again.evaluation).toEqual(first.evaluation);
    expect(said.filter((text) => text.endsWith("it is measured anew"))).toHaveLength(3);
  });
});

describe("adversarial images", () => {
  const images = async (path: string): Promise<number[]> => {
    const { weights } = await readWeightsFile(path);
    return [...(weights.get("adversarial_pgd-sat")?.data ?? [])];
  };

  it("are the same after an end in between, and nothing is left beside them", async () => {
    const attacks = ["pgd-sat"] as const;
    const wanted = (name: string): MeasureSettings => ({
      ...settings,
      attacks,
      adversarial: join(work, name),
    });
    await measure(modelOf(target), data, wanted("whole.npz"), openStore(join(work, "images")));
    let told = 0;
    const call = measure(modelOf(target), data, wanted("killed.npz"), store, {
      onProgress({ pass }) {
        if (pass.attack !== null && ++told > 25) throw new Killed();
      },
    });
    await expect(call).rejects.toThrow(Killed);
    expect(readdirSync(store.folder).some((name) => name.endsWith(".images"))).toBe(true);
    await measure(modelOf(target), data, wanted("killed.npz"), store);
    expect(await images(join(work, "killed.npz"))).toEqual(await images(join(work, "whole.npz")));
    expect(readdirSync(store.folder).filter((name) => !name.endsWith(".json"))).toEqual([]);
  });

  const ofAttack = async (path: string, attack: string): Promise<number[]> => [
    ...((await readWeightsFile(path)).weights.get(`adversarial_${attack}`)?.data ?? []),
  ];
  /** Measures with images in which the first attack that has something left is killed at its first batch. */
  const killedWithImages = async (change: Partial<MeasureSettings>): Promise<void> => {
    const call = measure(
      modelOf(target),
      data,
      { ...settings, adversarial: "unused.npz", ...change },
      store,
      {
        onProgress({ pass }) {
          if (pass.attack !== null) throw new Killed();
        },
      },
    );
    await expect(call).rejects.toThrow(Killed);
  };

  it.each(["use", "discard"] as const)(
    "of an attack that was over without them are made by the call after one that was killed before it came to it: %s",
    async (kept) => {
      const attacks = ["pgd-sat", "fgsm"] as const;
      await measure(modelOf(target), data, { ...settings, attacks: ["fgsm"] }, store);
      const whole = join(work, `whole-${kept}.npz`);
      const elsewhere = openStore(join(work, `elsewhere-${kept}`));
      await measure(modelOf(target), data, { ...settings, attacks, adversarial: whole }, elsewhere);
      await killedWithImages({ attacks, kept });
      const path = join(work, `after-${kept}.npz`);
      await measure(modelOf(target), data, { ...settings, attacks, adversarial: path }, store);
      for (const attack of attacks)
        expect(await ofAttack(path, attack)).toEqual(await ofAttack(whole, attack));
      expect(readdirSync(store.folder).filter((name) => !name.endsWith(".json"))).toEqual([]);
    },
  );

  it("are touched by no call that is refused", async () => {
    await measure(modelOf(target), data, { ...settings, attacks: ["fgsm"] }, store);
    await killedAfter(40, modelOf(target), store);
    const names = readdirSync(store.folder);
    const attacks = ["fgsm", "pgd-sat"] as const;
    const call = measure(
      modelOf(target),
      data,
      { ...settings, attacks, kept: "require", adversarial: join(work, "refused.npz") },
      store,
    );
    await expect(call).rejects.toThrow("the adversarial images of the unfinished pgd-sat are not all there");
    expect(readdirSync(store.folder)).toEqual(names);
  });

  it("of two calls at once are each call's own", async () => {
    const wanted = (name: string): MeasureSettings => ({
      ...settings,
      attacks: ["pgd-sat"],
      adversarial: join(work, name),
      kept: "discard",
    });
    await measure(modelOf(target), data, wanted("alone.npz"), openStore(join(work, "alone")));
    const calls = ["one.npz", "two.npz"].map((name) => measure(modelOf(target), data, wanted(name), store));
    await Promise.all(calls);
    for (const name of ["one.npz", "two.npz"])
      expect(await images(join(work, name))).toEqual(await images(join(work, "alone.npz")));
  });

  it("are made where the accuracy is known without them", async () => {
    const path = join(work, "known.npz");
    await measure(modelOf(target), data, { ...settings, attacks: ["pgd-sat"] }, store);
    const said: string[] = [];
    const { made } = await measure(
      modelOf(target),
      data,
      { ...settings, attacks: ["pgd-sat"], adversarial: path },
      store,
      { onMessage: (text) => said.push(text) },
    );
    expect(made).toEqual(["pgd-sat"]);
    expect(said).toContain("pgd-sat is known, but not its adversarial images: they are made");
    expect(existsSync(path)).toBe(true);
    expect(await images(path)).toHaveLength(20 * 16);
  });
});

describe("doubts about a model", () => {
  it("are said when they are found and whenever the accuracy is known", async () => {
    const saturated = linearTarget(1, 1e4);
    const images = { ...labelledBy(saturated, 20, 5), fingerprint: hex("b") };
    for (let call = 0; call < 2; call++) {
      const said: string[] = [];
      const { warnings } = await measure(
        modelOf(saturated),
        images,
        { ...settings, attacks: ["fgsm"] },
        store,
        { onMessage: (text) => said.push(text) },
      );
      expect(warnings).toEqual([expect.stringMatching(/no gradient at (\d+) of \1 images/)]);
      expect(said).toEqual([`warning: ${warnings.join()}`]);
    }
    const black = await measure(modelOf(saturated), images, { ...settings, attacks: ["square"] }, store);
    expect(black.warnings, "Square asks for no gradients").toEqual([]);
  });

  it("are not looked for again by a call that goes on", async () => {
    await killedAfter(8, modelOf(target), store);
    target.asked.length = 0;
    await measure(modelOf(target), data, settings, store);
    expect(target.asked[0]).toMatch(/^gradient/);
  });
});
