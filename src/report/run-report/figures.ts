import { attacks } from "../../attacks/attacks.js";
import { drawSvg } from "../figures/draw.js";
import type { Figure } from "../figures/figure.js";
import type { Picture } from "../html.js";
import type { AccuracyRow } from "./accuracies.js";
import type { MeasuredCurve } from "./curves.js";
import { shortNames } from "./names.js";
import type { RunNumbers } from "./numbers.js";
import { runPanels } from "./panels.js";
import type { RunReport } from "./read.js";
import { distanceText, type Share } from "./share.js";

/** The pictures of a run's page; null where there is nothing to draw. */
export interface RunPictures {
  readonly accuracies: Picture | null;
  readonly classes: Picture | null;
  readonly confusion: Picture | null;
  readonly radius: Picture | null;
  readonly steps: Picture | null;
  readonly training: readonly Picture[];
}

/** Rows of accuracies that a picture has room for. */
const MOST_ROWS = 16;
const LONGEST_NAME = 28;
const LONGEST_LABEL = 44;

/** Draws the pictures of a run's page. */
export async function drawRunPictures(report: RunReport, numbers: RunNumbers): Promise<RunPictures> {
  const figures = runFigures(report, numbers);
  const drawn = async (figure: Figure | null): Promise<Picture | null> => (figure ? draw(figure) : null);
  const training: Picture[] = [];
  for (const figure of runPanels(report.metrics)) training.push(await draw(figure));
  return {
    accuracies: await drawn(figures.accuracies),
    classes: await drawn(figures.classes),
    confusion: await drawn(figures.confusion),
    radius: await drawn(figures.radius),
    steps: await drawn(figures.steps),
    training,
  };
}

async function draw(figure: Figure): Promise<Picture> {
  return { title: figure.title, svg: await drawSvg(figure) };
}

/** What the pictures of measurements show. */
export function runFigures(
  { run }: Pick<RunReport, "run">,
  { accuracies, main, classes, confusion, radius, steps }: RunNumbers,
): Record<"accuracies" | "classes" | "confusion" | "radius" | "steps", Figure | null> {
  const student = main?.student;
  const shown = accuracies.filter((row) => row.student === student).slice(0, MOST_ROWS);
  const classNames = shortNames(
    classes.map(({ name }) => name),
    LONGEST_NAME,
  );
  const under = main ? `${main.label}, ${main.images} images` : null;
  return {
    accuracies: shown.length === 0 ? null : accuracyFigure(shown),
    classes:
      classes.length === 0 || !main
        ? null
        : {
            kind: "dots",
            title: "Accuracy for each class",
            subtitle: `${under ?? ""}; bars: 95% intervals`,
            xTitle: "Accuracy (%)",
            rows: classes.map(({ clean, attacked }, index) => ({
              name: classNames[index] ?? "",
              dots: [dot("clean", clean), dot(`under ${attacks[main.attack].title}`, attacked)],
            })),
          },
    confusion: confusion && {
      kind: "heat",
      title: "Confusion under attack",
      subtitle: under,
      xTitle: "Answer",
      yTitle: "Class",
      names: shortNames(confusion.names, LONGEST_NAME),
      values: confusion.counts.map((row) => {
        const total = row.reduce((sum, count) => sum + count, 0);
        return row.map((count) => (total === 0 ? null : count / total));
      }),
    },
    radius: curveFigure(radius, {
      title: "Accuracy against epsilon",
      xTitle: "Epsilon (levels of 255)",
      subtitle: `the run's own is ${distanceText(run.settings.evaluationEpsilon)}; bars: 95% intervals`,
      mayBeLogarithmic: false,
    }),
    steps: curveFigure(steps, {
      title: "Accuracy against steps",
      xTitle: "Steps",
      subtitle: "bars: 95% intervals",
      mayBeLogarithmic: true,
    }),
  };
}

/** Clean and robust accuracies of one student, a row for each measurement. */
function accuracyFigure(rows: readonly AccuracyRow[]): Figure {
  const names = shortNames(
    rows.map(({ label, images }) => `${label}, ${images} images`),
    LONGEST_LABEL,
  );
  return {
    kind: "dots",
    title: "Accuracy with 95% intervals",
    subtitle: null,
    xTitle: "Accuracy (%)",
    rows: rows.map(({ clean, robust }, index) => ({
      name: names[index] ?? "",
      dots: [dot("clean", clean), dot("under attack", robust)],
    })),
  };
}

function dot(series: string, { share, low, high }: Share) {
  return { series, value: 100 * share, low: 100 * low, high: 100 * high };
}

function curveFigure(
  curves: readonly MeasuredCurve[],
  texts: { title: string; subtitle: string; xTitle: string; mayBeLogarithmic: boolean },
): Figure | null {
  if (curves.length === 0) return null;
  const { mayBeLogarithmic, ...shown } = texts;
  const places = curves.flatMap(({ points }) => points.map(({ x }) => x));
  const names = shortNames(
    curves.map(({ name }) => name),
    2 * LONGEST_LABEL,
  );
  return {
    kind: "measured",
    ...shown,
    yTitle: "Accuracy (%)",
    logarithmic:
      mayBeLogarithmic && Math.min(...places) > 0 && Math.max(...places) >= 8 * Math.min(...places),
    series: curves.map(({ points }, index) => ({
      name: names[index] ?? "",
      points: points.map(({ x, robust: { share, low, high } }) => ({
        x,
        ...{ y: 100 * share, low: 100 * low, high: 100 * high },
      })),
    })),
  };
}
