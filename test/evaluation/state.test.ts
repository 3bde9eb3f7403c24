import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stateSchema } from "#mtard/evaluation/state.js";
import { findState, readState, writeState } from "#mtard/evaluation/state-file.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-state-"));
afterAll(() => rmSync(folder, { recursive: true }));

const path = join(folder, "it.jsonl.state.json");
const identity = { model: `it ${"a".repeat(64)}`, data: `demo ${"b".repeat(64)}`, seed: 0, surrogate: null };
const schema = stateSchema(3, 4, new Map([["pgd-sat", 2]]));
const attack = {
  round: 1,
  batch: 1,
  answers: [0, 2, 3],
  fooledIn: [-1, 0, 1],
  linf: [0, 0.03, 0.03],
  queries: null,
  seconds: 1.5,
};
const state = { clean: [0, 1, 2], attacks: { "pgd-sat": attack } };

describe("the state of an unfinished evaluation", () => {
  it("comes back as it was written", () => {
    expect(readState(path, identity, schema)).toBeNull();
    expect(findState(path, identity)).toBe("none");
    writeState(path, identity, state);
    expect(readState(path, identity, schema)).toEqual(state);
    expect(findState(path, identity)).toBe("same");
  });

  it.each([
    ["model", { ...identity, model: `it ${"c".repeat(64)}` }, "it aaaaaaaaaaaa...", "it cccccccccccc..."],
    ["data", { ...identity, data: `demo ${"c".repeat(64)}` }, "demo bbbbbbbbbbbb...", "demo cccccccccccc..."],
    ["seed", { ...identity, seed: 1 }, "seed 0, as", "seed 1"],
    ["surrogate", { ...identity, surrogate: "other" }, "surrogate none", "surrogate other"],
    ["batchSize", { ...identity, batchSize: 3 }, "batchSize none", "batchSize 3"],
  ])("is refused where the %s differs, saying what was and what is", (name, now, was, is) => {
    writeState(path, identity, state);
    expect(findState(path, now)).toBe("other");
    expect(() => readState(path, now, schema)).toThrow(
      expect.objectContaining({
        message: `the unfinished evaluation is of another ${name}`,
        detail: expect.objectContaining({
          expected: expect.stringContaining(was) as string,
          found: expect.stringContaining(is) as string,
        }) as object,
      }) as Error,
    );
  });

  it("is refused where several things differ, each named", () => {
    writeState(path, identity, state);
    const now = { ...identity, seed: 9, surrogate: "other" };
    expect(() => readState(path, now, schema)).toThrow("of another seed, surrogate");
  });

  const withAttack = (change: object) => ({
    clean: [0, 1, 2],
    attacks: { "pgd-sat": { ...attack, ...change } },
  });

  it.each([
    ["no object", []],
    ["an answer that is no class", { ...state, clean: [0, 1, 4] }],
    ["a negative answer", { ...state, clean: [0, 1, -1] }],
    ["half an answer", { ...state, clean: [0, 1, 0.5] }],
    ["more images than there are", { clean: [0, 1, 2, 0], attacks: {} }],
    ["an attack before the clean pass is over", { ...state, clean: [0, 1] }],
    ["an attack that was not asked for", { clean: [0, 1, 2], attacks: { fgsm: attack } }],
    ["a list that is too short", withAttack({ answers: [0, 1] })],
    ["a round that there is none of", withAttack({ fooledIn: [-1, 0, 2] })],
    ["an image fooled later than now", withAttack({ round: 0 })],
    ["a round after the last", withAttack({ round: 3 })],
    ["a batch before the first", withAttack({ batch: -1 })],
    ["negative queries", withAttack({ queries: [0, -1, 0] })],
    ["a change beyond 1", withAttack({ linf: [0, 2, 0] })],
    ["something more", withAttack({ more: 1 })],
    ["a prototype", JSON.parse('{"clean":[0,1,2],"attacks":{"__proto__":{"x":1}}}')],
  ])("is not believed with %s", (_, content) => {
    writeFileSync(path, JSON.stringify({ format: 1, identity, state: content as unknown }));
    expect(() => readState(path, identity, schema)).toThrow("is not the state of an evaluation");
  });

  it.each([
    ["cut short", (text: string) => text.slice(0, 50)],
    ["empty", () => ""],
    ["of another format", (text: string) => text.replace('"format":1', '"format":2')],
    ["with a list for an identity", () => '{"format":1,"identity":[],"state":{}}'],
  ])("is not believed when the file is %s, and does not stop a fresh start", (_, change) => {
    writeState(path, identity, state);
    writeFileSync(path, change(readFileSync(path, "utf8")));
    expect(() => readState(path, identity, schema)).toThrow("is not the state of an evaluation");
    expect(findState(path, identity)).toBe("other");
  });
});
