import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import {
  attackKey,
  cleanKey,
  differencesOf,
  keySchema,
  type MeasurementKey,
  nameOfKey,
} from "#mtard/evaluation/key.js";
import { evaluationOfRecord, type MeasurementRecord } from "#mtard/evaluation/record.js";
import { attackState } from "#mtard/evaluation/state.js";
import { openStore, outdatedIn } from "#mtard/evaluation/store.js";

const work = mkdtempSync(join(tmpdir(), "mtard-measurements-"));
afterAll(() => rmSync(work, { recursive: true }));

const hex = (digit: string): string => digit.repeat(64);
const measured = { model: hex("a"), data: hex("b"), images: 3, batchSize: 2 };
const settings = { epsilon: 8 / 255, seed: 0 };
const keyOf = (attack: AttackId, changes: object = {}, surrogate: string | null = null): MeasurementKey =>
  attackKey(measured, attack, { ...settings, ...changes }, surrogate);

describe("a key", () => {
  const pgd = keyOf("pgd-sat");
  const same = (one: MeasurementKey, other: MeasurementKey): boolean => nameOfKey(one) === nameOfKey(other);

  it("has resolved numbers: one that is named is the same as the default it equals", () => {
    expect(keyOf("rays").rounds).toEqual([{ attack: "rays", numbers: { queries: 100 }, restarts: 1 }]);
    expect(same(keyOf("rays", { changes: { rays: { queries: 100 } } }), keyOf("rays"))).toBe(true);
    const steps = { changes: { "pgd-sat": { stepSize: 2 / 255, steps: 20 } } };
    expect(same(keyOf("pgd-sat", steps), pgd)).toBe(true);
    expect(keyOf("aa").rounds.map(({ attack }) => attack)).toEqual(["apgd-ce", "apgd-t", "fab-t", "square"]);
    expect(same(keyOf("aa", { changes: { aa: { queries: 5000 } } }), keyOf("aa"))).toBe(true);
  });

  it("does not hold what the attack does not read", () => {
    expect(same(keyOf("fgsm", { seed: 3 }), keyOf("fgsm"))).toBe(true);
    expect(same(keyOf("fgsm", { restarts: 3 }), keyOf("fgsm"))).toBe(true);
    expect(same(keyOf("fgsm", { changes: { fgsm: { steps: 9 } } }), keyOf("fgsm"))).toBe(true);
    expect(same(keyOf("pgd-sat", {}, hex("c")), pgd)).toBe(true);
  });

  it("keeps the name that earlier versions gave it, where its conventions are the usual ones", () => {
    const usual = { wrongWhenClean: "not-robust", uniformStart: "unclamped" };
    expect(keyOf("pgd-sat", usual)).toEqual(pgd);
    const { model, data, images, batchSize, attack, epsilon, seed, rounds, surrogate } = pgd;
    const whole = [model, data, images, batchSize, attack, epsilon, seed, rounds, surrogate];
    const hash = createHash("sha256").update(JSON.stringify(whole)).digest("hex");
    expect(nameOfKey(pgd)).toBe(`pgd-sat-${hash.slice(0, 16)}`);
  });

  it("has a uniform start only of attacks with one", () => {
    for (const id of ["fgsm", "aa", "square"] as const)
      expect(same(keyOf(id, { uniformStart: "clamped" }), keyOf(id))).toBe(true);
    expect(same(keyOf("transfer-cw", { uniformStart: "clamped" }), keyOf("transfer-cw"))).toBe(false);
    expect(keySchema.safeParse(keyOf("pgd-sat", { uniformStart: "clamped" })).success).toBe(true);
    expect(keySchema.safeParse({ ...keyOf("fgsm"), uniformStart: "clamped" }).success).toBe(false);
    expect(keySchema.safeParse({ ...cleanKey(measured), wrongWhenClean: "final-answer" }).success).toBe(
      false,
    );
  });

  it("has a norm where it is not L-infinity, with the numbers of the attack's form in it", () => {
    const inL2 = keyOf("pgd-sat", { norm: "l2", epsilon: 0.5 });
    expect(keyOf("pgd-sat", { norm: "linf" })).toEqual(pgd);
    expect(inL2).toMatchObject({ norm: "l2", rounds: [{ numbers: { steps: 20, stepSize: 0.125 } }] });
    expect(differencesOf(keyOf("pgd-sat", { epsilon: 0.5 }), inL2).map(({ name }) => name)).toEqual([
      "stepSize of pgd-sat",
      "norm",
    ]);
    expect(same(keyOf("fgsm", { norm: "l2" }), keyOf("fgsm"))).toBe(false);
    expect(keySchema.safeParse(inL2).success).toBe(true);
    expect(keySchema.safeParse({ ...keyOf("rays"), norm: "l2" }).success).toBe(false);
    expect(keySchema.safeParse({ ...cleanKey(measured), norm: "l2" }).success).toBe(false);
    expect(() => keyOf("rays", { norm: "l2" })).toThrow("rays has no L2 form");
    expect(() => keyOf("gradient-estimation", { norm: "l2" })).toThrow("no L2 form");
  });

  it.each([
    ["wrongWhenClean", keyOf("pgd-sat", { wrongWhenClean: "final-answer" })],
    ["uniformStart", keyOf("pgd-sat", { uniformStart: "clamped" })],
    ["epsilon", keyOf("pgd-sat", { epsilon: 4 / 255 })],
    ["seed", keyOf("pgd-sat", { seed: 1 })],
    ["steps of pgd-sat", keyOf("pgd-sat", { changes: { "pgd-sat": { steps: 21 } } })],
    ["stepSize of pgd-sat", keyOf("pgd-sat", { changes: { "pgd-sat": { stepSize: 0.003 } } })],
    ["restarts of pgd-sat", keyOf("pgd-sat", { restarts: 2 })],
    ["model", { ...pgd, model: hex("d") }],
    ["data", { ...pgd, data: hex("d") }],
    ["images", { ...pgd, images: 4 }],
    ["batchSize", { ...pgd, batchSize: 3 }],
  ])("differs where the %s does, and says so", (name, other) => {
    expect(same(other, pgd)).toBe(false);
    expect(differencesOf(pgd, other).map((each) => each.name)).toEqual([name]);
  });

  it("differs by attack, queries and surrogate", () => {
    const keys = [
      pgd,
      keyOf("pgd-trades"),
      keyOf("square"),
      keyOf("square", { changes: { square: { queries: 100 } } }),
      keyOf("aa"),
      keyOf("aa", { changes: { aa: { queries: 100 } } }),
      keyOf("transfer-cw", {}, hex("c")),
      keyOf("transfer-cw", {}, hex("d")),
      cleanKey(measured),
    ];
    expect(new Set(keys.map(nameOfKey)).size).toBe(keys.length);
  });
});

