import { attacks, type AttackId, startsUniformly } from "../attacks/attacks.js";
import { wrongWhenClean } from "../attacks/conventions.js";
import { datasets, isBuiltIn } from "../data/datasets.js";
import { finalEpochMean, readMetrics } from "../run/metrics.js";
import { attackOf, type CellPlan, type Measure, type RowPlan, type TablePlan } from "../paper/plan.js";
import type { Scale } from "../reproduction/scale.js";
import {
  isRun,
  isTeacherPlan,
  subjectId,
  type Outcome,
  type SubjectRequest,
} from "../reproduction/run-request.js";
import { cellOf, type ReportTable } from "./table.js";
import type { Shortfall } from "../reproduction/shortfall.js";

/** The runs a table needs, one per seed, and its teachers, each with the attacks that its cells read. */
export function tableRequests({ rows }: TablePlan, seeds: readonly number[], scale: Scale): SubjectRequest[] {
  const requests = new Map<string, SubjectRequest>();
  for (const cell of rows.flatMap(({ cells }) => cells.flat())) {
    const attack = attackOf(cell);
    for (const seed of isTeacherPlan(cell.of) ? [0] : seeds) {
      const id = subjectId({ plan: cell.of, seed });
      const known = requests.get(id);
      const attacks = new Set(known?.attacks);
      if (attack !== null && scale.evaluates(attack)) attacks.add(attack);
      requests.set(id, {
        plan: cell.of,
        seed,
        attacks: [...attacks],
        clean: (known?.clean ?? false) || cell.measure.kind === "clean",
      });
    }
  }
  return [...requests.values()];
}

/** Builds the table of a plan from its finished runs. */
export function buildTable(
  plan: TablePlan,
  outcomes: readonly Outcome[],
  seeds: readonly number[],
  scale: Scale,
): ReportTable {
  const byId = new Map(outcomes.map((outcome) => [subjectId(outcome), outcome]));
  const outcomesOf = ({ of }: CellPlan): Outcome[] =>
    (isTeacherPlan(of) ? [0] : seeds)
      .map((seed) => byId.get(subjectId({ plan: of, seed })))
      .filter((outcome) => outcome !== undefined);
  const rows = plan.rows.map(({ label, cells }: RowPlan) => {
    const runs = [...new Set(cells.flat().flatMap(outcomesOf))];
    return {
      label,
      shortfall: shortfallOfRow(runs),
      runs: runs.map(({ folder }) => folder),
      warnings: [...new Set(runs.flatMap(({ warnings }) => warnings))],
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
    notes: [
      ...plan.notes,
      ...conventionsNotes(plan, scale),
      ...notEvaluated(plan, scale),
      ...onFewerImages(plan, outcomes, scale),
    ],
  };
}

/** Joins the shortfalls of a row's runs, as each cell may have its own run. */
function shortfallOfRow(runs: readonly Outcome[]): Shortfall | null {
  const shortfalls = runs.map(({ shortfall }) => shortfall).filter((shortfall) => shortfall !== null);
  if (shortfalls.length === 0) return null;
  const others = new Set(shortfalls.map((shortfall) => shortfall.others).filter((text) => text !== null));
  return {
    brief: [...new Set(shortfalls.map(({ brief }) => brief))].join("; "),
    others: others.size === 0 ? null : [...others].join("; "),
  };
}

/** The number in a cell, in the unit of its section, or null if it was not measured. */
export function measured(measure: Measure, outcome: Outcome): number | null {
  const { evaluations, folder } = outcome;
  if (measure.kind === "knowledgeScale") {
    if (!isRun(outcome)) throw new Error("a teacher has no knowledge scale of its own");
    const metrics = readMetrics(folder);
    const { dataset } = outcome.settings;
    if (!isBuiltIn(dataset)) throw new Error(`no table has runs on ${dataset}`);
    const classes = datasets[dataset].classNames.length;
    const ofTheorem = measure.entropy === "theorem";
    // Runs of earlier versions report the scripts' entropy alone.
    if (ofTheorem && metrics.steps.at(-1)?.["knowledgeScaleNat"] === undefined) return null;
    const scaleOf = (teacher: "Nat" | "Adv"): number =>
      ofTheorem
        ? finalEpochMean(metrics, `knowledgeScale${teacher}`)
        : Math.log(classes) - finalEpochMean(metrics, `entropy${teacher}`);
    if (measure.of === "nat") return scaleOf("Nat");
    if (measure.of === "adv") return scaleOf("Adv");
    return Math.abs(scaleOf("Nat") - scaleOf("Adv"));
  }
  if (measure.kind === "clean") {
    // Take the evaluation on the most images: an attack may have seen fewer than all.
    const [whole] = [...evaluations.values()].sort((one, other) => other.total - one.total);
    return whole ? 100 * whole.clean.accuracy : null;
  }
  const robust = evaluations.get(measure.attack)?.attacks[measure.attack];
  return robust ? 100 * (measure.kind === "robust" ? robust.accuracy : robust.wRobust) : null;
}

/** Notes on the attacks that saw fewer images than the clean accuracy is measured on. */
function onFewerImages(plan: TablePlan, outcomes: readonly Outcome[], scale: Scale): string[] {
  return attacksOf(plan)
    .filter((attack) => scale.evaluates(attack) && scale.imagesOf(attack) !== null)
    .flatMap((attack) => {
      const totals = outcomes.flatMap(({ evaluations }) => evaluations.get(attack)?.total ?? []);
      const whole = outcomes.flatMap(({ evaluations }) =>
        [...evaluations.values()].map(({ total }) => total),
      );
      const images = Math.max(...totals);
      if (totals.length === 0 || images === Math.max(...whole)) return [];
      const wRobust = plan.sections.some(({ measures }) => measures.includes("W-Robust"));
      const mean = wRobust ? ", W-Robust with the clean accuracy on them" : "";
      return [`${attacks[attack].title}: the first ${images} test images${mean}.`];
    });
}

/** Says by which conventions the attacks of a table are measured, those of a kind together. */
function conventionsNotes(plan: TablePlan, scale: Scale): string[] {
  const by = new Map<string, AttackId[]>();
  for (const attack of attacksOf(plan).filter((each) => scale.evaluates(each))) {
    const { wrongWhenClean: wrong, uniformStart } = scale.conventionsOf(attack);
    const start = startsUniformly(attack) ? `; its uniform start is ${uniformStart}` : "";
    const text = `an image answered wrong before is ${wrongWhenClean[wrong]}${start}`;
    by.set(text, [...(by.get(text) ?? []), attack]);
  }
  return [...by].map(([text, ids]) => `${ids.map((id) => attacks[id].title).join(", ")}: ${text}.`);
}

function attacksOf({ rows }: TablePlan): AttackId[] {
  const attacks = rows.flatMap(({ cells }) => cells.flat().map(attackOf));
  return [...new Set(attacks)].filter((attack) => attack !== null);
}

function notEvaluated(plan: TablePlan, scale: Scale): string[] {
  const missing = attacksOf(plan).filter((attack) => !scale.evaluates(attack));
  if (missing.length === 0) return [];
  return [`Not evaluated: ${missing.map((attack) => attacks[attack].title).join(", ")}.`];
}
