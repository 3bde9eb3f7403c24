import { requireMethodId } from "../methods/methods.js";
import { settingsRead } from "../recipes/read-settings.js";
import type { TeacherRole } from "../methods/method.js";
import { recipe } from "../recipes/recipes.js";
import { isPapersTeacher, paperTeacher, type TeacherChoice } from "../recipes/teachers.js";
import type { Recipe, TrainingSettings } from "../recipes/settings.js";
import type { PaperDataset } from "../paper/paper.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import type { ImageCounts } from "./run-key.js";
import type { RunPlan } from "../paper/plan.js";
import type { Scale } from "./scale.js";

/** How a run differs from the paper's. */
export interface Shortfall {
  /** The data, the student and the length of the training. */
  readonly brief: string;
  /** Everything else: test images, teachers, settings; null if none differs. */
  readonly others: string | null;
}

/** How many images the paper's data sets have; the paper tests on the official test set (Tiny-ImageNet: validation). */
const images: Readonly<Record<PaperDataset, ImageCounts>> = {
  cifar10: { train: 50_000, test: 10_000 },
  cifar100: { train: 50_000, test: 10_000 },
  "tiny-imagenet": { train: 100_000, test: 10_000 },
};

/** Settings that follow from the number of epochs, or only decide which checkpoint is kept. */
const FOLLOWING: readonly (keyof Recipe)[] = [
  "epochs",
  "milestones",
  "evaluateEvery",
  "evaluationBatch",
  "heldOut",
];

/** What it takes to tell whether a teacher is the paper's. */
export interface UsedTeacher {
  readonly name: string;
  readonly network: string | null;
  /** Whether it is the paper's in its place, as far as can be told. */
  readonly isPapers: boolean;
}

/** Puts a teacher beside the paper's; `choice` says which, as table 11 has two for each role. */
export function usedTeacher(
  { name, network, normalization }: Pick<TeacherManifest, "name" | "network" | "normalization">,
  role: TeacherRole,
  choice: TeacherChoice,
  { paperDataset }: Pick<Scale, "paperDataset">,
): UsedTeacher {
  const isPapers = isPapersTeacher({ network, normalization }, paperTeacher(paperDataset, role, choice));
  return { name, network, isPapers };
}

/**
 * Says in words how a run differs from the paper's; null if it does not. What the table itself varies is left out.
 *
 * @param stored How many images are in the store.
 */
export function shortfallOf(
  { method, changes }: RunPlan,
  settings: TrainingSettings,
  scale: Scale,
  stored: ImageCounts,
  teachers: readonly UsedTeacher[],
): Shortfall | null {
  const { paperDataset, paperStudent } = scale;
  const id = requireMethodId(method);
  const paper = recipe({ dataset: paperDataset, method: id, student: paperStudent });
  const train = Math.min(settings.limitTrain ?? Infinity, stored.train);
  const test = Math.min(settings.limitTest ?? Infinity, stored.test);
  const official = images[paperDataset];
  const others = settingsRead(id)
    .filter((name) => !FOLLOWING.includes(name) && !(name in changes))
    // On other data, the padding is another as well.
    .filter((name) => name !== "cropPadding" || settings.dataset === paperDataset)
    .filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(paper[name]));
  const brief = [
    settings.dataset === paperDataset ? null : `${settings.dataset} data`,
    settings.student === paperStudent ? null : settings.student,
    settings.epochs === paper.epochs ? null : `${settings.epochs} of ${paper.epochs} epochs`,
    train === official.train ? null : `${number(train)} of ${number(official.train)} images`,
  ].filter((part) => part !== null);
  const rest = [
    ...(test === official.test ? [] : [`${number(test)} of ${number(official.test)} test images`]),
    ...teachers
      .filter(({ isPapers }) => settings.dataset !== paperDataset || !isPapers)
      .map(({ name }) => `teacher ${name}`),
    ...others.map((name) => `${name} ${String(settings[name])}`),
  ];
  if (brief.length === 0 && rest.length === 0) return null;
  return {
    brief: brief.length === 0 ? "other settings" : brief.join(", "),
    others: rest.length === 0 ? null : rest.join(", "),
  };
}

/** Does the same for a teacher that a table shows. */
export function teacherShortfall(
  { name, network, isPapers }: UsedTeacher,
  { dataset, paperDataset }: Scale,
  test: number,
): Shortfall | null {
  const official = images[paperDataset].test;
  const brief = [
    ...(dataset === paperDataset ? [] : [`${dataset} data`]),
    ...(isPapers ? [] : [`${name}${network === null ? "" : ` (${network})`}`]),
    ...(test === official ? [] : [`${number(test)} of ${number(official)} test images`]),
  ];
  return brief.length === 0 ? null : { brief: brief.join(", "), others: null };
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
