import type { Normalization } from "../graph/network.js";
import type { TeacherRole } from "../methods/method.js";
import type { MethodId } from "../methods/methods.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import type { Rule } from "./rule.js";

/** One of the paper's teachers: its network, and the method that trains it, or null where the paper took it ready-made. */
export interface TeacherRecipe {
  /** The name of its description, `teachers/NAME.json`. */
  readonly name: string;
  readonly network: string;
  readonly method: MethodId | null;
  readonly source: string;
  /** The normalisation inside it, where that is known; null for none. */
  readonly normalization?: Normalization | null;
  /** The description of another one that is taken where it is not there; runs with that depart from the paper's. */
  readonly instead?: string;
}

const SOURCE = "B-MTARD, section 4.1 and table 2";

/** The paper's teachers by data set. */
export const teacherRecipes: Readonly<Record<string, { clean: TeacherRecipe; robust: TeacherRecipe }>> = {
  cifar10: {
    clean: {
      name: "cifar10-resnet-56-mtard",
      network: "resnet-56-b",
      method: "natural",
      source: `${SOURCE}; the authors' answer to issue 2 of zhaoshiji123/MTARD, and its scripts`,
      normalization: null,
      instead: "cifar10-resnet-56",
    },
    robust: {
      name: "cifar10-wide-resnet-34-10",
      network: "wide-resnet-34-10",
      method: "trades",
      source: SOURCE,
    },
  },
  cifar100: {
    clean: {
      name: "cifar100-wide-resnet-22-6",
      network: "wide-resnet-22-6",
      method: "natural",
      source: SOURCE,
    },
    robust: {
      name: "cifar100-wide-resnet-70-16",
      network: "wide-resnet-70-16",
      method: null,
      source: `${SOURCE}: the weights of Gowal et al. (2020), deepmind/deepmind-research, adversarial_robustness`,
    },
  },
  "tiny-imagenet": {
    clean: {
      name: "tiny-imagenet-preact-resnet-34-clean",
      network: "preact-resnet-34",
      method: "natural",
      source: SOURCE,
    },
    robust: {
      name: "tiny-imagenet-preact-resnet-34-robust",
      network: "preact-resnet-34",
      method: "trades",
      source: SOURCE,
    },
  },
};

/** Which of the paper's teachers of a role: table 11 has two of each. */
export type TeacherChoice = "first" | "second";

/** The paper's second teacher of each role. @see B-MTARD, table 11. */
const secondTeachers: Readonly<Record<string, Record<TeacherRole, Pick<TeacherRecipe, "name" | "network">>>> =
  {
    cifar10: {
      clean: { name: "cifar10-wide-resnet-34-10-c", network: "wide-resnet-34-10-c" },
      robust: { name: "cifar10-wide-resnet-70-16", network: "wide-resnet-70-16" },
    },
  };

/** What tells one of the paper's teachers from others. */
export type PaperTeacher = Pick<TeacherRecipe, "name" | "network" | "normalization">;

/** A teacher of the paper, or null if it has none for the data set. */
export function paperTeacher(dataset: string, role: TeacherRole, choice: TeacherChoice): PaperTeacher | null {
  return (choice === "first" ? teacherRecipes : secondTeachers)[dataset]?.[role] ?? null;
}

/** Whether a teacher is the paper's as far as its network says, and its normalisation where the paper's is known. */
export function isPapersTeacher(
  { network, normalization }: Pick<TeacherManifest, "network" | "normalization">,
  paper: PaperTeacher | null,
): boolean {
  if (network !== (paper?.network ?? null)) return false;
  const known = paper?.normalization;
  return known === undefined || JSON.stringify(known) === JSON.stringify(normalization);
}

/** Rules for the trainings that make a teacher. */
export const teacherRules: readonly Rule[] = [
  {
    datasets: ["cifar10"],
    methods: ["trades"],
    students: ["wide-resnet-34-10"],
    source: "yaodongyu/TRADES, train_trades_cifar10.py, which made the paper's teacher",
    settings: { epsilon: 0.031 },
  },
];

/** The paper's students by data set, the one of its main tables first; the demo has a small one instead. */
export const paperStudents: Readonly<Record<string, readonly string[]>> = {
  demo: ["resnet-8"],
  cifar10: ["resnet-18", "mobilenet-v2"],
  cifar100: ["resnet-18", "mobilenet-v2"],
  "tiny-imagenet": ["preact-resnet-18", "mobilenet-v2"],
};

/** The student trained when none is named. */
export function studentOf(dataset: string): string {
  return paperStudents[dataset]?.[0] ?? "resnet-18";
}
