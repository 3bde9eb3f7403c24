import { attackIds } from "../attacks/attacks.js";
import { norms } from "../attacks/norms.js";
import { attackKey, differencesOf, type MeasurementKey } from "../evaluation/key.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import { changedSettings, sourcedRecipe } from "../recipes/recipes.js";
import { htmlText } from "../harmless.js";
import { htmlTable, pageHtml, picturesHtml, type Picture } from "./html.js";
import { requireMethodId } from "../methods/methods.js";
import type { RunDescription } from "../run/run-directory.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { EvaluationLine, RunMetrics } from "../run/metrics.js";

/** What was measured, with everything that decided its outcome. */
export interface KeyedEvaluation {
  readonly key: MeasurementKey;
  readonly evaluation: Evaluation;
  /** Whether it is of the best student of averaged weights. */
  readonly averaged?: boolean;
}

/** A run as its page shows it. */
export interface RunPage {
  readonly name: string;
  readonly run: RunDescription;
  readonly metrics: RunMetrics;
  readonly finished: boolean;
  /** The evaluations of the best students that are kept in the run's folder. */
  readonly evaluations: readonly KeyedEvaluation[];
  /** What makes these accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  readonly pictures: readonly Picture[];
}

/** Formats a page about a run as HTML that loads nothing from elsewhere and runs no scripts. */
export function runPageHtml(page: RunPage): string {
  const { name, run } = page;
  const { dataset, method, student, seed } = run.settings;
  return pageHtml(
    name,
    `<p>${htmlText(`${method} on ${dataset}, student ${student}, seed ${seed}. ${progressText(page)}`)}</p>
<h2>Accuracy of the best ${run.settings.ema > 0 ? "students" : "student"}</h2>
${evaluationTable(page)}${page.warnings.map((warning) => `\n<p>Warning: ${htmlText(warning)}</p>`).join("")}
<h2>Training</h2>
${picturesHtml(page.pictures)}
<h2>Settings</h2>
${settingsTable(run)}
<h2>Data and teachers</h2>
${inputsTable(run)}`,
  );
}

function progressText({ metrics: { steps, evaluations }, finished, run }: RunPage): string {
  const last = steps.at(-1);
  const done = finished
    ? `Finished after ${run.settings.epochs} epochs (${last?.step ?? 0} steps).`
    : `Not finished: ${last ? `step ${last.step}, in epoch ${last.epoch}` : "no step yet"} of ${run.settings.epochs}.`;
  const best = evaluations.filter((evaluation) => evaluation.best).at(-1);
  if (!best) return done;
  const images = run.settings.selection === "test" ? "test images" : "images held out of the training set";
  const averaged = bestAveragedOf(evaluations);
  const average = averaged
    ? ` Of averaged weights ${percent(averaged.wRobust)} in epoch ${averaged.epoch}.`
    : "";
  return `${done} Best by W-Robust ${percent(best.wRobust)} on ${images} in epoch ${best.epoch}.${average}`;
}

/** The best evaluation of the averaged weights, where a run keeps them. */
function bestAveragedOf(
  evaluations: readonly EvaluationLine[],
): { epoch: number; clean: number; robust: number; wRobust: number } | undefined {
  return evaluations
    .flatMap(({ epoch, averaged }) => (averaged?.best ? [{ epoch, ...averaged }] : []))
    .at(-1);
}

function evaluationTable({ metrics, evaluations, run }: RunPage): string {
  const best = metrics.evaluations.filter((evaluation) => evaluation.best).at(-1);
  const bestAveraged = bestAveragedOf(metrics.evaluations);
  const rows = labelled(evaluations, run).flatMap(({ key, evaluation, label, averaged = false }) => {
    const { total, clean, attacks } = evaluation;
    const robust = key.attack === null ? undefined : attacks[key.attack];
    if (!robust) return [];
    const numbers = [clean.accuracy, robust.accuracy, robust.wRobust].map(percent);
    return [{ averaged, cells: [label, String(total), ...numbers] }];
  });
  const chosen = [
    { averaged: false, best },
    { averaged: true, best: bestAveraged },
  ].flatMap(({ averaged, best: evaluated }) => {
    if (!evaluated) return [];
    const label = `pgd-trades, when it was chosen (${run.settings.selection})`;
    const numbers = [evaluated.clean, evaluated.robust, evaluated.wRobust].map(percent);
    return [{ averaged, cells: [label, "", ...numbers] }];
  });
  const all = [...rows, ...chosen];
  if (all.length === 0) return "<p>Not evaluated yet.</p>";
  const heading = ["attack", "images", "clean", "robust", "W-Robust"];
  const cells = all.map((row) => row.cells);
  if (run.settings.ema === 0) return htmlTable(heading, cells, [1, 2, 3, 4]);
  const named = all.map(({ averaged, cells: [attack = "", ...others] }) => [
    attack,
    averaged ? "averaged" : "raw",
    ...others,
  ]);
  const [attack = "", ...others] = heading;
  return htmlTable([attack, "weights", ...others], named, [2, 3, 4, 5]);
}

/** The evaluations in the order in which they are shown, those under the run's usual settings first, each with its label. */
function labelled(
  evaluations: readonly KeyedEvaluation[],
  run: RunDescription,
): (KeyedEvaluation & { label: string })[] {
  const keys = evaluations.map(({ key }) => key);
  const rows = evaluations.map((each) => {
    const { attack } = each.key;
    const changes = unusualParts(each.key, run, keys);
    const label = changes.length === 0 ? String(attack) : `${attack} (${changes.join(", ")})`;
    const place = attack === null ? -1 : attackIds.indexOf(attack);
    return {
      ...each,
      label,
      order: [changes.length === 0 ? 0 : 1, place, -each.key.images, each.key.epsilon ?? 0],
    };
  });
  return rows.sort((one, other) => {
    const first = one.order.findIndex((value, at) => value !== other.order[at]);
    if (first >= 0) return (one.order[first] ?? 0) - (other.order[first] ?? 0);
    const byLabel = one.label.localeCompare(other.label, "en", { numeric: true });
    // Beside each other, the raw weights first.
    return byLabel === 0 ? Number(one.averaged ?? false) - Number(other.averaged ?? false) : byLabel;
  });
}

/** What a key has that is not usual for the run: without it, rows of one attack and as many images could not be told apart. */
function unusualParts(
  key: MeasurementKey,
  { settings }: RunDescription,
  all: readonly MeasurementKey[],
): string[] {
  const { attack, norm, surrogate } = key;
  if (attack === null) return [];
  // No surrogate is usual, so it is named only where there are several.
  const surrogates = new Set(all.filter((each) => each.attack === attack).map((each) => each.surrogate));
  const usual = attackKey(
    { ...key, batchSize: settings.evaluationBatch },
    attack,
    { norm, epsilon: settings.evaluationEpsilon, seed: USUAL_SEED },
    surrogates.size > 1 ? null : surrogate,
  );
  // The parts of an ensemble share what is changed.
  const parts = differencesOf(usual, key).map(({ name, other }) => {
    const setting = name.replace(/ of .*$/, "");
    const words = setting.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return `${words} ${["epsilon", "stepSize"].includes(setting) ? distanceText(Number(other)) : other}`;
  });
  return [...(norm === undefined ? [] : [norms[norm].title]), ...new Set(parts)];
}

/** A distance between pixel values, as a fraction where it is a whole number of levels. */
export function distanceText(distance: number): string {
  const levels = Math.round(255 * distance);
  return Math.abs(255 * distance - levels) < 1e-9 ? `${levels}/255` : String(distance);
}

function settingsTable({ settings }: RunDescription): string {
  const training = { ...settings, method: requireMethodId(settings.method) };
  const changed = changedSettings(training);
  const rows = sourcedRecipe(training).map(({ name, source }) => {
    const value = shown(settings[name]);
    return name in changed
      ? [name, value, `changed; the recipe has ${shown(changed[name])} (${source})`]
      : [name, value, source];
  });
  const call = (["reading", "limitTrain", "limitTest"] as const).map((name) => [
    name,
    shown(settings[name] ?? "all images"),
    "the call",
  ]);
  return htmlTable(["setting", "value", "source"], [...rows, ...call], []);
}

function inputsTable({ settings, inputs }: RunDescription): string {
  const rows = [
    ["data", settings.dataset, inputs.data],
    ["clean teacher", settings.cleanTeacher, inputs.cleanTeacher],
    ["robust teacher", settings.robustTeacher, inputs.robustTeacher],
    ...(inputs.init ? [["started from", inputs.init.from, inputs.init.sha256] as const] : []),
  ].filter((row): row is string[] => row.every((cell) => cell !== null));
  return htmlTable(["what", "name", "SHA-256"], rows, []);
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)}%`;
}
