import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ascend, type AscentPoint } from "#mtard/browser/ascent.js";
import { attackKey } from "#mtard/evaluation/key.js";
import type { KeptRecord } from "#mtard/evaluation/store.js";
import { datasets } from "#mtard/data/datasets.js";
import { imagesInMemory } from "#mtard/data/images.js";
import { WITHSTOOD } from "#mtard/evaluation/state.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { floatValue, node } from "#mtard/onnx/build.js";
import { modelCard } from "#mtard/report/handover/card.js";
import { type HandedModel, handedModel, measuredData } from "#mtard/report/handover/facts.js";
import { requireFreeFolder, writeModelFolder } from "#mtard/report/handover/folder.js";
import { measuredRows } from "#mtard/report/handover/measured.js";
import { sampleImages } from "#mtard/report/handover/samples.js";
import { tinySettings } from "../../training/tiny-run.js";
import { kept } from "../run-report/records.js";
import { classifierNodes, image, model, parameters } from "../../onnx/models.js";

const EVIL = "<script>alert(1)</script>\n---\n```\n[x](javascript:1) \u001b[2J\u202e|`$(rm -rf ~)`";

/** A classifier of five classes in the standard form; an operator that is not differentiable may stand before its logits. */
function classifier(last: string): Uint8Array<ArrayBuffer> {
  const nodes = [...classifierNodes("images", "scores"), node(last, ["scores"], "logits")];
  return Uint8Array.from(
    serializeModel(
      model({
        node: nodes,
        initializer: parameters,
        input: [floatValue("images", ["batch", 3, image.height, image.width])],
        output: [floatValue("logits", ["batch", 5])],
      }),
    ),
  );
}

const handed: HandedModel = {
  title: EVIL,
  network: null,
  image,
  dataset: EVIL,
  description: null,
  classNames: [EVIL, "b", "c", "d", "e"],
  origin: { kind: "file" },
  measured: [],
  warnings: [EVIL],
  licence: EVIL,
};

const work = mkdtempSync(join(tmpdir(), "mtard-handover-"));
afterAll(() => rmSync(work, { recursive: true }));

