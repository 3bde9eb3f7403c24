import type { Job, JobPlan } from "../reproduction/job.js";
import type { Scale } from "../reproduction/scale.js";
import type { Places } from "../reproduction/session.js";
import { formatTable } from "./text-table.js";

/** A plan for people: each job with what it waits for, where it will be and whether it is done. */
export function planText(plan: JobPlan, scale: Scale, places: Places): string {
  const numbers = new Map(plan.jobs.map(({ id }, index) => [id, String(index + 1)]));
  const rows = plan.jobs.map((job) => [
    numbers.get(job.id) ?? "",
    job.kind,
    job.name,
    job.needs.map((id) => numbers.get(id) ?? "").join(", "),
    plan.done.has(job.id) ? "done" : "to do",
    folderOf(job) ?? "",
  ]);
  const left = plan.jobs.filter(({ id }) => !plan.done.has(id));
  return [
    `data ${scale.dataset} in ${places.dataDir}`,
    "",
    formatTable([["", "job", "of", "after", "state", "folder"], ...rows]),
    "",
    `${left.length} of ${plan.jobs.length} jobs to do`,
  ].join("\n");
}

/** The same for programs. */
export function planJson(plan: JobPlan, scale: Scale, places: Places): object {
  return {
    dataset: scale.dataset,
    places,
    jobs: plan.jobs.map((job) => ({ ...job, done: plan.done.has(job.id) })),
  };
}

function folderOf(job: Job): string | null {
  if (job.kind === "train") return job.folder;
  return "run" in job.of ? job.of.folder : null;
}
