import { readFileSync } from "node:fs";
import { join } from "node:path";
import { recipe } from "../recipes/recipes.js";
import { teacherRecipes } from "../recipes/teachers.js";
import { sha256Of } from "../teacher/store.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import { evaluateMissing } from "./measure-missing.js";
import { trainingLooks } from "./ledger.js";
import type { RunPlan, TeacherPlan } from "../paper/plan.js";
import { settingsOf, teacherNamed } from "./scale.js";
import { shortfallOf, teacherShortfall } from "./shortfall.js";
import { runKey } from "./run-key.js";
import { evaluationsOf, type Outcome, type RunOutcome, type SubjectRequest } from "./run-request.js";
import { runFolder } from "./run-store.js";
import { imagesOf, testImages, type RunPlace, type Session } from "./session.js";
import { resolved, resolveTeachers } from "./teachers.js";
import { trainMissing } from "./train-missing.js";

/** Finds a run or trains it, and evaluates its best student. */
export async function performRun(
  request: SubjectRequest<RunPlan>,
  place: RunPlace,
  session: Session,
): Promise<RunOutcome> {
  const { scale, places, events, record, ledger, finished } = session;
  const { plan, seed } = request;
  const { clean, robust } = await resolveTeachers(plan, session);
  const references = { clean: clean?.reference ?? null, robust: robust?.reference ?? null };
  const asked = settingsOf(plan, seed, scale, references);
  const inputs = {
    data: record.fingerprint,
    cleanTeacher: clean?.sha256 ?? null,
    robustTeacher: robust?.sha256 ?? null,
  };
  const key = runKey(asked, inputs, record);
  const name = `${plan.method}, seed ${seed}`;
  const found = finished.get(key);
  const folder = found ?? runFolder(places.runsDir, asked, key);
  const doing = found === undefined ? `training ${name} in ${folder}` : `${name} is in ${folder}`;
  events.onMessage(`run ${place.run} of ${place.runs}: ${doing}`);
  if (found === undefined) {
    await trainMissing(folder, asked, name, place, session);
    finished.set(key, folder);
  } else {
    const { train, selection } = imagesOf(asked, record);
    ledger.strike(trainingLooks(asked, train, selection));
  }
  const { settings } = readRun(folder);
  const evaluated = {
    name,
    reference: folder,
    folder,
    sha256: sha256Of(readFileSync(join(folder, RUN_FILES.best))),
    epsilon: settings.evaluationEpsilon,
    batchSize: settings.evaluationBatch,
    images: imagesOf(settings, record).test,
  };
  const wanted = evaluationsOf(request, scale);
  const { evaluations, made } = await evaluateMissing(wanted, evaluated, place, session);
  const paperTeachers = teacherRecipes[scale.paperDataset];
  const used = [
    { teacher: clean, paperNetwork: paperTeachers?.clean.network },
    { teacher: robust, paperNetwork: paperTeachers?.robust.network },
  ].flatMap(({ teacher, paperNetwork = null }) => (teacher ? [{ ...teacher, paperNetwork }] : []));
  return {
    plan,
    seed,
    folder,
    settings,
    evaluations,
    shortfall: shortfallOf(plan, settings, scale, record, used),
    trained: found === undefined,
    evaluated: made,
  };
}

/** Evaluates a teacher, as a run's best student is; its evaluations are kept beside the runs. */
export async function performTeacher(
  request: SubjectRequest<TeacherPlan>,
  place: RunPlace,
  session: Session,
): Promise<Outcome> {
  const { scale, places, record, events } = session;
  const { plan, seed } = request;
  const teacher = resolved(teacherNamed(plan.teacher, scale, places.teachersDir), scale, places);
  const { evaluationEpsilon: epsilon, evaluationBatch: batchSize } = recipe({
    dataset: scale.dataset,
    method: "b-mtard",
    student: scale.student,
  });
  const folder = join(places.runsDir, "teachers", `${teacher.name}-${teacher.sha256.slice(0, 10)}`);
  const name = `${plan.teacher} teacher ${teacher.name}`;
  events.onMessage(`${place.run} of ${place.runs}: ${name}`);
  const evaluated = { ...teacher, name, folder, epsilon, batchSize, images: testImages(scale, record) };
  const wanted = evaluationsOf(request, scale);
  const { evaluations, made } = await evaluateMissing(wanted, evaluated, place, session);
  const paperNetwork = teacherRecipes[scale.paperDataset]?.[plan.teacher].network ?? null;
  return {
    plan,
    seed,
    folder,
    evaluations,
    shortfall: teacherShortfall({ ...teacher, paperNetwork }, scale, evaluated.images),
    trained: false,
    evaluated: made,
  };
}
