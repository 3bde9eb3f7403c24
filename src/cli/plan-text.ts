import type { Estimate } from "../reproduction/estimate.js";
import type { Job, JobPlan } from "../reproduction/job.js";
import type { Scale } from "../reproduction/scale.js";
import type { Places } from "../reproduction/session.js";
import { formatDuration } from "./progress.js";
import { formatTable } from "./text-table.js";

type Estimates = ReadonlyMap<string, Estimate>;

/** A plan for people: each job with what it waits for, how long it will take, where it will be and whether it is done. */
export function planText(plan: JobPlan, scale: Scale, places: Places, estimates: Estimates): string {
  const numbers = new Map(plan.jobs.map(({ id }, index) => [id, String(index + 1)]));
  const rows = plan.jobs.map((job) => [
    numbers.get(job.id) ?? "",
    job.kind,
    job.name,
    job.needs.map((id) => numbers.get(id) ?? "").join(", "),
    plan.done.has(job.id) ? "done" : timeText(estimates.get(job.id)?.seconds ?? null),
    folderOf(job) ?? "",
  ]);
  return [
    `data ${scale.dataset} in ${places.dataDir}`,
    ...teachersOf(plan).map((teacher) => `teacher ${teacher}`),
    "",
    formatTable([["", "job", "of", "after", "takes", "folder"], ...rows]),
    "",
    totalText(plan, estimates),
  ].join("\n");
}

/** The same for programs; `looks` count the cost, and an estimate says how many seconds and what it rests on. */
export function planJson(plan: JobPlan, scale: Scale, places: Places, estimates: Estimates): object {
  return {
    dataset: scale.dataset,
    places,
    teachers: teachersOf(plan),
    jobs: plan.jobs.map((job) => ({
      ...job,
      done: plan.done.has(job.id),
      estimate: estimates.get(job.id) ?? null,
    })),
  };
}

function totalText({ jobs, done }: JobPlan, estimates: Estimates): string {
  const left = jobs.filter(({ id }) => !done.has(id));
  const counted = `${left.length} of ${jobs.length} jobs to do`;
  if (left.length === 0) return counted;
  const known = left.flatMap(({ id }) => estimates.get(id) ?? []).filter(({ seconds }) => seconds !== null);
  if (known.length === 0)
    return `${counted}; how long they take is not known, as nothing like them was finished here yet`;
  const seconds = known.reduce((sum, each) => sum + (each.seconds ?? 0), 0);
  const bases = [...new Set(known.map(({ restsOn }) => restsOn))].join("; ");
  const without =
    known.length < left.length ? `, without the ${left.length - known.length} of unknown length` : "";
  return `${counted}, about ${formatDuration(seconds)} one after the other${without} (by ${bases})`;
}

function timeText(seconds: number | null): string {
  return seconds === null ? "?" : `about ${formatDuration(seconds)}`;
}

/** The teachers that jobs name, each once. */
function teachersOf({ jobs }: JobPlan): string[] {
  const named = jobs.flatMap((job) => {
    if (job.kind === "train") return [job.settings.cleanTeacher, job.settings.robustTeacher];
    return ["teacher" in job.of ? job.of.teacher : null, job.surrogate];
  });
  return [...new Set(named)].filter((name) => name !== null);
}

function folderOf(job: Job): string | null {
  if (job.kind === "train") return job.folder;
  return "run" in job.of ? job.of.folder : null;
}
