import { describe, expect, it } from "vitest";
import { estimateMeasurement, estimateTraining, type TrainingWork } from "#mtard/reproduction/estimate.js";
import { attackPasses, passCost } from "#mtard/reproduction/operations.js";
import type { PastAttack, PastTraining, PastWork } from "#mtard/reproduction/past-work.js";
import { ASSUMED_H100 } from "#mtard/reproduction/speed.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { SHAPE, tinySettings } from "../training/tiny-run.js";

const NOTHING: PastWork = { trainings: [], attacks: [] };
const TEACHERS = {
  clean: { sha256: "c".repeat(64), network: "resnet-14" },
  robust: { sha256: "d".repeat(64), network: "resnet-14" },
};

const settings = tinySettings({ epochs: 4, milestones: [1], batchSize: 16, innerSteps: 10 });
const work: TrainingWork = {
  settings,
  shape: SHAPE,
  images: { train: 160, selection: 50 },
  teachers: TEACHERS,
};

function training(changes: Partial<PastTraining> = {}): PastTraining {
  return { ...work, device: "cpu", step: 2, evaluation: 5, start: 3, ...changes };
}

describe("the time that a training will take", () => {
  it("is at the pace of finished runs of its kind, of any seed and length", () => {
    const past = [1, 2, 9].map((step) =>
      training({ step, settings: { ...settings, seed: step, epochs: 40, method: "mtard" } }),
    );
    const estimate = estimateTraining(work, {
      device: "cpu",
      past: { ...NOTHING, trainings: past },
      assumed: null,
    });
    // 40 steps of 2 s, an evaluation of 5 s after each of four epochs, and the start.
    expect(estimate).toEqual({
      seconds: 3 + 40 * 2 + 4 * 5,
      basis: "measured",
      restsOn: "3 finished runs of this kind",
    });
  });

  it.each<[string, Partial<PastTraining>]>([
    ["device", { device: "cuda" }],
    ["batch size", { settings: { ...settings, batchSize: 32 } }],
    ["arithmetic", { settings: { ...settings, attackPrecision: "bfloat16" } }],
    ["steps of the attack", { settings: { ...settings, innerSteps: 5 } }],
    ["teachers", { teachers: { ...TEACHERS, robust: { sha256: "e".repeat(64), network: "resnet-14" } } }],
    ["images", { shape: { ...SHAPE, image: { height: 64, width: 64, channels: 3 } } }],
  ])("is not taken from runs of another %s", (_, changes) => {
    const past = { ...NOTHING, trainings: [training(changes)] };
    expect(estimateTraining(work, { device: "cpu", past, assumed: null }).basis).not.toBe("measured");
  });

  it("is counted at the speed of other runs on the device, those of its student first", () => {
    const natural = { ...settings, method: "natural" };
    const noTeachers = { clean: null, robust: null };
    const past = [
      training({ settings: natural, teachers: noTeachers, step: 1 }),
      training({ settings: { ...natural, student: "resnet-20" }, teachers: noTeachers, step: 1000 }),
    ];
    const estimate = estimateTraining(work, {
      device: "cpu",
      past: { ...NOTHING, trainings: past },
      assumed: null,
    });
    const student = passCost("resnet-8", SHAPE)?.operations ?? NaN;
    const teacher = passCost("resnet-14", SHAPE)?.operations ?? NaN;
    // A natural step of three passes over 16 images takes a second.
    const pass = 1 / (3 * 16);
    const step = 16 * pass * (26 + (2 * teacher) / student);
    expect(estimate.basis).toBe("counted");
    expect(estimate.seconds).toBeCloseTo(40 * step + 4 * 50 * 42 * pass);
    expect(estimate.restsOn).toMatch(/^counted operations at the .* TFLOP\/s of 1 other run here$/);
  });

  it("is what an H100 is assumed to take where nothing was measured, else unknown", () => {
    const paper = {
      ...work,
      settings: {
        ...settings,
        ...recipe({ dataset: "cifar10", method: "sat", student: "resnet-18" }),
        method: "sat",
        student: "resnet-18",
      },
      images: { train: 50_000, selection: 10_000 },
    };
    const ground = { device: "cuda", past: NOTHING } as const;
    const estimate = estimateTraining(paper, { ...ground, assumed: ASSUMED_H100 });
    expect(estimate.basis).toBe("counted");
    expect(estimate.restsOn).toContain("H100, assumed");
    // The H200 took 187 ms for a step with teachers: 23 passes of the student's 26 are SAT's.
    const steps = 391 * paper.settings.epochs * 0.187 * (23 / 26);
    expect((estimate.seconds ?? NaN) / steps).toBeGreaterThan(0.9);
    expect((estimate.seconds ?? NaN) / steps).toBeLessThan(1.2);
    expect(estimateTraining(paper, { ...ground, assumed: null })).toMatchObject({
      seconds: null,
      basis: null,
    });
    const own = { ...paper, settings: { ...paper.settings, student: "my-own" } };
    expect(estimateTraining(own, { ...ground, assumed: ASSUMED_H100 }).seconds).toBeNull();
  });
});

