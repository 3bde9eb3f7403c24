import { afterAll, describe, expect, it } from "vitest";
import { mtard, mtardJson, workFolder } from "./mtard.js";

const folder = workFolder();
afterAll(() => {
  folder.remove();
});

const show = (...args: string[]) => mtardJson(["recipe", "show", ...args], folder.path);

describe("mtard recipe show", () => {
  it("prints every setting the method reads, each with its source", async () => {
    const result = await show("--dataset", "cifar10", "--method", "ard");
    expect(result).toMatchObject({ student: "resnet-18", method: "ard", reading: "paper" });
    const settings = result["settings"] as Record<string, { value: unknown; source: string }>;
    expect(settings["epochs"]).toEqual({
      value: 200,
      source: "goldblum/AdversariallyRobustDistillation, main.py",
    });
    expect(settings["temperature"]?.source).toMatch(/^B-MTARD, section 4.1/);
    expect(settings).not.toHaveProperty("weightRate");
    for (const { source } of Object.values(settings)) expect(source.length).toBeGreaterThan(5);
  });

  it("says what the call changed", async () => {
    const { settings } = await show("--dataset", "cifar100", "--epochs", "30", "--set", "beta=2");
    expect(settings).toMatchObject({
      epochs: { value: 30, source: "--epochs; the schedule of 300 epochs, shortened or stretched" },
      milestones: { value: [22, 26, 29] },
      beta: { value: 2, source: "--set" },
      klScale: { value: 10 },
    });
  });

  it("shows a table to people", async () => {
    const call = ["recipe", "show", "--dataset", "tiny-imagenet", "--method", "trades"];
    const { code, stdout } = await mtard(call, folder.path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^trades for preact-resnet-18 on tiny-imagenet\n/);
    expect(stdout).toMatch(/^epsilon +8\/255 +B-MTARD, section 4\.1$/m);
    expect(stdout).toMatch(/^innerStepSize +0\.007 +yaodongyu\/TRADES, train_trades_cifar10\.py$/m);
    expect(stdout).toContain("--reading b-mtard: ");
  });

  it.each([
    [["--dataset", "cifar10", "--method", "nope"], 'unknown method "nope"'],
    [["--dataset", "cifar10", "--student", "nope"], 'unknown network "nope"'],
    [["--dataset", "cifar10", "--reading", "mine"], "one of paper, released-code, b-mtard"],
    [["--dataset", "cifar10", "--set", "nope=1"], "the name one of epochs, batchSize"],
    [["--dataset", "cifar10", "--set", "innerMode=asleep"], "inference, training or untracked"],
    [["--dataset", "nope"], 'there is no data set "nope"'],
  ])("refuses %j", async (args, message) => {
    const { code, stdout, stderr } = await mtard(["recipe", "show", ...args], folder.path);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });
});

describe("mtard recipe list", () => {
  it("has the paper's trainings and teachers", async () => {
    const { trainings } = await mtardJson(["recipe", "list"], folder.path);
    expect(trainings).toHaveLength(13 * 7 + 6);
    expect(trainings).toContainEqual({
      dataset: "cifar10",
      trains: "robust teacher",
      network: "wide-resnet-34-10",
      method: "trades",
      source: "B-MTARD, section 4.1 and table 2",
      settings: { epochs: 76, milestones: [74], batchSize: 128, learningRate: 0.1 },
    });
  });

  it("is for one data set and reading where asked", async () => {
    const call = ["recipe", "list", "--dataset", "cifar100", "--reading", "b-mtard"];
    const { code, stdout } = await mtard(call, folder.path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^cifar100 +student +mobilenet-v2 +fair-ard +300 +215, 260, 285 +128 +0\.1$/m);
    expect(stdout).toContain("ready-made wide-resnet-70-16 for cifar100");
    expect(stdout).not.toContain("cifar10 ");
  });
});
