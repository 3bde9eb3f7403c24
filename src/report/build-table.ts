import { classifierShape, findDataset } from "../data/datasets.js";
import { attackTitles } from "./paper/paper.js";
import { finalEpochMean, readMetrics } from "./metrics.js";
import { attackOf, type CellPlan, type Measure, type RowPlan, type TablePlan } from "./plan/plan.js";
import type { Scale } from "./plan/scale.js";
import { runId, type RunOutcome, type RunRequest } from "./run-request.js";
import { cellOf, type ReportTable, type Shortfall } from "./table.js";

/** The runs a table needs, each once a seed, with the attacks its cells read. */
export function tableRequests({ rows }: TablePlan, seeds: readonly number[], scale: Scale): RunRequest[] {
  const requests = new Map<string, RunRequest>();
  for (const cell of rows.flatMap(({ cells }) => cells.flat())) {
    const attack = attackOf(cell);
    for (const seed of seeds) {
      const id = runId({ plan: cell.run, seed });
      const known = requests.get(id);
      const attacks = new Set(known?.attacks);
      if (attack !== null && scale.evaluates(attack)) attacks.add(attack);
      requests.set(id, {
        plan: cell.run,
        seed,
        attacks: [...attacks],
        clean: (known?.clean ?? false) || cell.measure.kind === "clean",
      });
    }
  }
  return [...requests.values()];
}

/** The table of a plan, from its finished runs. */
export function buildTable(
  plan: TablePlan,
  outcomes: readonly RunOutcome[],
  seeds: readonly number[],
  scale: Scale,
): ReportTable {
  const byId = new Map(outcomes.map((outcome) => [runId(outcome), outcome]));
  const outcomesOf = ({ run }: CellPlan): RunOutcome[] =>
    seeds.map((seed) => byId.get(runId({ plan: run, seed }))).filter((outcome) => outcome !== undefined);
  const rows = plan.rows.map(({ label, cells }: RowPlan) => {
    const runs = [...new Set(cells.flat().flatMap(outcomesOf))];
    return {
      label,
      shortfall: shortfallOfRow(runs),
      runs: runs.map(({ folder }) => folder),
      cells: cells.map((section) =>
        section.map((cell) =>
          cellOf(
            cell.paper,
            cell.paperMean,
            outcomesOf(cell)
              .map((outcome) => measured(cell.measure, outcome))
              .filter((value) => value !== null),
          ),
        ),
      ),
    };
  });
  const { number, title, rowHeading, sections } = plan;
  return {
    number,
    title,
    rowHeading,
    budget: scale.budget,
    sections,
    rows,
    notes: [...plan.notes, ...notEvaluated(plan, scale)],
  };
}

/** Of the runs of a row; a cell may have its own run. */
function shortfallOfRow(runs: readonly RunOutcome[]): Shortfall | null {
  const shortfalls = runs.map(({ shortfall }) => shortfall).filter((shortfall) => shortfall !== null);
  if (shortfalls.length === 0) return null;
  const others = new Set(shortfalls.map((shortfall) => shortfall.others).filter((text) => text !== null));
  return {
    brief: [...new Set(shortfalls.map(({ brief }) => brief))].join("; "),
    others: others.size === 0 ? null : [...others].join("; "),
  };
}

/** A number of a run in the unit of its section, or null if it was not evaluated with the attack. */
export function measured(measure: Measure, { evaluations, folder, settings }: RunOutcome): number | null {
  if (measure.kind === "knowledgeScale") {
    const metrics = readMetrics(folder);
    const { classes } = classifierShape(findDataset(settings.dataset));
    const scaleOf = (name: string): number => Math.log(classes) - finalEpochMean(metrics, name);
    if (measure.of === "nat") return scaleOf("entropyNat");
    if (measure.of === "adv") return scaleOf("entropyAdv");
    return Math.abs(scaleOf("entropyNat") - scaleOf("entropyAdv"));
  }
  for (const [attack, { clean, attacks }] of evaluations) {
    if (measure.kind === "clean") return 100 * clean.accuracy;
    if (attack === null || attack !== measure.attack) continue;
    const robust = attacks[attack];
    if (robust) return 100 * (measure.kind === "robust" ? robust.accuracy : robust.wRobust);
  }
  return null;
}

function notEvaluated({ rows }: TablePlan, scale: Scale): string[] {
  const attacks = new Set(
    rows.flatMap(({ cells }) => cells.flat().map(attackOf)).filter((attack) => attack !== null),
  );
  const missing = [...attacks].filter((attack) => !scale.evaluates(attack));
  if (missing.length === 0) return [];
  return [`Not evaluated: ${missing.map((attack) => attackTitles[attack]).join(", ")}.`];
}
