import { attacks } from "../attacks/attacks.js";
import { methods } from "../methods/methods.js";
import type { Figure } from "./figures/figure.js";
import type { StudyCurve } from "./study-curves.js";
import { epochsText, type StudyMeasure } from "./measures.js";
import type { StudyReport, StudySection } from "./study.js";

/** The names of a study's pictures, not all of which every study has. */
export const studyFigureNames = [
  "trade-off",
  "trade-off-near",
  "differences",
  "accuracy-curves",
  "loss-curves",
] as const;

/** A picture of a study and the name of its file. */
export interface StudyFigure {
  readonly name: (typeof studyFigureNames)[number];
  readonly figure: Figure;
}

/** What the curves of a study are drawn from. */
export interface StudyCurves {
  readonly accuracies: readonly StudyCurve[];
  readonly losses: readonly StudyCurve[];
}

/** Robust accuracies of less than this share of the best student's are left out of the picture that looks closer. */
const NEAR = 0.5;

/** The pictures of a study: the trade-off, the differences, and the curves of the training. */
export function studyFigures(study: StudyReport, { accuracies, losses }: StudyCurves): StudyFigure[] {
  const subtitle = `${study.student} on ${study.dataset}, ${epochsText(study.epochs)}, ${seedsText(study)}`;
  const [section] = study.sections;
  const first = study.measures.find(({ kind }) => kind === "robust");
  return [
    ...(section && first ? tradeOffs(study, section, first, subtitle) : []),
    ...(section ? differences(study, section, subtitle) : []),
    ...curveFigure("accuracy-curves", "Accuracy on the images that choose students", "%", accuracies, {
      subtitle,
      sameScale: true,
    }),
    ...curveFigure("loss-curves", "The loss that each method minimises", "Loss", losses, {
      subtitle,
      sameScale: false,
    }),
  ];
}

function tradeOffs(
  study: StudyReport,
  section: StudySection,
  robust: StudyMeasure,
  subtitle: string,
): StudyFigure[] {
  const students = section.rows.map(({ label, method, values }) => ({
    name: label,
    group: method === againstOf(study, section) ? label : "other students",
    x: values["clean"]?.sample.mean ?? NaN,
    y: values[robust.id]?.sample.mean ?? NaN,
    xError: values["clean"]?.sample.deviation ?? null,
    yError: values[robust.id]?.sample.deviation ?? null,
  }));
  const teachers = study.teachers.map(({ label, values }) => ({
    name: label,
    group: "teachers",
    x: values["clean"]?.value ?? NaN,
    y: values[robust.id]?.value ?? NaN,
    xError: null,
    yError: null,
  }));
  const all = [...students, ...teachers];
  const best = Math.max(...students.map(({ y }) => y));
  const near = all.filter(({ y }) => y >= NEAR * best);
  const figure = (points: typeof all, title: string): Figure => ({
    kind: "points",
    title,
    subtitle: `${subtitle}; ${study.seeds.length > 1 ? "bars: one standard deviation" : "one seed"}`,
    xTitle: "Clean accuracy (%)",
    yTitle: `${robust.attack === null ? robust.title : attacks[robust.attack].title} accuracy (%)`,
    points,
  });
  const whole: StudyFigure = { name: "trade-off", figure: figure(all, "Clean against robust accuracy") };
  if (near.length === all.length || near.length < 2) return [whole];
  return [
    whole,
    { name: "trade-off-near", figure: figure(near, "Clean against robust accuracy, seen closer") },
  ];
}

function differences(study: StudyReport, section: StudySection, subtitle: string): StudyFigure[] {
  if (study.against === null) return [];
  const rows = section.rows.filter(({ label }) => label !== study.against);
  if (rows.length === 0) return [];
  // W-Robust under each attack would be as many panels again, and says little that the two accuracies do not.
  const first = study.measures.find(({ kind }) => kind === "wRobust");
  const shown = study.measures.filter((measure) => measure.kind !== "wRobust" || measure === first);
  return [
    {
      name: "differences",
      figure: {
        kind: "intervals",
        title: `Difference from ${study.against}`,
        subtitle: `${subtitle}${study.seeds.length > 1 ? "; 95% intervals of the seeds' paired differences" : ""}`,
        xTitle: "points",
        panels: shown.map(({ id, title }) => ({
          title,
          rows: rows.map(({ label, values }) => {
            const difference = values[id]?.difference;
            return {
              name: label,
              value: difference?.mean ?? NaN,
              low: difference?.interval?.low ?? null,
              high: difference?.interval?.high ?? null,
            };
          }),
        })),
      },
    },
  ];
}

function curveFigure(
  name: StudyFigure["name"],
  title: string,
  yTitle: string,
  curves: readonly StudyCurve[],
  { subtitle, sameScale }: { subtitle: string; sameScale: boolean },
): StudyFigure[] {
  const compared = [...new Set(curves.map(({ method }) => method))];
  const panels = compared
    .map((method) => ({
      title: methods[method].title,
      series: curves.filter((curve) => curve.method === method && curve.points.length > 0),
    }))
    .filter(({ series }) => series.length > 0);
  if (panels.length === 0) return [];
  const ranges = `${subtitle}; mean and range of the seeds`;
  return [
    {
      name,
      figure: {
        kind: "multiples",
        title,
        subtitle: ranges,
        xTitle: "Training epoch",
        yTitle,
        panels: panels.map((panel) => ({
          title: panel.title,
          series: panel.series.map((curve) => ({ name: curve.name, points: curve.points })),
        })),
        sameScale,
      },
    },
  ];
}

function againstOf({ against }: StudyReport, { rows }: StudySection): string | null {
  return rows.find(({ label }) => label === against)?.method ?? null;
}

function seedsText({ seeds }: StudyReport): string {
  return seeds.length === 1 ? "one seed" : `${seeds.length} seeds`;
}
