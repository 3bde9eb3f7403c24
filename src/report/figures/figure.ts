import type { Point } from "../../run/metrics.js";

/** One line of a panel. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

/** A part of a figure with axes of its own. */
export interface LinePanel {
  /** Null where the figure's title says it all. */
  readonly title: string | null;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
}

/** A group of bars, such as those under one attack: each has our number, and the paper's if there is one. */
export interface BarGroup {
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly value: number; readonly paper: number | null }[];
}

/** A curve with the range of the runs that it is the mean of. */
export interface RangeSeries {
  readonly name: string;
  readonly points: readonly (Point & { readonly low: number; readonly high: number })[];
}

/** A mark with a name; the errors are reaches to both sides, null where there are none. */
export interface NamedPoint extends Point {
  readonly name: string;
  /** What kind of thing it is, such as a student or a teacher. */
  readonly group: string;
  readonly xError: number | null;
  readonly yError: number | null;
}

/** A value with its interval; the ends are null where there is none. */
export interface IntervalRow {
  readonly name: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** An axis of parallel coordinates; places on it run from 0, its foot, to 1. */
export interface ParallelAxis {
  readonly title: string;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

/** A line through the axes. */
export interface ParallelLine {
  readonly name: string;
  /** Its place on each axis; null where it has none. */
  readonly at: readonly (number | null)[];
  /** What colours it; null for grey. */
  readonly value: number | null;
  /** Whether it is the one to look at. */
  readonly marked: boolean;
}

/** Named values of one thing, each with its interval. */
export interface DotRow {
  readonly name: string;
  readonly dots: readonly {
    readonly series: string;
    readonly value: number;
    readonly low: number;
    readonly high: number;
  }[];
}

/** What a figure shows, before it is drawn; also what its JSON file holds. */
export type Figure = FigureFacts &
  (
    | {
        readonly kind: "lines";
        readonly panels: readonly LinePanel[];
        /** Whether the panels share one y-axis, so that they can be compared. */
        readonly sameScale: boolean;
      }
    | { readonly kind: "bars"; readonly yTitle: string; readonly groups: readonly BarGroup[] }
    /** Small panels beside and below each other, one x-axis and its curves in each. */
    | {
        readonly kind: "multiples";
        readonly xTitle: string;
        readonly yTitle: string;
        readonly panels: readonly { readonly title: string; readonly series: readonly RangeSeries[] }[];
        readonly sameScale: boolean;
      }
    | {
        readonly kind: "points";
        readonly xTitle: string;
        readonly yTitle: string;
        readonly points: readonly NamedPoint[];
      }
    /** Panels beside each other that share their rows. */
    | {
        readonly kind: "intervals";
        readonly xTitle: string;
        readonly panels: readonly { readonly title: string; readonly rows: readonly IntervalRow[] }[];
      }
    /** Axes beside each other, and a line through all of them for each thing. */
    | {
        readonly kind: "parallel";
        readonly axes: readonly ParallelAxis[];
        readonly lines: readonly ParallelLine[];
        /** What the colours are. */
        readonly valueTitle: string;
      }
    /** Curves through few measured points, each with its interval. */
    | {
        readonly kind: "measured";
        readonly xTitle: string;
        readonly yTitle: string;
        /** Whether x grows by factors. */
        readonly logarithmic: boolean;
        readonly series: readonly RangeSeries[];
      }
    /** A row of dots for each thing, coloured by what they are of. */
    | { readonly kind: "dots"; readonly xTitle: string; readonly rows: readonly DotRow[] }
    /** A matrix of shares, `[row][column]` from 0 to 1; null where there is nothing. */
    | {
        readonly kind: "heat";
        readonly xTitle: string;
        readonly yTitle: string;
        readonly names: readonly string[];
        readonly values: readonly (readonly (number | null)[])[];
      }
  );

interface FigureFacts {
  readonly title: string;
  /** What its runs were trained on, and for how long, in brief; null if it is not shown. */
  readonly subtitle: string | null;
}
