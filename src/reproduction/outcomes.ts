import { type TeacherRole, teacherRoles } from "../methods/method.js";
import type { RunPlan } from "../paper/plan.js";
import { departuresOf } from "../recipes/departures.js";
import { readRun } from "../run/run-directory.js";
import type { JobResult, MeasuredStudent } from "./perform.js";
import { type JobsOfRequests, runOrTeacher } from "./plan-jobs.js";
import { isTeacherPlan, type Outcome, type RunOutcome, type SubjectRequest } from "./run-request.js";
import { teacherNamed } from "./scale.js";
import { type PlanSession, type ResolvedTeacher, testImages } from "./session.js";
import { shortfallOf, teacherShortfall, usedTeacher } from "./shortfall.js";
import { plannedTeachers, resolved, studentAsTeacher } from "./teachers.js";

/**
 * What became of a request, from the results of its jobs.
 *
 * @param madeElsewhere What other processes made of a job, by its id.
 * @returns Null if they are not all done.
 */
export async function outcomeOf(
  request: SubjectRequest,
  { trainings, measurements }: JobsOfRequests,
  results: ReadonlyMap<string, JobResult>,
  madeElsewhere: ReadonlyMap<string, number>,
  session: PlanSession,
): Promise<Outcome | RunOutcome | null> {
  const { plan, seed, checkpoint } = request;
  const subject = runOrTeacher(request);
  const measuring = measurements.get(subject);
  const measured = measuring === undefined ? undefined : results.get(measuring);
  if (measuring !== undefined && measured?.kind !== "measure") return null;
  const students = measured?.kind === "measure" ? measured.students : [];
  const wanted = isTeacherPlan(plan) ? null : (checkpoint ?? "best");
  const found = students.filter((student) => student.checkpoint === wanted);
  const accuracies = joined(found, (measuring !== undefined && madeElsewhere.get(measuring)) || 0, students);
  if (isTeacherPlan(plan)) {
    const { scale, places, record } = session;
    const teacher = resolved(teacherNamed(plan.teacher, scale, places.teachersDir), session);
    const used = usedTeacher(teacher, plan.teacher, "first", scale);
    const shortfall = teacherShortfall(used, scale, testImages(scale, record));
    return { plan, seed, folder: found[0]?.folder ?? "", ...accuracies, shortfall, trained: false };
  }
  const training = trainings.get(subject) ?? "";
  const trained = results.get(training);
  if (trained?.kind !== "train") return null;
  const { settings } = readRun(trained.folder);
  const teachers = await teachersUsed(plan, trainings, results, session);
  const used = teachers.map(([role, teacher]) =>
    usedTeacher(teacher, role, plan.teachers[role], session.scale),
  );
  // The teachers as they were found now: those that the run names may have moved since.
  const asked = teachers.map(([role, teacher]) => ({
    ...{ role, name: teacher.name },
    facts: teacher.reference.kind === "folder" ? teacher : null,
  }));
  return {
    ...{ plan, seed, checkpoint },
    ...accuracies,
    folder: trained.folder,
    settings,
    departures: departuresOf(settings, asked),
    shortfall: shortfallOf(plan, settings, session.scale, session.record, used),
    trained: trained.trained || (madeElsewhere.get(training) ?? 0) > 0,
  };
}

/** The measurements of one student; a job's evaluations that were made elsewhere count for the first of its students. */
function joined(
  found: readonly MeasuredStudent[],
  elsewhere: number,
  students: readonly MeasuredStudent[],
): Pick<Outcome, "evaluations" | "warnings" | "measured"> {
  const isFirst = found.some((student) => student === students[0]);
  return {
    evaluations: new Map(found.flatMap(({ evaluations }) => [...evaluations])),
    warnings: [...new Set(found.flatMap(({ warnings }) => warnings))],
    measured: found.reduce((sum, { made }) => sum + made, isFirst ? elsewhere : 0),
  };
}

async function teachersUsed(
  plan: RunPlan,
  trainings: ReadonlyMap<string, string>,
  results: ReadonlyMap<string, JobResult>,
  session: PlanSession,
): Promise<(readonly [TeacherRole, ResolvedTeacher])[]> {
  const used: (readonly [TeacherRole, ResolvedTeacher])[] = [];
  const planned = plannedTeachers(plan, session);
  for (const role of teacherRoles) {
    const teacher = planned[role];
    if (teacher === null) continue;
    used.push([role, "trainedBy" in teacher ? await standIn(teacher.trainedBy) : teacher]);
  }
  return used;

  async function standIn(source: RunPlan): Promise<ResolvedTeacher> {
    const result = results.get(trainings.get(runOrTeacher({ plan: source, seed: 0 })) ?? "");
    if (result?.kind !== "train") throw new Error("the run that makes a teacher was not made");
    return studentAsTeacher(result.folder, session);
  }
}
