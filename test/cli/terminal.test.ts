import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metricsWithoutClock } from "../training/without-clock.js";
import { mtard, workFolder } from "./mtard.js";
import { mtardInTerminal } from "./terminal.js";

/* What a person sees in a terminal of 80 columns, and what a pipe gets. */

const work = workFolder();
afterAll(() => work.remove());
beforeAll(async () => {
  expect((await mtard(["data", "demo"], work.path)).code).toBe(0);
});

const words = (line: string): string[] => line.split(" ");
const shown = (line: string, options = {}) => mtardInTerminal(words(line), work.path, options);
const ESCAPE = "\u001b";

/** Without the sequences that colour text. */
const plain = (text: string): string => text.replace(new RegExp(`${ESCAPE}\\[\\d*m`, "g"), "");

describe("colour", () => {
  it("is on errors and headings in a terminal, and nowhere else", async () => {
    expect((await shown("networks")).screen).toContain(`${ESCAPE}[1mnetwork `);
    expect((await shown("trian")).screen).toContain(`${ESCAPE}[31merror: ${ESCAPE}[39munknown command`);
    expect((await mtard(["networks"], work.path)).stdout).not.toContain(ESCAPE);
    expect((await mtard(["trian"], work.path)).stderr).not.toContain(ESCAPE);
  });

  it("is off with NO_COLOR and with --json, and on in a pipe with FORCE_COLOR", async () => {
    expect((await shown("trian", { environment: { NO_COLOR: "1" } })).screen).not.toContain(ESCAPE);
    expect((await shown("networks --json")).screen).not.toContain(ESCAPE);
    const forced = await mtard(["networks"], work.path, { FORCE_COLOR: "1" });
    expect(forced.stdout).toContain(`${ESCAPE}[1mnetwork `);
  });
});

it("at 80 columns no line of a table is longer, and no name is cut", async () => {
  for (const line of ["teacher list", "networks", "recipe show --dataset cifar10", "help train"]) {
    const narrow = plain((await shown(line)).screen).split("\r\n");
    const [piped] = [(await mtard(words(line), work.path)).stdout];
    for (const name of piped.match(/^(?:cifar\S+|\S*resnet\S*|inner\S+|^ +--[a-z-]+)/gm) ?? [])
      expect(narrow.join("\n"), line).toContain(name.trim());
    // Only lines to copy, and other text that is not in columns, are left to the terminal to break.
    const columns = narrow.filter((each) => /^\S+ {2,}\S/.test(each));
    for (const each of columns) expect(each.length, each).toBeLessThanOrEqual(80);
  }
});

/** By the process that watches the keyboard; where that is not up yet, as on a busy machine, by the one that works. */
const ANSWER =
  /stopping after this (step|batch)(?: \.\.\.; Ctrl-C again to|; a second one) stops? now without\s+saving\r\n/;
const ANSWER_BEGINS = "stopping after this step";

const TRAIN =
  "train --dataset demo --method sat --student resnet-8 --limit-test 20 --batch-size 16 --set innerSteps=2";

describe("a training", () => {
  it("without a terminal says at once, on lines of their own, how far it is, and then what can be done next", async () => {
    const { code, stderr } = await mtard(
      words(`${TRAIN} --limit-train 64 --epochs 1 --out runs/it`),
      work.path,
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/^epoch 1\/1 {2}step 1\/4 {2}\d+ images\/s, \d+ s left {2}loss \d/m);
    expect(stderr).toMatch(
      /^next: mtard evaluate runs\/it\n {6}mtard report runs\/it\n {6}mtard export runs\/it --to onnx --out it.onnx\n$/m,
    );
    expect(stderr).not.toMatch(/Deprecat|\r/);
  });

  it("with --quiet says its result only", async () => {
    const call = words(`${TRAIN} --limit-train 64 --epochs 1 --out runs/quiet --quiet`);
    expect(await mtard(call, work.path)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^runs\/quiet: finished/) as string,
      stderr: "",
    });
    const refused = await mtard(call, work.path);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^error: runs\/quiet already holds this run\n/);
  });

  it("answers Ctrl-C at once, saves, and goes on to the same end", async () => {
    const call = `${TRAIN} --limit-train 640 --epochs 1 --out runs/interrupted`;
    const { code, screen } = await shown(call, { interruptAt: ["images/s"] });
    expect({ code, screen }).toEqual({ code: 1, screen: expect.stringMatching(ANSWER) as string });
    expect(screen).toContain("everything is saved; the same command with --resume goes on\r\n");
    expect((await mtard(words(`${call} --resume`), work.path)).code).toBe(0);
    await mtard(words(`${TRAIN} --limit-train 640 --epochs 1 --out runs/whole`), work.path);
    const metrics = (run: string): string => metricsWithoutClock(`${work.path}/runs/${run}/metrics.jsonl`);
    expect(metrics("interrupted")).toBe(metrics("whole"));
  });

  it("answers in the middle of a step, and ends at the second Ctrl-C without saving", async () => {
    const slow = "--batch-size 320 --set innerSteps=10 --limit-train 1280 --epochs 1 --out runs/stopped";
    const call = `train --dataset demo --method sat --student resnet-14 --limit-test 20 ${slow}`;
    const { code, screen } = await shown(call, { interruptAt: ["images/s", ANSWER_BEGINS] });
    expect([130, 137], screen).toContain(code);
    expect(screen).not.toContain("everything is saved");
  });
});

describe("an evaluation", () => {
  it("answers Ctrl-C at once, keeps what it found, and goes on to the same answers", async () => {
    const call = "evaluate demo-robust --attacks square --queries 120 --limit 48 --batch-size 6 --json";
    const stopped = await shown(call, { interruptAt: ["square: "] });
    expect(ANSWER.exec(plain(stopped.screen))?.[1]).toBe("batch");
    expect(plain(stopped.screen)).toContain("stopped; everything so far is kept, and the same call goes on");
    expect(stopped.code).toBe(1);
    const { code, stdout, stderr } = await mtard(words(call), work.path);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("going on with square") as string,
    });
    const whole = await mtard(words(`${call} --again`), work.path);
    const accuracy = (text: string): object => ({
      ...(JSON.parse(text) as { attacks: { square: object } }).attacks.square,
      seconds: undefined,
    });
    expect(accuracy(stdout)).toEqual(accuracy(whole.stdout));
  });
});
