import type { AttackId } from "../attacks/attacks.js";
import { teacherRoles, type TeacherRole } from "../methods/method.js";
import { openModelStore } from "../evaluation/model-store.js";
import { openModel } from "../model/model.js";
import type { ModelReference } from "../model/reference.js";
import type { StudentChoice } from "../model/run-student.js";
import { plainRun, type RunPlan, type TeacherPlan } from "../paper/plan.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { readRun } from "../run/run-directory.js";
import { trainingLooks } from "./ledger.js";
import { measureMissing, type Subject } from "./measure-missing.js";
import { runKey } from "./run-key.js";
import {
  evaluationsOf,
  type Outcome,
  type RunOutcome,
  subjectId,
  type SubjectRequest,
} from "./run-request.js";
import { runFolder } from "./run-store.js";
import { settingsOf, teacherNamed } from "./scale.js";
import { imagesOf, testImages, type ResolvedTeacher, type RunPlace, type Session } from "./session.js";
import { shortfallOf, teacherShortfall, usedTeacher } from "./shortfall.js";
import { resolved, resolveTeachers, teachersAtHand } from "./teachers.js";
import { trainMissing } from "./train-missing.js";

/** Finds a run or trains it, and measures its student. */
export async function performRun(
  request: SubjectRequest<RunPlan>,
  place: RunPlace,
  session: Session,
): Promise<RunOutcome> {
  const { scale, record } = session;
  const { plan, seed, checkpoint } = request;
  const teachers = await resolveTeachers(plan, session);
  const which = checkpoint === undefined || checkpoint === "best" ? "" : `, ${checkpoint}`;
  const name = `${plan.method}, seed ${seed}${which}`;
  const { folder, trained } = await foundOrTrained(request, name, teachers, place, session);
  const { settings } = readRun(folder);
  const wanted = evaluationsOf(request, scale);
  const measured =
    wanted.length === 0
      ? { evaluations: new Map(), warnings: [], measured: 0 }
      : await measureSubject(wanted, { reference: { kind: "run", folder }, checkpoint }, place, session, {
          name,
          epsilon: settings.evaluationEpsilon,
          batchSize: settings.evaluationBatch,
          images: imagesOf(settings, record).test,
        });
  const used = teacherRoles.flatMap((role) => {
    const teacher = teachers[role];
    return teacher ? [usedTeacher(teacher, role, plan.teachers[role], scale)] : [];
  });
  return {
    plan,
    seed,
    checkpoint,
    ...measured,
    folder,
    settings,
    shortfall: shortfallOf(plan, settings, scale, record, used),
    trained,
  };
}

/** Finds a finished run or trains it, and returns its folder and whether it was trained now. */
async function foundOrTrained(
  request: SubjectRequest<RunPlan>,
  name: string,
  teachers: TeachersOfRun,
  place: RunPlace,
  session: Session,
): Promise<{ folder: string; trained: boolean }> {
  const { places, events, record, ledger, finished, withoutTraining } = session;
  const { asked, key } = runOf(request, teachers, session);
  const found = finished.get(key);
  const folder = found ?? runFolder(places.runsDir, asked, key);
  const doing = found === undefined ? `training ${name} in ${folder}` : `${name} is in ${folder}`;
  events.onMessage(`run ${place.run} of ${place.runs}: ${doing}`);
  if (found === undefined) {
    await trainMissing(folder, asked, name, place, session);
    finished.set(key, folder);
  } else if (!withoutTraining.has(subjectId(request))) {
    const { train, selection } = imagesOf(asked, record);
    ledger.strike(trainingLooks(asked, train, selection));
  }
  return { folder, trained: found === undefined };
}

type TeachersOfRun = Readonly<Record<TeacherRole, ResolvedTeacher | null>>;

/** The settings of a run that is asked for, and its key. */
function runOf(
  { plan, seed }: SubjectRequest<RunPlan>,
  { clean, robust }: TeachersOfRun,
  { scale, record, init }: Session,
): { asked: TrainingSettings; key: string } {
  const asked = settingsOf(plan, seed, scale, { clean: clean?.named ?? null, robust: robust?.named ?? null });
  const inputs = {
    data: record.fingerprint,
    cleanTeacher: clean?.sha256 ?? null,
    robustTeacher: robust?.sha256 ?? null,
    ...(init ? { init } : {}),
  };
  return { asked, key: runKey(asked, inputs, record) };
}

/** Whether a run is finished already, as far as that can be told before anything is trained. */
export function isTrained(request: SubjectRequest<RunPlan>, session: Session): boolean {
  const teachers = teachersAtHand(request.plan, session);
  return teachers !== null && session.finished.has(runOf(request, teachers, session).key);
}

/** Measures a teacher in the same way as a run's best student. */
export async function performTeacher(
  request: SubjectRequest<TeacherPlan>,
  place: RunPlace,
  session: Session,
): Promise<Outcome> {
  const { scale, places, record, events } = session;
  const { plan, seed } = request;
  const teacher = resolved(teacherNamed(plan.teacher, scale, places.teachersDir), session);
  const settings = settingsOf(plainRun("b-mtard"), seed, scale, { clean: null, robust: null });
  const name = `${plan.teacher} teacher ${teacher.name}`;
  events.onMessage(`${place.run} of ${place.runs}: ${name}`);
  const images = testImages(scale, record);
  const wanted = evaluationsOf(request, scale);
  const about = {
    name,
    epsilon: settings.evaluationEpsilon,
    batchSize: settings.evaluationBatch,
    images,
  };
  const measured = await measureSubject(wanted, { reference: teacher.reference }, place, session, about);
  return {
    plan,
    seed,
    ...measured,
    shortfall: teacherShortfall(usedTeacher(teacher, plan.teacher, "first", scale), scale, images),
    trained: false,
  };
}

/** Measures a model under each of the attacks. */
async function measureSubject(
  wanted: readonly (AttackId | null)[],
  { reference, checkpoint }: { reference: ModelReference; checkpoint?: StudentChoice | undefined },
  place: RunPlace,
  session: Session,
  about: Omit<Subject, "model">,
): Promise<Pick<Outcome, "folder" | "evaluations" | "warnings" | "measured">> {
  const { places, events, shape } = session;
  const model = await openModel(reference, { dataset: shape, checkpoint, device: places.device });
  try {
    const subject = { ...about, model };
    const store = openModelStore(model, places.runsDir, (text) => events.onMessage(text));
    const { evaluations, warnings, made } = await measureMissing(wanted, subject, store, place, session);
    return { folder: store.folder, evaluations, warnings, measured: made };
  } finally {
    model.dispose();
  }
}
