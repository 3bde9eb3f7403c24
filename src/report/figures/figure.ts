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
  );

interface FigureFacts {
  readonly title: string;
  /** What its runs were trained on, and for how long, in brief; null if it is not shown. */
  readonly subtitle: string | null;
}
