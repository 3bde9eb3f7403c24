import { InputError } from "../errors.js";
import type { MethodId } from "../methods/methods.js";
import { didYouMean } from "../nearest.js";
import { nearestEpoch } from "./recipes.js";
import type { Recipe } from "./settings.js";

/** How much of the paper's work is done. */
export interface Budget {
  readonly describe: string;
  /** The data set that tables and figures are made on, or null for the paper's. */
  readonly dataset: "demo" | null;
  /** The student, or null for the paper's. */
  readonly student: string | null;
  /** Epochs of every method, or null for the recipe's. */
  readonly epochs: number | null;
  readonly limitTrain: number | null;
  readonly limitTest: number | null;
  /** The changes to a method's recipe of some epochs, or of the recipe's own. */
  readonly changes: (method: MethodId, epochs: number | null) => Partial<Recipe>;
  /** Test images for attacks that would take too long on all of them. */
  readonly attackImages: Readonly<Record<string, number>>;
}

const SMOKE_EPOCHS = 4;

export const budgets = {
  smoke: {
    describe: "minutes on two cores: the demo data, a small student, few steps",
    dataset: "demo",
    student: "resnet-8",
    epochs: SMOKE_EPOCHS,
    limitTrain: 1024,
    limitTest: 200,
    changes: (method, epochs) => ({
      milestones: [nearestEpoch(0.75 * (epochs ?? SMOKE_EPOCHS))],
      ...hastened(method, 0.1),
    }),
    attackImages: { aa: 16, "gradient-estimation": 16 },
  },
  subset: {
    describe: "hours on two cores: the paper's data cut down, a small student, few epochs",
    dataset: null,
    student: "resnet-20",
    epochs: 10,
    limitTrain: 10_000,
    limitTest: 1000,
    changes: (method) => hastened(method, 0.01),
    attackImages: { aa: 100, "gradient-estimation": 32 },
  },
  full: {
    describe: "the paper's own, for a GPU",
    dataset: null,
    student: null,
    epochs: null,
    limitTrain: null,
    limitTest: null,
    changes: () => ({}),
    attackImages: {},
  },
} as const satisfies Record<string, Budget>;

/** In a hundredth or a thousandth of the paper's steps, EBB must move that much faster to move temperatures at all. */
function hastened(method: MethodId, temperatureRate: number): Partial<Recipe> {
  return ["baseline-ebb", "b-mtard"].includes(method) ? { temperatureRate } : {};
}

export type BudgetName = keyof typeof budgets;

export const budgetNames = Object.keys(budgets) as BudgetName[];

/** @throws {InputError} if there is no such budget. */
export function requireBudget(name: string): BudgetName {
  if (Object.hasOwn(budgets, name)) return name as BudgetName;
  throw new InputError(`there is no budget "${name}"${didYouMean(name, budgetNames)}`, {
    expected: budgetNames.join(", "),
    found: name,
  });
}