describe("a store", () => {
  const key = keyOf("pgd-sat");
  const record: MeasurementRecord = {
    device: "cpu",
    labels: [4, 5, 6],
    clean: [4, 5, 0],
    attack: {
      ...attackState([4, 5, 0]),
      round: 1,
      answers: [4, 1, 0],
      fooledIn: [-1, 0, -1],
      linf: [0, 0.03, 0],
    },
    images: null,
    warnings: { answers: [], gradients: [] },
  };
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(work, "store-"));
  });

  it.each([
    ["no images", { images: 0 }],
    ["no rounds", { rounds: [] }],
    ["more restarts than memory holds", { rounds: [{ ...key.rounds[0], restarts: 9e15 }] }],
    ["rounds of another attack", { rounds: [{ ...key.rounds[0], attack: "constructor" }] }],
    ["settings the attack does not have", { rounds: [{ ...key.rounds[0], numbers: { queries: 3 } }] }],
    ["rounds without an attack", { attack: null }],
  ])("does not list a record whose key has %s", (_, change) => {
    const store = openStore(folder);
    store.write(key, record);
    expect(store.list(key.model, 10)).toHaveLength(1);
    const path = store.pathOf(key);
    const file = JSON.parse(readFileSync(path, "utf8")) as { key: object };
    writeFileSync(path, JSON.stringify({ ...file, key: { ...file.key, ...change }, sha256: undefined }));
    expect(store.list(key.model, 10)).toEqual([]);
    expect(store.unfinished()).toEqual([]);
  });

  it("gives back what was written, under its own key alone", () => {
    const store = openStore(folder);
    expect(store.read(key, 10)).toBeNull();
    store.write(key, record);
    expect(store.read(key, 10)).toEqual(record);
    expect(store.read(keyOf("pgd-sat", { seed: 1 }), 10)).toBeNull();
    expect(evaluationOfRecord(key, record)).toMatchObject({
      total: 3,
      clean: { correct: 2 },
      attacks: { "pgd-sat": { robust: 1, wRobust: 0.5 } },
      perExample: [
        { index: 0, label: 4, clean: 4, attacks: { "pgd-sat": 4 } },
        { index: 1, label: 5, clean: 5, attacks: { "pgd-sat": 1 }, linf: { "pgd-sat": 0.03 } },
        { index: 2, label: 6, clean: 0, attacks: { "pgd-sat": 0 } },
      ],
    });
  });

  it.each([
    ["cut short", (text: string) => text.slice(0, 50)],
    ["empty", () => ""],
    ["of another format", (text: string) => text.replace('"format":2', '"format":1')],
    ["of another key", (text: string) => text.replace('"seed":0', '"seed":1')],
    ["with an answer that is no class", (text: string) => text.replace('"clean":[4,', '"clean":[11,')],
    ["with something more", (text: string) => text.replace('"device"', '"more":1,"device"')],
  ])("says what is wrong with a file that is %s, and does not list it", (_, change) => {
    const store = openStore(folder);
    store.write(key, record);
    const path = store.pathOf(key);
    const written = readFileSync(path, "utf8");
    writeFileSync(path, change(written));
    expect(store.read(key, 10)).toMatch(/pgd-sat-[0-9a-f]{16}\.json is (no record|damaged)/);
    expect(store.list(measured.model, 10)).toEqual([]);
    // A file of an earlier version has no checksum, and is read as it was.
    const earlier = written.replace(/,"sha256":"[0-9a-f]{64}"/, "");
    writeFileSync(path, earlier);
    expect(store.read(key, 10)).toEqual(record);
    writeFileSync(path, change(earlier));
    expect(store.read(key, 10)).toMatch(
      /pgd-sat-[0-9a-f]{16}\.json is (no record|the record of something else)/,
    );
    expect(store.list(measured.model, 10)).toEqual([]);
  });

  it("says that a digit of it was changed, though the record is still a possible one", () => {
    const store = openStore(folder);
    store.write(key, record);
    const path = store.pathOf(key);
    writeFileSync(path, readFileSync(path, "utf8").replace('"device":"', '"device":"1'));
    expect(store.read(key, 10)).toMatch(/json is damaged/);
    expect(store.list(measured.model, 10)).toEqual([]);
  });

  it("lists the records of a model, and what is unfinished of any", () => {
    const store = openStore(folder);
    const other = { ...key, model: hex("d") };
    const begun = { ...record, attack: attackState(record.clean) };
    store.write(key, record);
    store.write(other, begun);
    expect(store.list(measured.model, 10)).toEqual([{ key, record }]);
    expect(store.unfinished()).toEqual([other]);
    expect(openStore(join(folder, "nowhere")).list(measured.model, 10)).toEqual([]);
  });

  it("lists the others where one is gone since it was listed, as on a network disk", () => {
    const store = openStore(folder);
    store.write(key, record);
    symlinkSync(join(folder, "nowhere"), join(folder, "clean-0123456789abcdef.json"));
    expect(store.list(measured.model, 10)).toEqual([{ key, record }]);
    expect(store.unfinished()).toEqual([]);
  });

  it("counts the evaluations of an older mtard, and reads none of them", () => {
    const old = join(folder, "evaluations");
    mkdirSync(old);
    writeFileSync(join(old, "pgd-sat-0123456789.json"), JSON.stringify({ attack: "pgd-sat" }));
    expect(outdatedIn(old)).toBe(1);
    expect(openStore(old).list(measured.model, 10)).toEqual([]);
    expect(readdirSync(old)).toEqual(["pgd-sat-0123456789.json"]);
  });
});
