import { prepareDataset } from "../data/prepare.js";
import { readStoreRecord, type StoreRecord } from "../data/store.js";
import { InputError } from "../errors.js";
import type { AttackChanges } from "../evaluation/settings.js";
import { openLock } from "../files/lock.js";
import { evaluationCost, openLedger, trainingLooks } from "./ledger.js";
import { performRun, performTeacher } from "./perform.js";
import { settingsOf, type Scale } from "./scale.js";
import {
  evaluationsOf,
  isRun,
  isTeacherPlan,
  subjectId,
  type Outcome,
  type RunOutcome,
  type RunRequest,
  type SubjectRequest,
} from "./run-request.js";
import { finishedRuns } from "./run-store.js";
import { imagesOf, testImages, type Places, type Session, type WorkEvents } from "./session.js";
import { standIns } from "./teachers.js";

/**
 * Finds the finished runs, trains those that are missing, one after the other, and evaluates their best students, and the teachers
 * that are asked for; what is on the disk already is not done again.
 *
 * @throws {InputError} if data or teachers are missing, before anything is trained.
 * @throws {WorkError} if another process is doing the same.
 * @throws {Stopped} when asked to stop.
 */
export async function reproduce(
  requests: readonly SubjectRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
  attackChanges: AttackChanges = {},
): Promise<Outcome[]> {
  const record = await storeRecord(scale, places);
  const tasks: SubjectRequest[] = [...standIns(requests, scale, places), ...requests];
  const session: Session = {
    scale,
    places,
    events,
    record,
    attackChanges,
    finished: finishedRuns(places.runsDir, places.dataDir),
    ledger: openLedger(tasks.reduce((sum, task) => sum + looksOfTask(task, scale, record, attackChanges), 0)),
    lock: openLock(places.runsDir, LOCK),
    outcomes: new Map(),
  };
  try {
    for (const [index, { plan, ...task }] of tasks.entries()) {
      const place = { run: index + 1, runs: tasks.length };
      const outcome = isTeacherPlan(plan)
        ? await performTeacher({ ...task, plan }, place, session)
        : await performRun({ ...task, plan }, place, session);
      session.outcomes.set(subjectId(outcome), outcome);
    }
  } finally {
    session.lock.release();
  }
  return requests.map((request) => {
    const outcome = session.outcomes.get(subjectId(request));
    if (!outcome) throw new Error("a run was not made");
    return outcome;
  });
}

/** `reproduce` where only runs are asked for. */
export async function reproduceRuns(
  requests: readonly RunRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
): Promise<RunOutcome[]> {
  return (await reproduce(requests, scale, places, events)).filter(isRun);
}

const LOCK = {
  once: "one table or figure at a time in a folder of runs",
  instead: "another folder with --runs-dir",
};

async function storeRecord({ dataset }: Scale, { dataDir }: Places): Promise<StoreRecord> {
  if (dataset === "demo") await prepareDataset("demo", dataDir);
  const record = readStoreRecord(dataset, dataDir);
  if (record) return record;
  throw new InputError(`data set ${dataset} is not there yet`, {
    expected: `it in ${dataDir}`,
    fix: `mtard data ${dataset}`,
  });
}

function looksOfTask(
  request: SubjectRequest,
  scale: Scale,
  record: StoreRecord,
  attackChanges: AttackChanges,
): number {
  const { plan, seed } = request;
  const evaluating = evaluationsOf(request, scale).map((attack) => {
    if (attack === null) return testImages(scale, record);
    const images = Math.min(scale.imagesOf(attack) ?? Infinity, testImages(scale, record));
    return evaluationCost(attack, attackChanges[attack]) * images;
  });
  const looks = evaluating.reduce((sum, each) => sum + each, 0);
  if (isTeacherPlan(plan)) return looks;
  const settings = settingsOf(plan, seed, scale, { clean: null, robust: null });
  const { train, selection } = imagesOf(settings, record);
  return looks + trainingLooks(settings, train, selection);
}
