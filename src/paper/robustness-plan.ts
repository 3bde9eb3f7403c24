import { attackTitles, contradiction, type PaperAttack, type PaperRobustness } from "./paper.js";
import type { Section } from "../report/table.js";
import type { CellPlan, RowPlan, RunPlan, SubjectPlan } from "./plan.js";

/** A row of accuracies: the clean one, then robust accuracy and W-Robust under each attack. */
export interface RobustnessRowPlan {
  readonly label: string;
  readonly run: RunPlan;
  readonly clean: number;
  readonly attacks: Readonly<Partial<Record<PaperAttack, PaperRobustness>>>;
}

/** The sections and rows of a table of clean and robust accuracies. */
export function robustnessPlan(
  attacks: readonly PaperAttack[],
  rows: readonly RobustnessRowPlan[],
): { sections: readonly Section[]; rows: readonly RowPlan[] } {
  return {
    sections: [
      { title: "Clean accuracy", measures: ["Clean"], unit: "%" },
      ...attacks.map((attack): Section => ({
        title: attackTitles[attack],
        measures: ["Robust", "W-Robust"],
        unit: "%",
      })),
    ],
    rows: rows.map(({ label, run, clean, attacks: printed }) => ({
      label,
      cells: [
        [{ of: run, measure: { kind: "clean" }, paper: clean, paperMean: null }],
        ...attacks.map((attack) => attackCells(run, attack, clean, printed[attack])),
      ],
    })),
  };
}

function attackCells(
  run: RunPlan,
  attack: PaperAttack,
  clean: number,
  printed: PaperRobustness | undefined,
): CellPlan[] {
  if (!printed) throw new Error(`the paper's row has no ${attack}`);
  return [
    { of: run, measure: { kind: "robust", attack }, paper: printed.robust, paperMean: null },
    {
      of: run,
      measure: { kind: "wRobust", attack },
      paper: printed.wRobust,
      paperMean: contradiction(clean, printed),
    },
  ];
}

/** The sections and rows of a table of W-Robust alone. */
export function wRobustPlan(
  attacks: readonly PaperAttack[],
  rows: readonly {
    label: string;
    run: RunPlan;
    wRobust: Readonly<Partial<Record<PaperAttack, number>>>;
  }[],
): { sections: readonly Section[]; rows: readonly RowPlan[] } {
  return {
    sections: attacks.map((attack) => ({
      title: attackTitles[attack],
      measures: ["W-Robust"],
      unit: "%",
    })),
    rows: rows.map(({ label, run, wRobust }) => ({
      label,
      cells: attacks.map((attack) => {
        const paper = wRobust[attack];
        if (paper === undefined) throw new Error(`the paper's row has no ${attack}`);
        return [{ of: run, measure: { kind: "wRobust", attack }, paper, paperMean: null }];
      }),
    })),
  };
}

/** A row of accuracies without W-Robust. */
export interface AccuracyRowPlan {
  readonly label: string;
  readonly of: SubjectPlan;
  readonly clean: number;
  readonly robust: Readonly<Partial<Record<PaperAttack, number>>>;
}

/** The sections and rows of a table of clean and robust accuracies, a section an accuracy. */
export function accuracyPlan(
  attacks: readonly PaperAttack[],
  rows: readonly AccuracyRowPlan[],
): { sections: readonly Section[]; rows: readonly RowPlan[] } {
  const section = (title: string, measure: string): Section => ({ title, measures: [measure], unit: "%" });
  return {
    sections: [
      section("Clean accuracy", "Clean"),
      ...attacks.map((attack) => section(attackTitles[attack], "Robust")),
    ],
    rows: rows.map(({ label, of, clean, robust }) => ({
      label,
      cells: [
        [{ of, measure: { kind: "clean" }, paper: clean, paperMean: null }],
        ...attacks.map((attack): CellPlan[] => {
          const paper = robust[attack];
          if (paper === undefined) throw new Error(`the paper's row has no ${attack}`);
          return [{ of, measure: { kind: "robust", attack }, paper, paperMean: null }];
        }),
      ],
    })),
  };
}
