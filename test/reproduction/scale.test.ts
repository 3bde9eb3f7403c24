import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import type { Normalization } from "#mtard/graph/network.js";
import { plainRun, type RunPlan } from "#mtard/paper/plan.js";
import { tablePlan } from "#mtard/paper/tables.js";
import { budgetNames, requireBudget } from "#mtard/recipes/budgets.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { usualTeacher } from "#mtard/recipes/usual-teachers.js";
import { scaleOf, settingsOf, teacherOf, type ScaleOptions } from "#mtard/reproduction/scale.js";
import { shortfallOf, teacherShortfall, usedTeacher } from "#mtard/reproduction/shortfall.js";
import { formatManifest } from "#mtard/teacher/manifest.js";

const teachers = mkdtempSync(join(tmpdir(), "mtard-plan-"));
afterAll(() => rmSync(teachers, { recursive: true }));

const options = (changes: Partial<ScaleOptions> = {}): ScaleOptions => ({
  changes: {},
  teachers: { clean: {}, robust: {} },
  ...changes,
});

function addTeacher(
  name: string,
  network: string,
  store = teachers,
  normalization: Normalization | null = null,
): void {
  const sha256 = "0".repeat(64);
  mkdirSync(join(store, name), { recursive: true });
  const manifest = {
    name,
    dataset: "cifar10",
    classes: 10,
    image: { height: 32, width: 32, channels: 3 },
    file: "model.onnx",
    sha256,
    source: { file: "x", sha256, format: "onnx" },
    network,
    normalization: normalization && { mean: [...normalization.mean], std: [...normalization.std] },
    createdBy: "0",
  };
  writeFileSync(join(store, name, "teacher.json"), formatManifest(manifest));
}

describe("a scale", () => {
  it("full is the paper's recipe, and says nothing is less", () => {
    const scale = scaleOf("full", "cifar10", "resnet-18", options());
    const plan = plainRun("b-mtard");
    const settings = settingsOf(plan, 3, scale, { clean: "c", robust: "r" });
    expect(settings).toEqual({
      ...recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" }),
      dataset: "cifar10",
      method: "b-mtard",
      student: "resnet-18",
      reading: "paper",
      cleanTeacher: "c",
      robustTeacher: "r",
      seed: 3,
      limitTrain: null,
      limitTest: null,
    });
    const used = [{ name: "c", network: "resnet-56-b", isPapers: true }];
    expect(shortfallOf(plan, settings, scale, { train: 50_000, test: 10_000 }, used)).toBeNull();
  });

  it("subset cuts data, network and epochs, and says so", () => {
    const scale = scaleOf(
      "subset",
      "cifar10",
      "resnet-18",
      options({ epochs: 3, changes: { learningRate: 0.05 } }),
    );
    const plan = plainRun("b-mtard", { beta: 4 });
    const settings = settingsOf(plan, 0, scale, { clean: "c", robust: "r" });
    expect(settings).toMatchObject({
      student: "resnet-20",
      epochs: 3,
      milestones: [2, 3],
      limitTrain: 10_000,
      beta: 4,
    });
    const used = [
      { name: "c", network: "resnet-56-b", isPapers: true },
      { name: "r", network: "resnet-20", isPapers: false },
    ];
    expect(shortfallOf(plan, settings, scale, { train: 50_000, test: 2000 }, used)).toEqual({
      brief: "resnet-20, 3 of 300 epochs, 10,000 of 50,000 images",
      others: "1,000 of 10,000 test images, teacher r, learningRate 0.05, temperatureRate 0.01",
    });
  });

  it("smoke has the demo data under any of the paper's", () => {
    const scale = scaleOf("smoke", "tiny-imagenet", "preact-resnet-18", options());
    const settings = settingsOf(plainRun("natural"), 0, scale, { clean: null, robust: null });
    expect(settings).toMatchObject({ dataset: "demo", student: "resnet-8" });
    expect(shortfallOf(plainRun("natural"), settings, scale, { train: 4000, test: 1000 }, [])?.brief).toMatch(
      /^demo data, resnet-8, \d of 100 epochs, [\d,]+ of 100,000 images$/,
    );
  });

  it.each([
    [undefined, 4, [3]],
    [8, 8, [6]],
    [2, 2, [2]],
    [1, 1, [1]],
  ])("smoke lets the rate fall after three quarters of its epochs: %s", (given, epochs, milestones) => {
    const scale = scaleOf("smoke", "cifar10", "resnet-18", options({ epochs: given }));
    const settings = settingsOf(plainRun("natural"), 0, scale, { clean: null, robust: null });
    expect(settings).toMatchObject({ epochs, milestones });
  });

  it("measures by the authors' conventions what their scripts attack, and by AutoAttack's the rest", () => {
    const conventions = (changes: Partial<ScaleOptions>, id: AttackId): string[] => {
      const { conventionsOf } = scaleOf("full", "cifar10", "resnet-18", options(changes));
      const { wrongWhenClean, uniformStart } = conventionsOf(id);
      return [wrongWhenClean, uniformStart];
    };
    for (const id of ["fgsm", "pgd-sat", "pgd-trades", "cw", "transfer-pgd-trades", "transfer-cw"] as const)
      expect(conventions({}, id), id).toEqual(["final-answer", "clamped"]);
    for (const id of ["aa", "square", "rays", "gradient-estimation"] as const)
      expect(conventions({}, id), id).toEqual(["not-robust", "unclamped"]);
    const asked = { conventions: { wrongWhenClean: "not-robust" } } as const;
    expect(conventions(asked, "cw")).toEqual(["not-robust", "clamped"]);
  });

  it("runs every attack, or those that are named; long ones on fewer images", () => {
    const attacks = ["fgsm", "pgd-sat", "rays", "aa"] as const;
    const smoke = scaleOf("smoke", "cifar10", "resnet-18", options());
    expect(attacks.filter(smoke.evaluates)).toEqual(attacks);
    expect(attacks.map(smoke.imagesOf)).toEqual([null, null, null, 16]);
    const full = scaleOf("full", "cifar10", "resnet-18", options({ attackImages: { "pgd-sat": 7 } }));
    expect(attacks.map(full.imagesOf)).toEqual([null, 7, null, null]);
    const named = scaleOf("smoke", "cifar10", "resnet-18", options({ attacks: ["pgd-sat"] }));
    expect(attacks.filter(named.evaluates)).toEqual(["pgd-sat"]);
  });

  it("is one of three", () => {
    expect(budgetNames).toEqual(["smoke", "subset", "full"]);
    expect(() => requireBudget("huge")).toThrow('there is no budget "huge"');
    expect(() => requireBudget("constructor")).toThrow("there is no budget");
  });
});

