import type { AttackId } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import type { MethodId } from "../methods/methods.js";
import { isPaperDataset } from "../paper/paper.js";
import { plainRun } from "../paper/plan.js";
import { recipe } from "../recipes/recipes.js";
import type { Recipe, TrainingSettings } from "../recipes/settings.js";
import { studentOf } from "../recipes/teachers.js";
import type { RunRequest } from "./run-request.js";
import { type Scale, scaleBy, type ScaleOptions, settingsOf } from "./scale.js";
import { HELD_OUT, usualStudy } from "./studies.js";
import type { Axis } from "./sweep-axes.js";
import type { Sampling, SweepPoint } from "./sweep-points.js";

/** One method on one data set, trained with each of some choices of its settings. */
export interface SweepPlan {
  readonly name: string;
  readonly method: MethodId;
  /** The id of a data set, built in or a user's own. */
  readonly dataset: string;
  readonly seeds: readonly number[];
  readonly attacks: readonly AttackId[];
  readonly axes: readonly Axis[];
  readonly points: readonly SweepPoint[];
  /** How the points were drawn, or null if they are all of a grid. */
  readonly sampling: Sampling | null;
  /** Successive halving keeps one of so many points at each rung; null trains all to the end. */
  readonly halving: number | null;
}

/**
 * The scale of a sweep with a call's changes: the recipe, but that students are chosen on images that are neither trained nor tested on.
 *
 * @throws {InputError} if the call sets what the sweep varies, or chooses students on the test images.
 */
export function sweepScale(plan: Omit<SweepPlan, "points">, options: ScaleOptions): Scale {
  const { name, dataset } = plan;
  requireFree(plan, options);
  return scaleBy(
    {
      ...usualStudy,
      name: `sweep ${name}`,
      dataset,
      student: studentOf(dataset),
      changes: () => HELD_OUT,
    },
    { paperDataset: isPaperDataset(dataset) ? dataset : "cifar10", paperStudent: "resnet-18", init: null },
    options,
  );
}

function requireFree({ axes, halving }: Omit<SweepPlan, "points">, options: ScaleOptions): void {
  const { changes, epochs, batchSize } = options;
  if (changes.selection === "test")
    throw new InputError(
      "a sweep does not choose on the test images: the best would look better than it is",
      {
        expected: "selection held-out, as it is without --set",
        found: "--set selection=test",
      },
    );
  const given: Partial<Recipe> = {
    ...changes,
    ...(epochs === undefined ? {} : { epochs }),
    ...(batchSize === undefined ? {} : { batchSize }),
  };
  const twice = axes.find(({ name }) => Object.hasOwn(given, name));
  if (twice)
    throw new InputError(`${twice.name} is both varied and set`, {
      expected: `--grid ${twice.name} alone, or its value alone`,
      found: `${JSON.stringify(given[twice.name])} beside --grid ${twice.name}`,
    });
  if (halving !== null && axes.some(({ name }) => name === "epochs"))
    throw new InputError("--halving compares points after the same epochs, so it cannot vary epochs", {
      expected: "--grid epochs without --halving, or --halving without it",
      found: "both",
    });
}

/**
 * The runs of some points, all seeds of each: measured at their end, or paused after an epoch and not measured.
 *
 * @param until The epoch after whose evaluation they pause; null trains them to their end.
 */
export function sweepRequests(
  { method, seeds, attacks }: Pick<SweepPlan, "method" | "seeds" | "attacks">,
  points: readonly SweepPoint[],
  scale: Scale,
  until: number | null,
): RunRequest[] {
  const work = until === null ? { attacks, clean: true } : { attacks: [], clean: false, until };
  // Seed by seed: after the first one there is something to see of every point.
  return seeds.flatMap((seed) =>
    points.map((point) => ({ plan: plainRun(method, changesOf(method, point, scale)), seed, ...work })),
  );
}

/** A point's changes; where it varies the epochs, its schedule keeps its shares of the run, as with `--epochs`. */
function changesOf(method: MethodId, { changes }: SweepPoint, scale: Scale): Partial<Recipe> {
  if (changes.epochs === undefined) return changes;
  const { dataset, student, options } = scale;
  const whole = recipe({ dataset, method, student, reading: options.reading }, changes.epochs);
  const { milestones, evaluateEvery } = { ...whole, ...scale.changes(method, changes.epochs) };
  return { milestones, evaluateEvery, ...changes };
}

/**
 * The settings of each point's runs, but for seed and teachers.
 *
 * @throws {InputError} if settings are wrong together.
 */
export function settingsOfPoints(plan: SweepPlan, scale: Scale): TrainingSettings[] {
  return sweepRequests({ ...plan, seeds: [0] }, plan.points, scale, null).map((request) =>
    settingsOf(request.plan, 0, scale, { clean: null, robust: null }),
  );
}
