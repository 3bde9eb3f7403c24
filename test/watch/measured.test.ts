import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { attackKey, cleanKey } from "#mtard/evaluation/key.js";
import { openStore } from "#mtard/evaluation/store.js";
import { measuredTable } from "#mtard/watch/measured.js";
import { madeFolder } from "./made-runs.js";

const folder = madeFolder();
afterAll(() => folder.remove());

const measured = { model: "a".repeat(64), data: "b".repeat(64), images: 4, batchSize: 2 };
const record = {
  device: "cpu",
  labels: [0, 1, 2, 3],
  clean: [0, 1, 2, 0],
  attack: null,
  images: null,
  warnings: { answers: [], gradients: null },
};

it("records are rows, finished or not; damaged ones say what is wrong, and none is read twice", async () => {
  const evaluations = join(folder.path, "evaluations");
  mkdirSync(evaluations);
  const store = openStore(evaluations);
  store.write(cleanKey(measured), record);
  const key = attackKey(measured, "fgsm", { epsilon: 8 / 255, seed: 0 }, null);
  const state = {
    round: 1,
    batch: 0,
    answers: [0, 3, 3, 0],
    fooledIn: [-1, 0, 0, -1],
    linf: [0, 0.03, 0.03, 0],
  };
  store.write(key, { ...record, attack: { ...state, queries: null, seconds: 1 } });
  const unfinished = attackKey(measured, "pgd-trades", { epsilon: 8 / 255, seed: 0 }, null);
  const begun = { round: 0, batch: 1, answers: [0, 1, 2, 0], fooledIn: [-1, -1, -1, -1], linf: [0, 0, 0, 0] };
  store.write(unfinished, { ...record, attack: { ...begun, queries: null, seconds: 1 } });
  const norm = "l2" as const;
  const choices = { norm, epsilon: 1, seed: 3, restarts: 2, changes: { "pgd-trades": { steps: 5 } } };
  const inL2 = attackKey(measured, "pgd-trades", choices, null);
  store.write(inL2, { ...record, attack: { ...begun, l2: begun.linf, queries: null, seconds: 1 } });
  const corruption = { name: "fog", severity: 3, file: "c".repeat(64), seed: null, version: null } as const;
  store.write(cleanKey({ ...measured, corruption }), record);
  writeFileSync(join(evaluations, `fgsm-${"0".repeat(16)}.json`), "<script>");
  writeFileSync(join(evaluations, "notes.json"), "{}");
  const table = measuredTable();
  const places = [{ folder: evaluations, model: "<b>\u001b[31m", run: "0123", classes: undefined }];
  const { rows, unread } = await table.look(places, 1e6);
  expect(unread).toBe(0);
  const shown = rows.map(({ attack, clean, robust, wRobust, corrupted, radius, problem }) => ({
    attack,
    clean,
    robust,
    wRobust,
    corrupted,
    radius,
    problem,
  }));
  const nothing = { clean: null, robust: null, wRobust: null, corrupted: null, radius: "" };
  const linf = { corrupted: null, radius: "8/255" };
  expect(shown).toHaveLength(6);
  expect(shown).toEqual(
    expect.arrayContaining([
      { ...nothing, attack: "clean only", clean: 0.75, problem: "" },
      { attack: "FGSM", clean: 0.75, robust: 0.25, wRobust: 0.5, ...linf, problem: "" },
      // What tells two measurements of one attack from each other is named; so are a norm and its radius.
      {
        ...nothing,
        attack: "PGD-trades (L2, steps 5, restarts 2, seed 3)",
        radius: "L2 1",
        problem: "not finished: round 1 of 2",
      },
      // What is corrupted is neither clean nor attacked.
      { ...nothing, attack: "fog, severity 3", corrupted: 0.75, problem: "" },
      { attack: "PGD-trades", ...nothing, ...linf, problem: "not finished: round 1 of 1" },
      { attack: "", ...nothing, problem: expect.stringContaining("damaged:") as string },
    ]),
  );
  expect(new Set(rows.map(({ model }) => model))).toEqual(new Set(["<b>?[31m"]));
  // Without any time nothing new is read, and what is known is there.
  writeFileSync(join(evaluations, `fgsm-${"1".repeat(16)}.json`), "{}");
  expect(await table.look(places, 0)).toEqual({ rows, unread: 1 });
});

it("corrupted images are no clean ones, and a norm other than L-infinity is named", async () => {
  const evaluations = join(folder.path, "others");
  mkdirSync(evaluations);
  const store = openStore(evaluations);
  const corruption = { name: "fog", severity: 3, file: null, seed: 0, version: 1 } as const;
  store.write(cleanKey({ ...measured, corruption }), record);
  const key = attackKey(measured, "fgsm", { norm: "l2", epsilon: 0.5, seed: 0 }, null);
  const state = { round: 1, batch: 0, answers: [0, 3, 3, 0], fooledIn: [-1, 0, 0, -1] };
  const distances = { linf: [0, 0.03, 0.03, 0], l2: [0, 0.5, 0.5, 0] };
  store.write(key, { ...record, attack: { ...state, ...distances, queries: null, seconds: 1 } });
  const places = [{ folder: evaluations, model: "model", run: null, classes: undefined }];
  const { rows } = await measuredTable().look(places, 1e6);
  const shown = rows.map(({ attack, epsilon, clean, robust, corrupted }) => ({
    ...{ attack, epsilon, clean, robust, corrupted },
  }));
  expect(shown).toHaveLength(2);
  expect(shown).toEqual(
    expect.arrayContaining([
      { attack: "fog, severity 3", epsilon: null, clean: null, robust: null, corrupted: 0.75 },
      { attack: "FGSM (L2)", epsilon: 0.5, clean: 0.75, robust: 0.25, corrupted: null },
    ]),
  );
});