describe("the teachers of a run", () => {
  const subset = (given: Partial<ScaleOptions> = {}) =>
    scaleOf("subset", "cifar10", "resnet-18", options(given));
  const mtard = plainRun("mtard");
  const second = { ...mtard, teachers: { clean: "second", robust: "second" } } as const;

  it("are none where the method asks none, and those that are named where they are", () => {
    expect(teacherOf(plainRun("sat"), "robust", subset(), teachers)).toBeNull();
    expect(teacherOf(plainRun("rslad"), "clean", subset(), teachers)).toBeNull();
    const named = subset({ teachers: { clean: { first: "a", second: "b" }, robust: {} } });
    expect(teacherOf(mtard, "clean", named, teachers)).toBe("a");
    expect(teacherOf(second, "clean", named, teachers)).toBe("b");
  });

  it("are found in the store by network, then by name, and missed with what to do", () => {
    const rslad = plainRun("rslad");
    expect(() => teacherOf(mtard, "robust", subset(), teachers)).toThrow(
      expect.objectContaining({
        message: "no clean and no robust teacher is named, and the usual ones are not here",
        detail: expect.objectContaining({
          found: `no teacher for cifar10 in ${teachers}`,
          fix: expect.stringMatching(
            /^mtard teacher fetch cifar10-resnet-56-mtard \(or mtard teacher fetch cifar10-resnet-56, which is another\); and mtard teacher fetch cifar10-wide-resnet-34-10$/,
          ) as string,
        }) as object,
      }),
    );
    addTeacher("wide", "wide-resnet-34-10");
    addTeacher("small", "resnet-20");
    expect(teacherOf(rslad, "robust", subset(), teachers)).toBe("wide");
    const named = subset({ teachers: { clean: { first: "a" }, robust: {} } });
    expect(teacherOf(mtard, "robust", named, teachers)).toBe("wide");
    addTeacher("wide-too", "wide-resnet-34-10");
    expect(() => teacherOf(rslad, "robust", subset(), teachers)).toThrow(
      expect.objectContaining({
        message: "no robust teacher is named, and the usual one is not here",
        detail: expect.objectContaining({ found: "for cifar10: small, wide, wide-too" }) as object,
      }),
    );
    addTeacher("cifar10-wide-resnet-34-10", "wide-resnet-34-10");
    expect(teacherOf(rslad, "robust", subset(), teachers)).toBe("cifar10-wide-resnet-34-10");
    addTeacher("cifar10-robust", "resnet-20");
    expect(teacherOf(rslad, "robust", subset(), teachers)).toBe("cifar10-robust");
    expect(() => teacherOf(second, "robust", subset(), teachers)).toThrow(
      expect.objectContaining({
        message: "the second robust teacher is not named",
        detail: expect.objectContaining({
          expected: `--second-robust-teacher NAME, or cifar10-wide-resnet-70-16 in ${teachers}`,
          fix: expect.stringContaining("mtard teacher fetch cifar10-wide-resnet-70-16") as string,
        }) as object,
      }),
    );
    addTeacher("cifar10-wide-resnet-70-16", "wide-resnet-70-16");
    expect(teacherOf(second, "robust", subset(), teachers)).toBe("cifar10-wide-resnet-70-16");
  });

  it("of the demo data beyond its two are students of its runs", () => {
    const smoke = scaleOf("smoke", "cifar10", "resnet-18", options());
    expect(teacherOf(second, "clean", smoke, teachers)).toEqual(plainRun("natural"));
    expect(teacherOf(second, "robust", smoke, teachers)).toEqual(plainRun("sat"));
  });
});

