/* The paper's numbers: types of the tables, and how they are read. Accuracies are in percent, as printed. */

/** The paper's data sets, by this program's ids. */
export type PaperDataset = "cifar10" | "cifar100" | "tiny-imagenet";

/** The paper's methods, by this program's ids. */
export type PaperMethod =
  | "natural"
  | "sat"
  | "trades"
  | "ard"
  | "rslad"
  | "score"
  | "fair-ard"
  | "absld"
  | "mtard"
  | "b-mtard"
  | "lmtn"
  | "baseline"
  | "baseline-ebb";

/** The paper's attacks, by this program's ids. */
export type PaperAttack =
  | "fgsm"
  | "pgd-sat"
  | "pgd-trades"
  | "cw"
  | "aa"
  | "transfer-pgd-trades"
  | "transfer-cw"
  | "square"
  | "rays"
  | "gradient-estimation";

export const datasetTitles: Readonly<Record<PaperDataset, string>> = {
  cifar10: "CIFAR-10",
  cifar100: "CIFAR-100",
  "tiny-imagenet": "Tiny-ImageNet",
};

export const methodTitles: Readonly<Record<PaperMethod, string>> = {
  natural: "Natural",
  sat: "SAT",
  trades: "TRADES",
  ard: "ARD",
  rslad: "RSLAD",
  score: "SCORE",
  "fair-ard": "Fair-ARD",
  absld: "ABSLD",
  mtard: "MTARD",
  "b-mtard": "B-MTARD",
  lmtn: "LMTN",
  baseline: "Baseline",
  "baseline-ebb": "Baseline+EBB",
};

export const attackTitles: Readonly<Record<PaperAttack, string>> = {
  fgsm: "FGSM",
  "pgd-sat": "PGD-sat",
  "pgd-trades": "PGD-trades",
  cw: "CW",
  aa: "AutoAttack",
  "transfer-pgd-trades": "PGD-trades (transfer)",
  "transfer-cw": "CW (transfer)",
  square: "Square",
  rays: "RayS",
  "gradient-estimation": "Gradient estimation",
};

/** Robust accuracy under an attack and its mean with the clean accuracy, as printed. */
export interface PaperRobustness {
  readonly robust: number;
  readonly wRobust: number;
}

/** A method, its clean accuracy, then robust accuracy and W-Robust under each attack of the table. */
export type RobustnessRow = readonly [method: PaperMethod, clean: number, ...robustAndWRobust: number[]];

/** Tables 3 to 6: methods against attacks, a block of rows a data set. */
export interface RobustnessTable {
  readonly attacks: readonly PaperAttack[];
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
  attack: PaperAttack,
): PaperRobustness {
  const at = 2 * table.attacks.indexOf(attack);
  const [robust, wRobust] = values.slice(at, at + 2);
  if (at < 0 || robust === undefined || wRobust === undefined) throw new Error(`the row has no ${attack}`);
  return { robust, wRobust };
}

/** Three numbers rounded to two decimals explain a difference up to this. */
const ROUNDING = 0.01 + 1e-9;

/**
 * (clean + robust) / 2 where a printed W-Robust differs from it by more than rounding explains, else null.
 *
 * @see B-MTARD, equation 22; five numbers of tables 4 and 5 do.
 */
export function contradiction(clean: number, { robust, wRobust }: PaperRobustness): number | null {
  const mean = (clean + robust) / 2;
  return Math.abs(mean - wRobust) > ROUNDING ? mean : null;
}