describe("a model's folder", () => {
  const write = (name: string, last = "Relu") =>
    writeModelFolder(
      join(work, name),
      { dataset: "evil", known: null, foreign: { model: classifier(last), dataFolder: null } },
      handed,
      [],
    );

  beforeAll(() => write("model"));

  it("holds a foreign graph as it is, its classes, a card and a page", async () => {
    const folder = join(work, "model");
    expect(readdirSync(folder).sort()).toEqual(["README.md", "classes.json", "index.html", "model.onnx"]);
    expect(JSON.parse(readFileSync(join(folder, "classes.json"), "utf8"))).toEqual(handed.classNames);
    // An earlier export is replaced, and nothing is left beside it.
    await write("model");
    expect(readdirSync(work)).toEqual(["model"]);
  });

  it("has a page of one file, with one script, whatever names say", () => {
    const html = readFileSync(join(work, "model", "index.html"), "utf8");
    expect(html.match(/<script/g)).toHaveLength(4);
    expect(html).toMatch(/default-src 'none'; img-src data:; [^"]* 'wasm-unsafe-eval'"/);
    expect(html).not.toMatch(/ (?:src|href)=/);
    expect(html).not.toContain("<script>alert");
    expect(html).toContain("Permission is hereby granted");
  });

  it("has no page where the model has no gradient, and says so", async () => {
    const { noPage, files } = await write("flat", "NonZero");
    expect(noPage).toMatch(/^the model has no gradient/);
    expect(files).not.toContain("index.html");
    expect(existsSync(join(work, "flat", "index.html"))).toBe(false);
    expect(readFileSync(join(work, "flat", "README.md"), "utf8")).toContain(
      "No page: the model has no gradient",
    );
  });

  it("never takes the place of other files", async () => {
    const place = (name: string, ...files: string[]): string => {
      mkdirSync(join(work, name));
      for (const file of files) writeFileSync(join(work, name, file), "mine");
      return join(work, name);
    };
    const thesis = place("work", "model.onnx", "thesis.tex");
    expect(() => requireFreeFolder(thesis)).toThrow(/is no earlier export alone/);
    await expect(write("work")).rejects.toThrow(/is no earlier export alone/);
    expect(readdirSync(thesis)).toEqual(["model.onnx", "thesis.tex"]);
    expect(() => requireFreeFolder(place("readme", "README.md"))).toThrow(/no earlier export/);
    expect(() => requireFreeFolder(join(thesis, "thesis.tex"))).toThrow(/is not a folder/);
    expect(() => requireFreeFolder(place("empty"))).not.toThrow();
  });
});

/* eslint-disable no-control-regex -- what must not be there */
describe("a model card", () => {
  const contents = { files: ["model.onnx", "index.html"], noPage: null };
  const records = (() => {
    const measured = { model: "0".repeat(64), data: "1".repeat(64), images: 4, batchSize: 4 };
    const settings = { epsilon: 8 / 255, seed: 0, changes: { "pgd-trades": { steps: 50 } } };
    const key = attackKey(measured, "pgd-trades", settings, null);
    const warnings = { answers: [], gradients: [] };
    const attack = {
      round: 1,
      answers: [0, 2, 2, 3],
      fooledIn: [WITHSTOOD, 0, WITHSTOOD, WITHSTOOD],
      linf: [0, 0.03, 0, 0],
      queries: null,
    };
    const record = { device: "cpu", labels: [0, 1, 2, 0], clean: [0, 1, 2, 3], images: null, warnings };
    return [{ key, record: { ...record, attack: attack as never } }];
  })();

  it("says what was measured on how many images, with 95% intervals and unusual settings", () => {
    const rows = measuredRows(records);
    expect(rows.map(({ attack, images, settings }) => [attack, images, settings])).toEqual([
      [null, 4, ""],
      ["PGD-trades", 4, "steps 50"],
    ]);
    const text = modelCard({ ...handed, measured: rows }, contents);
    // statsmodels: proportion_confint(3, 4, method="wilson") = (0.3006, 0.9544), (2, 4) = (0.1500, 0.8500).
    expect(text).toContain("| clean | 4 | 75.0% (30.1 to 95.4) |  |");
    expect(text).toMatch(
      /\| PGD-trades, L-infinity 8\/255, steps 50 \| 4 \| 50\.0% \(15\.0 to 85\.0\) \| 62\.5% \(/,
    );
    const [, front = ""] = /^---\n([^]*?)\n---\n/.exec(text) ?? [];
    const results = (parse(front) as { "model-index": { results: { metrics: { value: number }[] }[] }[] })[
      "model-index"
    ][0]?.results;
    expect(results?.map(({ metrics: [metric] }) => metric?.value)).toEqual([75, 50]);
  });

  it("tells every two measurements apart, and asks for AutoAttack within each ball", () => {
    const final = kept("pgd-trades", { wrongWhenClean: "final-answer" });
    const rows = measuredRows([
      ...[kept("pgd-trades"), final, kept("pgd-trades", { batchSize: 9 })],
      ...["c", "d"].map((letter) => kept("transfer-cw", { surrogate: letter.repeat(64) })),
    ]);
    const attacked = rows.filter(({ attack }) => attack !== null).map(({ settings }) => settings);
    expect(new Set(attacked).size).toBe(5);
    expect(attacked).toContain("batch size 250, wrong when clean final-answer");
    const limitOf = (...kinds: readonly KeptRecord[]): string =>
      /AutoAttack, a stronger.*/.exec(
        modelCard({ ...handed, measured: measuredRows(kinds) }, contents),
      )?.[0] ?? "";
    const far = kept("fgsm", { norm: "l2", epsilon: 0.5 });
    expect(limitOf(kept("fgsm"))).toContain("was not run: its accuracy");
    expect(limitOf(kept("fgsm"), kept("aa"))).toBe("");
    expect(limitOf(kept("fgsm"), kept("aa"), far)).toContain("was not run within L2 0.5: there its accuracy");
  });

  it("is about the data set that is named, and says which one a run was trained on", () => {
    const { cifar10 } = datasets;
    const mine = { ...cifar10, id: "mine", title: "My data" };
    const student = {
      ...{ name: "a.onnx", reference: { kind: "file", path: "a.onnx" } as const, image, known: null },
      ...{ dataset: "cifar10", classes: 10 },
    };
    const named = handedModel(student, "best", mine, [kept("fgsm")], null);
    expect(modelCard(named, contents)).not.toContain("cifar10");
    const description = { settings: tinySettings({ dataset: "cifar10" }), recipe: {} };
    const inputs = { data: "d", cleanTeacher: null, robustTeacher: null };
    const origin = { kind: "run", checkpoint: "best", finished: true } as const;
    const card = modelCard(
      { ...named, origin: { ...origin, description: { ...description, inputs } } },
      contents,
    );
    expect(card).toContain("- Data set: mine (My data)");
    expect(card).toContain("- Trained on the data set cifar10, and not on that one");
    expect(card).toMatch(/^datasets:\n {2}- uoft-cs\/cifar10$/m);
    expect(measuredData(student, "mine", "sum")).toBe("sum");
    expect(measuredData(student, "mine", null)).toBeNull();
  });

  it("is nobody's licence unless it is given, and has front matter that hostile names do not leave", () => {
    const frontOf = (licence: string | null): Record<string, unknown> =>
      parse(/^---\n([^]*?)\n---\n/.exec(modelCard({ ...handed, licence }, contents))?.[1] ?? "") as never;
    expect(frontOf(null)).toMatchObject({ license: "unknown" });
    expect(frontOf("MIT")).toMatchObject({ license: "mit" });
    expect(frontOf(EVIL)).toMatchObject({ license: "other", pipeline_tag: "image-classification" });
    const text = modelCard(handed, contents);
    expect(text.match(/^---$/gm)).toHaveLength(2);
    expect(text.match(/^```/gm)).toHaveLength(4);
    expect(text).not.toMatch(/\u001b|\u202e/);
    // In front matter and in fences all is text.
    expect(text.replace(/^(---|```)[^]*?^\1$/gm, "")).not.toMatch(/<script>|[^\\]\]\(javascript/);
  });

  it("says checksums of a run's settings.json as text, whatever stands there", () => {
    const settings = {
      dataset: EVIL,
      method: EVIL,
      cleanTeacher: EVIL,
      robustTeacher: null,
      epsilon: 8 / 255,
      limitTrain: null,
    };
    const inputs = { data: EVIL, cleanTeacher: EVIL, robustTeacher: null, init: { from: "a", sha256: EVIL } };
    const origin = { kind: "run", description: { settings, inputs }, checkpoint: "best", finished: true };
    const text = modelCard({ ...handed, origin: origin as never }, contents);
    expect(text.match(/SHA-256 .*&lt;script/g)).toHaveLength(3);
    expect(text).not.toMatch(/\u001b|\u202e/);
    expect(text.replace(/^(---|```)[^]*?^\1$/gm, "")).not.toMatch(/<script>|[^\\]\]\(javascript/);
  });
});

it("shows the first image of each class, then the second of each", () => {
  const labels = Uint8Array.of(2, 0, 0, 1, 2, 0);
  const images = imagesInMemory(
    Uint8Array.from({ length: 6 * 3 }, (_, at) => at),
    3,
  );
  const shown = sampleImages({ count: 6, labels, images }, 5);
  expect(shown.map(({ label, index }) => [label, index])).toEqual([
    [0, 1],
    [1, 3],
    [2, 0],
    [0, 2],
    [2, 4],
  ]);
  expect([...Buffer.from(shown[0]?.pixels ?? "", "base64")]).toEqual([3, 4, 5]);
});

describe("the attack of the page", () => {
  const climb = async (start: "image" | "uniform-clamped", random: () => number): Promise<AscentPoint[]> => {
    const points = [];
    const gradient = Float32Array.of(1, -2, 0, 1e-9);
    const settings = { epsilon: 0.1, stepSize: 0.06, steps: 2, start };
    const image = Float32Array.of(0.5, 0.5, 0.5, 0.98);
    const lossGradient = () => Promise.resolve({ logits: Float32Array.of(0), gradient });
    for await (const point of ascend(image, settings, lossGradient, random)) points.push(point);
    return points;
  };

  it("steps up the sign of the gradient, stays in the ball and in [0, 1], and shows every point", async () => {
    const points = await climb("image", Math.random);
    expect(points.map(({ step }) => step)).toEqual([0, 1, 2]);
    for (const [at, value] of [0.6, 0.4, 0.5, 1].entries())
      expect(points[2]?.image[at]).toBeCloseTo(value, 6);
  });

  it("starts from noise that is clamped", async () => {
    const [start] = await climb("uniform-clamped", () => 0.9999999);
    for (const [at, value] of [0.6, 0.6, 0.6, 1].entries()) expect(start?.image[at]).toBeCloseTo(value, 5);
  });
});
