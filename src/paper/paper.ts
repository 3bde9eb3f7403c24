import type { AttackId } from "../attacks/attacks.js";
import type { DatasetId } from "../data/datasets.js";
import type { MethodId } from "../methods/methods.js";

/* The paper's numbers: types of the tables, and how they are read. Accuracies are in percent, as printed. */

/** The paper's data sets. */
export const paperDatasets = ["cifar10", "cifar100", "tiny-imagenet"] as const satisfies readonly DatasetId[];

export type PaperDataset = (typeof paperDatasets)[number];

/** Whether a data set is one of the paper's. */
export function isPaperDataset(dataset: string): dataset is PaperDataset {
  return paperDatasets.some((each) => each === dataset);
}

/** Robust accuracy under an attack and its mean with the clean accuracy, as printed. */
export interface PaperRobustness {
  readonly robust: number;
  readonly wRobust: number;
}

/** A method, its clean accuracy, then robust accuracy and W-Robust under each attack of the table. */
export type RobustnessRow = readonly [method: MethodId, clean: number, ...robustAndWRobust: number[]];

/** Tables 3 to 6: methods against attacks, one block of rows per data set. */
export interface RobustnessTable {
  readonly attacks: readonly AttackId[];
  readonly blocks: readonly {
    readonly dataset: PaperDataset;
    readonly student: string;
    readonly rows: readonly RobustnessRow[];
  }[];
}

/** What a row of `RobustnessTable` says under one attack. */
export function robustnessOf(
  table: RobustnessTable,
  [, , ...values]: RobustnessRow,
  attack: AttackId,
): PaperRobustness {
  const at = 2 * table.attacks.indexOf(attack);
  const [robust, wRobust] = values.slice(at, at + 2);
  if (at < 0 || robust === undefined || wRobust === undefined) throw new Error(`the row has no ${attack}`);
  return { robust, wRobust };
}

/** The largest difference that rounding three numbers to two decimals explains. */
const ROUNDING = 0.01 + 1e-9;

/**
 * (clean + robust) / 2 where the printed W-Robust differs from it by more than rounding explains, else null.
 *
 * @see B-MTARD, equation 22, from which five numbers of tables 4 and 5 differ.
 */
export function contradiction(clean: number, { robust, wRobust }: PaperRobustness): number | null {
  const mean = (clean + robust) / 2;
  return Math.abs(mean - wRobust) > ROUNDING ? mean : null;
}
