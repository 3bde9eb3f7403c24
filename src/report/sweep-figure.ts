import type { Axis } from "../reproduction/sweep-axes.js";
import type { Figure, ParallelAxis } from "./figures/figure.js";
import { epochsText } from "./measures.js";
import { choosingMeasures, type SweepReport, type SweepRow } from "./sweep.js";

/** The name of a sweep's picture. */
export const SWEEP_FIGURE = "parallel-coordinates";

const titles = { clean: "clean (%)", robust: "PGD-trades (%)", wRobust: "W-Robust (%)" } as const;

/** Numbers of a list that lie this far apart are shown by their logarithms. */
const LOG_FROM = 8;
/** The least distance of two labels on an axis, as a share of it. */
const LABEL_DISTANCE = 0.05;
/** About as many marks stand on an axis of numbers. */
const TICKS = 5;

/** A scale of an axis, with its marks. */
interface AxisScale extends ParallelAxis {
  /** The place of a row. */
  readonly placeOf: (row: SweepRow) => number | null;
}

/**
 * The parallel coordinates of a sweep: an axis for each varied setting, then the accuracies on the images that choose, which stopped
 * points have as well. Null before there is a point with numbers.
 */
export function sweepFigure(sweep: SweepReport): Figure | null {
  const { axes, student, dataset, epochs, seeds, images } = sweep;
  const rows = sweep.rows.filter(({ chosenBy }) => chosenBy !== null);
  if (rows.length === 0) return null;
  const scales = [
    ...axes.map((axis, index) => settingScale(axis, index)),
    ...choosingMeasures.map((name) =>
      measureScale(titles[name], rows, ({ chosenBy }) => chosenBy?.[name].sample.mean ?? null),
    ),
  ];
  const stopped = rows.some(({ state }) => state !== "finished");
  return {
    kind: "parallel",
    title: `Sweep ${sweep.sweep}: ${sweep.method}`,
    subtitle:
      `${student} on ${dataset}, ${epochsText(epochs)}, ${seeds.length === 1 ? "one seed" : `mean of ${seeds.length} seeds`}; ` +
      `${images?.selection ?? ""} held-out images${sweep.best === null ? "" : "; thick: the best"}${stopped ? "; grey: stopped early" : ""}`,
    valueTitle: "W-Robust on held-out images (%)",
    axes: scales.map(({ title, ticks }) => ({ title, ticks })),
    lines: rows.map((row) => ({
      name: row.point,
      at: scales.map(({ placeOf }) => placeOf(row)),
      value: row.state === "finished" ? (row.chosenBy?.wRobust.sample.mean ?? null) : null,
      marked: row.point === sweep.best,
    })),
  };
}

function settingScale(axis: Axis, index: number): AxisScale {
  const title = axis.name;
  const valueOf = (row: SweepRow): unknown => row.settings[index]?.value;
  if (axis.kind === "range") {
    const { low, high, log } = axis;
    const place = placeBetween(low, high, log);
    const inside = log ? powersBetween(low, high) : niceBetween(low, high);
    const marks = inside.map((value) => ({ at: place(value), label: String(value) }));
    const ends = [low, high].map((value) => ({
      at: place(value),
      label: String(Number(value.toPrecision(4))),
    }));
    return { title, ticks: apart([...ends, ...marks]), placeOf: (row) => numberAt(valueOf(row), place) };
  }
  const { values } = axis;
  const numbers = values.flatMap(({ value }) => (typeof value === "number" ? [value] : []));
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  if (numbers.length < values.length || low === high) {
    // In the order of the call, the first one at the foot.
    const place = (at: number): number => (values.length === 1 ? 0.5 : at / (values.length - 1));
    const written = values.map(({ value }) => JSON.stringify(value));
    return {
      title,
      ticks: values.map(({ text }, at) => ({ at: place(at), label: text })),
      placeOf: (row) => place(written.indexOf(JSON.stringify(valueOf(row)))),
    };
  }
  const place = placeBetween(low, high, low > 0 && high / low >= LOG_FROM);
  const ticks = values.map(({ text, value }) => ({ at: place(value as number), label: text }));
  return { title, ticks: apart(ticks), placeOf: (row) => numberAt(valueOf(row), place) };
}

function measureScale(
  title: string,
  rows: readonly SweepRow[],
  valueOf: (row: SweepRow) => number | null,
): AxisScale {
  const numbers = rows.flatMap((row) => valueOf(row) ?? []);
  const room = Math.max(0.5, (Math.max(...numbers) - Math.min(...numbers)) / 20);
  const [low, high] = [Math.min(...numbers) - room, Math.max(...numbers) + room];
  const place = placeBetween(low, high, false);
  const ticks = niceBetween(low, high).map((value) => ({ at: place(value), label: String(value) }));
  return { title, ticks, placeOf: (row) => numberAt(valueOf(row), place) };
}

function numberAt(value: unknown, place: (value: number) => number): number | null {
  return typeof value === "number" ? place(value) : null;
}

/** Where a number lies between two ends, from 0 to 1. */
function placeBetween(low: number, high: number, log: boolean): (value: number) => number {
  if (log) return (value) => Math.log(value / low) / Math.log(high / low);
  return (value) => (value - low) / (high - low);
}

/** Round numbers between two ends, 1, 2 or 5 times a power of ten apart. */
function niceBetween(low: number, high: number): number[] {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function powersBetween(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low));
  const count = Math.max(0, Math.floor(Math.log10(high)) - first + 1);
  return Array.from({ length: count }, (_, index) => Number((10 ** (first + index)).toPrecision(12)));
}

/** The marks whose labels do not touch an earlier one's. */
function apart(ticks: ParallelAxis["ticks"]): ParallelAxis["ticks"] {
  return ticks.filter(({ at }, index) =>
    ticks.slice(0, index).every((earlier) => Math.abs(earlier.at - at) >= LABEL_DISTANCE),
  );
}
