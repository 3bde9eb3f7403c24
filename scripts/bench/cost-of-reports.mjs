import { paperDatasets } from "#mtard/paper/paper.js";
import { estimateMeasurement, estimateTraining } from "#mtard/reproduction/estimate.js";
import { stepOperations, stepsPerEpoch } from "#mtard/reproduction/step-cost.js";
import { markdown, hours, number } from "./cost-format.mjs";
import { H100 } from "./cost-of-runs.mjs";
import { paperReports } from "./paper-work.mjs";

/* The table of docs/scaling.md about the paper's tables and figures. */

/** @typedef {import("./paper-work.mjs").Report} Report */

/** How many machines there are in the column for a machine with several. */
const GPUS = 8;

/** What a report's runs and measurements take on an H100. @param {readonly Report[]} reports @param {number} seeds */
function costOf(reports, seeds) {
  const trainings = new Map(reports.flatMap((report) => report.trainings.map((each) => [each.key, each])));
  const jobs = new Map(
    [...trainings].map(([key, { work }]) => [key, estimateTraining(work, H100).seconds ?? NaN]),
  );
  const training = [...jobs.values()].reduce((total, each) => total + each, 0);
  for (const { of, subject, work } of measured(reports)) {
    const seconds = estimateMeasurement(work, H100).seconds ?? NaN;
    const job = of ?? subject;
    jobs.set(job, (jobs.get(job) ?? 0) + seconds);
  }
  const steps = [...trainings.values()].reduce(
    (total, { work }) => total + stepsPerEpoch(work) * work.settings.epochs,
    0,
  );
  const operations = [...trainings.values()].reduce(
    (total, { work }) => total + stepsPerEpoch(work) * work.settings.epochs * (stepOperations(work) ?? NaN),
    0,
  );
  // A teacher has no seed.
  const all = [...jobs].flatMap(([job, seconds]) =>
    Array.from({ length: trainings.has(job) ? seeds : 1 }, () => seconds),
  );
  const total = all.reduce((total, each) => total + each, 0);
  return {
    runs: seeds * trainings.size,
    steps: seeds * steps,
    operations: seeds * operations,
    training: seeds * training,
    total,
    jobs: all,
  };
}

/** All measurements, those that several reports share once for each attack. @param {readonly Report[]} reports */
function measured(reports) {
  const seen = new Set();
  return reports.flatMap(({ dataset, student, measurements }) =>
    measurements.map(({ of, subject, work }) => {
      const owner = of ?? JSON.stringify([dataset, student, subject]);
      const attacks = work.attacks.filter((each) => {
        const id = JSON.stringify([owner, each]);
        return !seen.has(id) && seen.add(id);
      });
      return { of, subject: owner, work: { ...work, attacks } };
    }),
  );
}

/** When the last of some jobs ends that are dealt to machines, the longest first. @param {readonly number[]} jobs @param {number} machines */
function makespan(jobs, machines) {
  const ends = Array.from({ length: machines }, () => 0);
  for (const job of jobs.toSorted((one, other) => other - one)) {
    const next = ends.indexOf(Math.min(...ends));
    ends[next] = (ends[next] ?? 0) + job;
  }
  return Math.max(...ends);
}

/** What tables and figures cost. @param {number} seeds */
export function reportTable(seeds) {
  const all = paperReports();
  /** @param {string} name @param {readonly Report[]} reports */
  const row = (name, reports) => {
    const { runs, steps, operations, training, total, jobs } = costOf(reports, seeds);
    return [
      name,
      String(runs),
      `${(steps / 1e6).toFixed(2)} M`,
      number(operations / 1e18),
      hours(training),
      hours(total - training),
      hours(total),
      hours(makespan(jobs, GPUS)),
      hours(Math.max(...jobs)),
    ];
  };
  const rows = all.map((report) => row(`${report.name}, ${report.dataset}`, [report]));
  for (const dataset of paperDatasets)
    rows.push(
      row(
        `all of ${dataset}`,
        all.filter((report) => report.dataset === dataset),
      ),
    );
  rows.push(row("all", all));
  const heading = [
    "table or figure",
    "runs",
    "steps",
    "EFLOP",
    "training",
    "measuring",
    "one H100",
    "eight",
    "one a run",
  ];
  return markdown(heading, rows, 1);
}
