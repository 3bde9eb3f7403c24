import { describe, expect, it } from "vitest";
import { cleanKey, type MeasurementKey } from "#mtard/evaluation/key.js";
import { isFinished, recordSchema } from "#mtard/evaluation/record.js";
import { attackState } from "#mtard/evaluation/state.js";

const measured = { model: "a".repeat(64), data: "b".repeat(64), images: 3, batchSize: 2 };
/** PGD of two runs, on three images of four classes. */
const key: MeasurementKey = {
  ...cleanKey(measured),
  attack: "pgd-sat",
  epsilon: 0.03,
  seed: 0,
  rounds: [{ attack: "pgd-sat", numbers: { steps: 5 }, restarts: 2 }],
};
const attack = {
  ...attackState([0, 1, 2]),
  round: 1,
  answers: [0, 3, 1],
  fooledIn: [-1, 0, 1],
  linf: [0, 0.03, 0.01],
  queries: [1, 2, 3],
};
const record = {
  device: "cpu",
  labels: [0, 1, 2],
  clean: [0, 1, 2],
  attack,
  images: null,
  warnings: { answers: [], gradients: null },
};
const believes = (content: unknown, of: MeasurementKey = key): boolean =>
  recordSchema(of, 4).safeParse(content).success;

describe("a record", () => {
  it("is believed as it was written, and finished when no round is left", () => {
    expect(recordSchema(key, 4).parse(record)).toEqual(record);
    expect(isFinished(key, record)).toBe(false);
    expect(isFinished(key, { ...record, attack: { ...attack, round: 2 } })).toBe(true);
    const clean = { ...record, attack: null };
    expect(believes(clean, cleanKey(measured))).toBe(true);
    expect(isFinished(cleanKey(measured), clean)).toBe(true);
    expect(isFinished(cleanKey(measured), { ...clean, clean: [0, 1] })).toBe(false);
  });

  const withAttack = (change: object) => ({ ...record, attack: { ...attack, ...change } });

  it.each([
    ["no object", []],
    ["an answer that is no class", { ...record, clean: [0, 1, 4] }],
    ["a negative answer", { ...record, clean: [0, 1, -1] }],
    ["half an answer", { ...record, clean: [0, 1, 0.5] }],
    ["more images than there are", { ...record, clean: [0, 1, 2, 0] }],
    ["labels that are too few", { ...record, labels: [0, 1] }],
    ["an attack before the clean pass is over", { ...record, clean: [0, 1] }],
    ["an attack that is none", { ...record, attack: null }],
    ["a list that is too short", withAttack({ answers: [0, 1] })],
    ["a round that there is none of", withAttack({ fooledIn: [-1, 0, 2] })],
    ["an image fooled later than now", withAttack({ round: 0 })],
    ["a round after the last", withAttack({ round: 3 })],
    ["a batch before the first", withAttack({ batch: -1 })],
    ["negative queries", withAttack({ queries: [0, -1, 0] })],
    ["a change beyond 1", withAttack({ linf: [0, 2, 0.01] })],
    ["a change beyond epsilon", withAttack({ linf: [0, 0.031, 0.01] })],
    ["an image that withstood with another answer", withAttack({ answers: [1, 3, 1] })],
    ["an image that is fooled with its own class", withAttack({ answers: [0, 1, 1] })],
    ["an image that is fooled and was wrong before", { ...record, labels: [0, 2, 2] }],
    ["the path of a file in place of its name", { ...record, images: "../0123456789abc" }],
    ["something more", withAttack({ more: 1 })],
    ["warnings that are no text", { ...record, warnings: { answers: [1], gradients: null } }],
    ["a prototype", JSON.parse('{"__proto__":{"device":"cpu"}}')],
  ])("is not believed with %s", (_, content) => {
    expect(believes(content)).toBe(false);
  });

  it("in L2 has each image's length, within epsilon, and its largest change beside it", () => {
    const inL2: MeasurementKey = { ...key, norm: "l2" };
    expect(attackState([0, 1], "l2")).toMatchObject({ linf: [0, 0], l2: [0, 0] });
    expect(believes(withAttack({ l2: [0, 0.03, 0.01] }), inL2)).toBe(true);
    expect(believes(withAttack({ l2: [0, 0.031, 0.01] }), inL2)).toBe(false);
    expect(believes(withAttack({ l2: [0, 0.03] }), inL2)).toBe(false);
    expect(believes(record, inL2)).toBe(false);
    expect(believes(withAttack({ l2: [0, 0.03, 0.01] }))).toBe(false);
  });

  describe("where final answers count", () => {
    const final: MeasurementKey = { ...key, wrongWhenClean: "final-answer" };
    // The second image was wrong when clean, and is still; the third was, and is right now.
    const all = {
      ...{ ...record, clean: [0, 3, 1] },
      attack: { ...attack, answers: [0, 3, 2], fooledIn: [-1, 0, -1], linf: [0, 0.03, 0] },
    };

    it("is believed with images that were wrong when clean", () => {
      expect(believes(all, final)).toBe(true);
      expect(believes({ ...all, attack: { ...all.attack, round: 2 } }, final)).toBe(true);
      expect(believes(all)).toBe(false);
    });

    it("is not believed finished with an image that nothing fooled and that is wrong", () => {
      const untouched = { ...all.attack, answers: [0, 3, 1] };
      expect(believes({ ...all, attack: untouched }, final)).toBe(true);
      expect(believes({ ...all, attack: { ...untouched, round: 2 } }, final)).toBe(false);
      expect(believes({ ...all, attack: { ...all.attack, answers: [0, 3, 0] } }, final)).toBe(false);
    });
  });
});
