import type { AttackId } from "../attacks/attacks.js";
import { teacherRoles, teacherRolesOf } from "../methods/method.js";
import { methodIds, methods, type MethodId } from "../methods/methods.js";
import type { StudentChoice } from "../model/run-student.js";
import { isPaperDataset } from "../paper/paper.js";
import { plainRun } from "../paper/plan.js";
import { budgets } from "../recipes/budgets.js";
import { nearestEpoch, recipe } from "../recipes/recipes.js";
import type { Recipe } from "../recipes/settings.js";
import { studentOf } from "../recipes/teachers.js";
import type { SubjectRequest } from "./run-request.js";
import { type Scale, scaleBy, type ScaleOptions } from "./scale.js";

/** Methods compared under the same conditions: one data set, student, length and seeds for all. */
export interface StudyPlan {
  readonly title: string;
  /** The id of a data set, built in or a user's own. */
  readonly dataset: string;
  /** The student, or null for the data set's. */
  readonly student: string | null;
  readonly methods: readonly MethodId[];
  /** The method that the others are compared with. */
  readonly against: MethodId;
  readonly seeds: readonly number[];
  /** Epochs of every method, or null for the recipe's. */
  readonly epochs: number | null;
  /** Which students of each run are measured. */
  readonly students: readonly StudentChoice[];
  readonly attacks: readonly AttackId[];
  /** Test images for attacks that would take too long on all of them. */
  readonly attackImages: Readonly<Partial<Record<AttackId, number>>>;
  readonly limitTrain: number | null;
  readonly limitTest: number | null;
  /** The changes to a method's recipe, whose length they may depend on. */
  readonly changes: (method: MethodId, epochs: number | null) => Partial<Recipe>;
}

/** A study of one's own, where the call says nothing else: the recipes as they are. */
export const usualStudy: Omit<StudyPlan, "title" | "dataset"> = {
  student: null,
  methods: methodIds,
  against: "b-mtard",
  seeds: [0, 1, 2],
  epochs: null,
  students: ["best"],
  attacks: ["pgd-trades", "cw"],
  attackImages: {},
  limitTrain: null,
  limitTest: null,
  changes: () => ({}),
};

/** The studies that mtard brings; docs/results.md has what was made of them so far. */
export const studies = {
  demo: {
    ...usualStudy,
    title: "All methods on the demo's data",
    dataset: "demo",
    // More than twice the demo's own, the last quarter of them at a hundredth of the first rate, where nothing moves any more.
    epochs: 16,
    students: ["best", "best-averaged"],
    changes: (_, epochs) => ({
      ...HELD_OUT,
      ...{ ema: 0.995, evaluateEvery: 2, evaluationBatch: 200 },
      ...(epochs === null ? {} : { milestones: halfAndThreeQuarters(epochs) }),
    }),
  },
  "cifar10-subset": {
    ...usualStudy,
    title: "Eight methods on a part of CIFAR-10",
    dataset: "cifar10",
    student: "resnet-20",
    methods: ["natural", "sat", "trades", "rslad", "baseline", "baseline-ebb", "mtard", "b-mtard"],
    seeds: [0, 1],
    epochs: 6,
    attacks: ["pgd-trades", "cw", "aa"],
    attackImages: { aa: 500 },
    limitTrain: 10_000,
    limitTest: 2000,
    // Balance moves as much faster as there are fewer steps. The recipes fall at other epochs each: B-MTARD's holds for all.
    changes: (method, epochs) => ({
      ...budgets.subset.changes(method),
      ...HELD_OUT,
      milestones: recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-20" }, epochs ?? undefined)
        .milestones,
      heldOut: 1000,
      evaluateEvery: 1,
    }),
  },
} as const satisfies Record<string, StudyPlan>;

/** Students are chosen on images that are neither trained nor tested on: whoever chooses on the test images flatters all. */
export const HELD_OUT = { selection: "held-out" } as const;

/** The epochs after which the rate falls, each time to a tenth. */
function halfAndThreeQuarters(epochs: number): number[] {
  return [...new Set([epochs / 2, (3 * epochs) / 4].map(nearestEpoch))];
}

/**
 * The scale of a study with a call's changes.
 *
 * @param name What the study is called.
 * @param init What every run's student starts from, or null.
 */
export function studyScale(name: string, plan: StudyPlan, options: ScaleOptions, init: string | null): Scale {
  const { dataset, student } = plan;
  return scaleBy(
    { ...plan, name: `study ${name}`, student: student ?? studentOf(dataset) },
    { paperDataset: isPaperDataset(dataset) ? dataset : "cifar10", paperStudent: "resnet-18", init },
    options,
  );
}

/** All that a study measures: the teachers that its methods ask, and each run's students. */
export function studyRequests({ methods: compared, seeds, students, attacks }: StudyPlan): SubjectRequest[] {
  const asked = teacherRoles.filter((role) =>
    compared.some((method) => teacherRolesOf(methods[method]).includes(role)),
  );
  const measured = { attacks, clean: true };
  return [
    // Seed by seed: after the first one there is something to see of every method.
    ...seeds.flatMap((seed) =>
      compared.flatMap((method) =>
        students.map((checkpoint) => ({ plan: plainRun(method), seed, checkpoint, ...measured })),
      ),
    ),
    ...asked.map((teacher) => ({ plan: { teacher }, seed: 0, ...measured })),
  ];
}