describe("the paper's clean teacher on CIFAR-10", () => {
  const scale = scaleOf("full", "cifar10", "resnet-18", options());
  const used = (network: string, normalization: Normalization | null) =>
    usedTeacher({ name: "mine", network, normalization }, "clean", "first", scale);
  const cifar = { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] };

  it("is chenyaofo's network without normalisation; akamaster's, and his own weights, are departures", () => {
    expect(used("resnet-56-b", null).isPapers).toBe(true);
    expect(used("resnet-56-b", cifar).isPapers).toBe(false);
    expect(used("resnet-56", null).isPapers).toBe(false);
    const settings = settingsOf(plainRun("b-mtard"), 0, scale, { clean: "c", robust: "r" });
    const counts = { train: 50_000, test: 10_000 };
    const shortfall = shortfallOf(plainRun("b-mtard"), settings, scale, counts, [used("resnet-56", cifar)]);
    expect(shortfall).toEqual({ brief: "other settings", others: "teacher mine" });
    expect(teacherShortfall(used("resnet-56", cifar), scale, 10_000)?.brief).toBe("mine (resnet-56)");
    expect(teacherShortfall(used("resnet-56-b", null), scale, 10_000)).toBeNull();
  });

  it("is taken before the one that stands in for it", () => {
    const folder = mkdtempSync(join(tmpdir(), "mtard-clean-teacher-"));
    try {
      const clean = () => usualTeacher("cifar10", "clean", folder);
      expect(clean()).toBeNull();
      addTeacher("cifar10-resnet-56", "resnet-56", folder);
      expect(clean()).toBe("cifar10-resnet-56");
      addTeacher("chenyaofo", "resnet-56-b", folder, cifar);
      expect(clean()).toBe("chenyaofo");
      addTeacher("retrained", "resnet-56-b", folder);
      expect(clean()).toBe("retrained");
      addTeacher("cifar10-resnet-56-mtard", "resnet-56-b", folder);
      expect(clean()).toBe("cifar10-resnet-56-mtard");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the teachers of table 11", () => {
  const scale = scaleOf("full", "cifar10", "resnet-18", options());
  const [, clean, robust] = tablePlan(11, "cifar10").rows.map((row) => row.cells[0]?.[0]?.of as RunPlan);
  const shortfall = (plan: RunPlan | undefined, networks: { clean: string; robust: string }) => {
    if (!plan) throw new Error("table 11 has three rows");
    const used = (["clean", "robust"] as const).map((role) =>
      usedTeacher(
        { name: role, network: networks[role], normalization: null },
        role,
        plan.teachers[role],
        scale,
      ),
    );
    const settings = settingsOf(plan, 0, scale, { clean: "c", robust: "r" });
    return shortfallOf(plan, settings, scale, { train: 50_000, test: 10_000 }, used);
  };

  it("are the paper's where they are those of the row", () => {
    expect(shortfall(clean, { clean: "wide-resnet-34-10-c", robust: "wide-resnet-34-10" })).toBeNull();
    expect(shortfall(robust, { clean: "wide-resnet-34-10-c", robust: "wide-resnet-70-16" })).toBeNull();
  });

  it("are said where they are others, those of the first row among them", () => {
    expect(shortfall(robust, { clean: "wide-resnet-34-10-c", robust: "wide-resnet-34-10" })).toEqual({
      brief: "other settings",
      others: "teacher robust",
    });
    expect(shortfall(clean, { clean: "resnet-56", robust: "wide-resnet-34-10" })?.others).toBe(
      "teacher clean",
    );
  });
});