describe("the time that a measurement will take", () => {
  const attacked: PastAttack = {
    subject: "student",
    network: "resnet-8",
    shape: SHAPE,
    attack: "pgd-sat",
    device: "cpu",
    passes: 4100,
    seconds: 41,
  };
  const subject = { subject: "student", network: "resnet-8", shape: SHAPE, batchSize: 100 } as const;
  const ground = { device: "cpu", past: { ...NOTHING, attacks: [attacked] }, assumed: null } as const;

  it("is at the pace of the same attack on the same network", () => {
    const attacks = [
      { attack: "pgd-sat", images: 200 },
      { attack: null, images: 200 },
    ] as const;
    const estimate = estimateMeasurement({ ...subject, attacks }, ground);
    expect(estimate.basis).toBe("measured");
    expect(estimate.seconds).toBeCloseTo((200 * 41 + 200) * 0.01);
  });

  it("is counted if one of its parts is", () => {
    const attacks = [
      { attack: "pgd-sat", images: 200 },
      { attack: "cw", images: 200 },
    ] as const;
    const estimate = estimateMeasurement({ ...subject, attacks }, ground);
    expect(estimate.basis).toBe("counted");
    expect(estimate.seconds).toBeCloseTo(200 * (41 + 61) * 0.01);
  });

  it("of a transfer is that of its surrogate", () => {
    const attacks = [{ attack: "transfer-cw", images: 10 }] as const;
    const ratio =
      (passCost("resnet-14", SHAPE)?.operations ?? NaN) / (passCost("resnet-8", SHAPE)?.operations ?? NaN);
    const { seconds } = estimateMeasurement({ ...subject, attacks, surrogate: "resnet-14" }, ground);
    expect(seconds).toBeCloseTo(10 * attackPasses("transfer-cw") * 0.01 * ratio);
    expect(estimateMeasurement({ ...subject, attacks }, ground).seconds).toBeNull();
  });

  it("of an ensemble goes by what is known to withstand its first part", () => {
    const attacks = [{ attack: "aa", images: 10 }] as const;
    const none = estimateMeasurement({ ...subject, attacks, laterShare: 0 }, ground).seconds;
    const all = estimateMeasurement({ ...subject, attacks, laterShare: 1 }, ground).seconds;
    expect(none).toBeCloseTo(10 * 201 * 0.01);
    expect(all).toBeCloseTo(10 * 8804 * 0.01);
  });

  it("is unknown where nothing is", () => {
    const attacks = [{ attack: "pgd-sat", images: 200 }] as const;
    expect(estimateMeasurement({ ...subject, attacks }, { ...ground, past: NOTHING }).seconds).toBeNull();
    expect(estimateMeasurement({ ...subject, attacks, network: null }, ground).seconds).toBeNull();
  });
});
