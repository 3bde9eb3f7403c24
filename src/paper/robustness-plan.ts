import { attacks, type AttackId } from "../attacks/attacks.js";
import { contradiction, type PaperRobustness } from "./paper.js";
import type { CellPlan, RowPlan, RunPlan, Section, SubjectPlan } from "./plan.js";

/** A row of accuracies: the clean one, then robust accuracy and W-Robust under each attack. */
export interface RobustnessRowPlan {
  readonly label: string;
  readonly run: RunPlan;
  readonly clean: number;
  readonly attacks: Readonly<Partial<Record<AttackId, PaperRobustness>>>;
}

/** The sections and rows of a table of clean and robust accuracies. */
export function robustnessPlan(
  under: readonly AttackId[],
  rows: readonly RobustnessRowPlan[],
): { sections: readonly Section[]; rows: readonly RowPlan[] } {
  return {
    sections: [
      { title: "Clean accuracy", measures: ["Clean"], unit: "%" },
      ...under.map((attack): Section => ({
        title: attacks[attack].title,
        measures: ["Robust", "W-Robust"],
        unit: "%",
      })),
    ],
    rows: rows.map(({ label, run, clean, attacks: printed }) => ({
      label,
      cells: [
        [{ of: run, measure: { kind: "clean" }, paper: clean, paperMean: null }],
        ...under.map((attack) => attackCells(run, attack, clean, printed[attack])),
      ],
    })),
  };
}

function attackCells(
  run: RunPlan,
  attack: AttackId,
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
  under: readonly AttackId[],
  rows: readonly {
    label: string;
    run: RunPlan;
    wRobust: Readonly<Partial<Record<AttackId, number>>>;
  }[],
): { sections: readonly Section[]; rows: readonly RowPlan[] } {
  return {
    sections: under.map((attack) => ({
      title: attacks[attack].title,
      measures: ["W-Robust"],
      unit: "%",
    })),
    rows: rows.map(({ label, run, wRobust }) => ({
      label,
      cells: under.map((attack) => {
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
  readonly robust: Readonly<Partial<Record<AttackId, number>>>;
}

/** The sections and rows of a table of clean and robust accuracies, one section per accuracy. */
export function accuracyPlan(
  under: readonly AttackId[],
  rows: readonly AccuracyRowPlan[],
): { sections: readonly Section[]; rows: readonly RowPlan[] } {
  const section = (title: string, measure: string): Section => ({ title, measures: [measure], unit: "%" });
  return {
    sections: [
      section("Clean accuracy", "Clean"),
      ...under.map((attack) => section(attacks[attack].title, "Robust")),
    ],
    rows: rows.map(({ label, of, clean, robust }) => ({
      label,
      cells: [
        [{ of, measure: { kind: "clean" }, paper: clean, paperMean: null }],
        ...under.map((attack): CellPlan[] => {
          const paper = robust[attack];
          if (paper === undefined) throw new Error(`the paper's row has no ${attack}`);
          return [{ of, measure: { kind: "robust", attack }, paper, paperMean: null }];
        }),
      ],
    })),
  };
}
