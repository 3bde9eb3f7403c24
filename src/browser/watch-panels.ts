import type { ChartLine, ChartPoint } from "./watch-chart.js";
import type { RunDetail } from "./watch-types.js";

/* What the pages of curves show: which values in which chart, and their points along epochs, steps or hours. */

export type Along = "epochs" | "steps" | "hours";

export interface Panel {
  readonly title: string;
  readonly lines: readonly ChartLine[];
}

interface Value {
  readonly name: string;
  readonly label: string;
}

const pair = (name: string, nat: string, adv: string): Value[] => [
  { name: `${name}Nat`, label: nat },
  { name: `${name}Adv`, label: adv },
];

const reported: readonly { readonly title: string; readonly values: readonly Value[] }[] = [
  { title: "Loss", values: [...pair("loss", "clean", "adversarial"), { name: "lossTotal", label: "total" }] },
  { title: "Relative loss", values: pair("relativeLoss", "clean", "adversarial") },
  { title: "Loss weight", values: pair("weight", "clean", "adversarial") },
  { title: "Teachers' temperature", values: pair("temperature", "clean teacher", "robust teacher") },
  { title: "Entropy of the teachers, nats", values: pair("entropy", "clean teacher", "robust teacher") },
  { title: "Learning rate", values: [{ name: "learningRate", label: "learning rate" }] },
];

/** Clean and adversarial have the colours here that they have in the other charts. */
const accuracies = [
  { name: "wRobust", label: "W-Robust", place: 2 },
  { name: "clean", label: "clean", place: 0 },
  { name: "robust", label: "PGD-trades", place: 1 },
  { name: "averaged", label: "W-Robust of averaged weights", place: 3 },
] as const;

/** What is measured along a run: null where it does not know how many steps an epoch has. */
type Place = (step: number) => number | null;

function placeOf({ row, curves }: RunDetail, along: Along): Place {
  if (along === "steps") return (step) => step;
  if (along === "epochs") return (step) => (row.stepsPerEpoch === null ? null : step / row.stepsPerEpoch);
  const { steps } = curves;
  const seconds = curves.values["seconds"]?.mean ?? [];
  return (step) => {
    const at = Math.min(steps.length - 1, Math.max(0, Math.round((step - 1) / curves.width)));
    const value = seconds[at] ?? seconds[at - 1];
    return typeof value === "number" ? value / 3600 : null;
  };
}

/** Where a run's curves begin and end, and those of others. */
export function extentOf(details: readonly RunDetail[], along: Along): readonly [number, number] {
  const ends = details.map((detail) => placeOf(detail, along)(detail.row.step) ?? 0);
  return [0, Math.max(...ends) || 1];
}

/** The charts of one run: what belongs together is in one. */
export function panelsOfRun(detail: RunDetail, along: Along): Panel[] {
  const known = new Set(reported.flatMap(({ values }) => values.map(({ name }) => name)));
  const others = Object.keys(detail.curves.values)
    .filter((name) => !known.has(name) && name !== "seconds")
    .map((name) => ({ title: name, values: [{ name, label: name }] }));
  const ofEvaluations = {
    title: "Accuracy, %",
    lines: accuracies.map(({ name, label, place }) => ({
      name: label,
      place,
      points: accuracyPoints(detail, name, along),
    })),
  };
  const ofSteps = [...reported, ...others].map(({ title, values }) => ({
    title,
    lines: values.map(({ name, label }, place) => ({
      name: label,
      place,
      points: stepPoints(detail, name, along),
    })),
  }));
  return [ofEvaluations, ...ofSteps].flatMap(withPoints);
}

/** The charts of several runs: one for each value, a line for each run. */
export function panelsOfRuns(details: readonly RunDetail[], along: Along): Panel[] {
  const names = new Set(details.flatMap(({ curves }) => Object.keys(curves.values)));
  const known = reported.flatMap(({ title, values }) =>
    values.map(({ name, label }) => ({ name, title: values.length === 1 ? title : `${title}: ${label}` })),
  );
  const others = [...names]
    .filter((name) => name !== "seconds" && !known.some((each) => each.name === name))
    .map((name) => ({ name, title: name }));
  const linesOf = (points: (detail: RunDetail) => ChartPoint[]): ChartLine[] =>
    details.map((detail, place) => ({ name: detail.row.name, place, points: points(detail) }));
  return [
    ...accuracies.map(({ name, label }) => ({
      title: `${label}, %`,
      lines: linesOf((detail) => accuracyPoints(detail, name, along)),
    })),
    ...[...known, ...others].map(({ name, title }) => ({
      title,
      lines: linesOf((detail) => stepPoints(detail, name, along)),
    })),
  ].flatMap(withPoints);
}

function withPoints({ title, lines }: Panel): Panel[] {
  const shown = lines.filter(({ points }) => points.length > 0);
  return shown.length === 0 ? [] : [{ title, lines: shown }];
}

function accuracyPoints(
  detail: RunDetail,
  name: (typeof accuracies)[number]["name"],
  along: Along,
): ChartPoint[] {
  const place = placeOf(detail, along);
  return detail.evaluations.flatMap(({ step, epoch, [name]: accuracy }) => {
    const x = along === "epochs" ? epoch : place(step);
    return x === null || accuracy === null ? [] : [{ x, y: 100 * accuracy }];
  });
}

function stepPoints(detail: RunDetail, name: string, along: Along): ChartPoint[] {
  const place = placeOf(detail, along);
  const { steps, values } = detail.curves;
  const found = values[name];
  if (!found) return [];
  return steps.flatMap((step, at) => {
    const [x, y] = [place(step), found.mean[at] ?? null];
    if (x === null || y === null) return [];
    return [{ x, y, low: found.min?.[at] ?? undefined, high: found.max?.[at] ?? undefined }];
  });
}
