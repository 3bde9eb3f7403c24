import { csvCell, markdownText } from "../harmless.js";
import type { Axis } from "../reproduction/sweep-axes.js";
import { markdownTable } from "./markdown.js";
import { epochsText } from "./measures.js";
import { sampleText } from "./render-study.js";
import { NOTHING } from "./render-table.js";
import { choosingMeasures, type SweepReport, type SweepRow } from "./sweep.js";

/** A sweep's table as cells of text. */
export interface SweepTable {
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The title of a sweep's page. */
export function sweepTitle({ sweep, method }: SweepReport): string {
  return `Sweep ${sweep}: ${method}`;
}

/** A line for each point, the best first: what chose, then what was measured on the test images. */
export function sweepTable(sweep: SweepReport): SweepTable {
  const { measures, rows, epochs } = sweep;
  const whole = rows.every(({ state }) => state === "finished");
  const last = epochs.at(-1) ?? 0;
  return {
    heading: [
      "point",
      "W-Robust on held-out images (chose)",
      ...measures.map(({ title }) => `test: ${title}`),
      ...(whole ? [] : ["trained"]),
    ],
    rows: rows.map((row) => [
      row.point,
      sampleText(row.chosenBy?.wRobust.sample),
      ...measures.map(({ id }) => sampleText(row.values?.[id]?.sample)),
      ...(whole ? [] : [stateText(row, last)]),
    ]),
  };
}

function stateText({ state, until }: SweepRow, last: number): string {
  if (state === "stopped") return `stopped after epoch ${until} of ${last}`;
  return { finished: "to the end", failed: "failed", waiting: "not done yet" }[state];
}

/** The lines that say what a sweep is, what is best in it, and by which number. */
export function sweepFacts(sweep: SweepReport): string[] {
  const { dataset, student, epochs, seeds, images, measures, best, rows, warnings } = sweep;
  const tested = [...new Map(measures.map(({ images: count, title }) => [title, count]))]
    .filter(([title]) => !title.startsWith("W-Robust"))
    .map(([title, count]) => `${title} on ${count}`);
  const choosing = `W-Robust under PGD-trades on ${images?.selection ?? NOTHING} held-out training images`;
  const [first] = rows;
  return [
    ...(best === null || !first
      ? ["No point is trained to its end yet."]
      : [
          `Best: ${best}, with ${sampleText(first.chosenBy?.wRobust.sample)}% ${choosing}.`,
          `This number chose, of points and, in each run, of students${seeds.length > 1 ? " (the mean over seeds)" : ""}: its images are neither trained nor tested on. It is the highest of ${chosenAmong(sweep)}, and so flatters the best; the test accuracies chose nothing.`,
        ]),
    `${sweep.method}, ${student} on ${dataset}, ${epochsText(epochs)}${images ? ` on ${images.train} images` : ""}, seed${seeds.length > 1 ? "s" : ""} ${seeds.join(", ")}${tested.length > 0 ? `; test images: ${tested.join(", ")}` : ""}.`,
    `Varied: ${sweep.axes.map(axisText).join("; ")}.${samplingText(sweep)}`,
    ...halvingFacts(sweep),
    ...(seeds.length > 1 ? ["Mean ± sample standard deviation over seeds."] : []),
    ...unfinishedFacts(rows),
    ...sweep.conditions.map((text) => `Note, ${text}.`),
    ...warnings.map((warning) => `Warning, ${warning}.`),
  ];
}

function chosenAmong({ rows, seeds }: SweepReport): string {
  const finished = rows.filter(({ state }) => state === "finished").length;
  const means = seeds.length > 1 ? "means" : "numbers";
  return finished === 1 ? "one" : `${finished} ${means}`;
}

/** A varied setting with its values. */
export function axisText(axis: Axis): string {
  if (axis.kind === "list") return `${axis.name} = ${axis.values.map(({ text }) => text).join(", ")}`;
  const { name, low, high, log, whole } = axis;
  return `${name} from ${low} to ${high}${log ? ", by its logarithm" : ""}${whole ? ", whole numbers" : ""}`;
}

function samplingText({ sampling }: SweepReport): string {
  if (sampling === null) return "";
  const { count, seed } = sampling;
  return ` ${count} point${count > 1 ? "s" : ""} drawn from these (sample seed ${seed}).`;
}

function halvingFacts({ halving, rows, epochs }: SweepReport): string[] {
  if (halving === null) return [];
  const last = epochs.at(-1) ?? NOTHING;
  const stopped = rows.filter(({ state }) => state === "stopped").length;
  const rungs = halving.rungs.map(
    ({ epoch, points, kept }) => `after epoch ${epoch} of ${last} the best ${kept} of ${points} went on`,
  );
  return [
    `Successive halving (one in ${halving.eta} is kept): ${rungs.length === 0 ? "no point was stopped" : rungs.join(", ")}.`,
    ...(stopped === 0
      ? []
      : [
          `The ${stopped} stopped ones have the number they had there, with learning rates of the full schedule; they might have become better later.`,
        ]),
  ];
}

function unfinishedFacts(rows: readonly SweepRow[]): string[] {
  return (["failed", "waiting"] as const).flatMap((state) => {
    const points = rows.filter((row) => row.state === state).map(({ point }) => point);
    if (points.length === 0) return [];
    return [`${state === "failed" ? "Failed" : "Not done yet"}: ${points.join("; ")}.`];
  });
}

/** Formats a sweep as Markdown. */
export function sweepMarkdown(sweep: SweepReport): string {
  const { heading, rows } = sweepTable(sweep);
  const numbers = heading.flatMap((title, column) => (column === 0 || title === "trained" ? [] : [column]));
  return [
    `# ${markdownText(sweepTitle(sweep))}`,
    "",
    ...sweepFacts(sweep).map((fact) => `- ${markdownText(fact)}`),
    "",
    markdownTable(heading, rows, numbers),
    "",
  ].join("\n");
}

/** Formats a sweep as aligned text for a terminal. */
export function sweepText(
  sweep: SweepReport,
  align: (rows: readonly (readonly string[])[]) => string,
): string {
  const { heading, rows } = sweepTable(sweep);
  return [sweepTitle(sweep), align([heading, ...rows]), sweepFacts(sweep).join("\n")].join("\n\n");
}

/** Formats a sweep as comma-separated values (RFC 4180), a line for each run, without rounding. */
export function sweepCsv(sweep: SweepReport): string {
  const { axes, measures, seeds } = sweep;
  const heading = [
    "sweep",
    "point",
    ...axes.map(({ name }) => name),
    "seed",
    "state",
    "stopped after epoch",
    "epoch of the best student",
    ...choosingMeasures.map((name) => `chosen by: ${name}`),
    ...measures.map(({ id }) => `test: ${id}`),
    "run",
  ];
  const lines = sweep.rows.flatMap((row) =>
    // Where runs are missing, it is not known here of which seeds.
    (row.runs.length === seeds.length ? seeds : [null]).map((seed, index) => [
      sweep.sweep,
      row.point,
      ...row.settings.map(({ text }) => text),
      seed,
      row.state,
      row.until,
      row.epochs[index],
      ...choosingMeasures.map((name) => row.chosenBy?.[name].values[index]),
      ...measures.map(({ id }) => row.values?.[id]?.values[index]),
      seed === null ? null : row.runs[index],
    ]),
  );
  return [heading, ...lines].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** Formats a sweep as JSON. */
export function sweepJson(sweep: SweepReport): string {
  return `${JSON.stringify(sweep, null, 2)}\n`;
}
