import { prepareDataset } from "../data/prepare.js";
import { readStoreRecord, type StoreRecord } from "../data/store.js";
import { InputError } from "../errors.js";
import { teacherRecipes } from "../recipes/teachers.js";
import { openLock } from "../runtime/lock.js";
import { readRun } from "../training/run-directory.js";
import { evaluateMissing } from "./evaluate-missing.js";
import { evaluationCost, openLedger, trainingPasses } from "./ledger.js";
import { settingsOf, type Scale } from "./plan/scale.js";
import { shortfallOf } from "./plan/shortfall.js";
import { runKey } from "./run-key.js";
import { evaluationsOf, runId, type RunOutcome, type RunRequest } from "./run-request.js";
import { finishedRuns, runFolder } from "./run-store.js";
import { imagesOf, type Places, type RunPlace, type Session, type WorkEvents } from "./session.js";
import { resolveTeachers, standIns } from "./teachers.js";
import { trainMissing } from "./train-missing.js";

/**
 * Finds the finished runs, trains those that are missing, one after the other, and evaluates their best students; what is on the
 * disk already is not done again.
 *
 * @throws {InputError} if data or teachers are missing, before anything is trained.
 * @throws {WorkError} if another process is doing the same.
 * @throws {Stopped} when asked to stop.
 */
export async function reproduce(
  requests: readonly RunRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
): Promise<RunOutcome[]> {
  const record = await storeRecord(scale, places);
  const tasks = [...standIns(requests, scale, places), ...requests];
  const session: Session = {
    scale,
    places,
    events,
    record,
    finished: finishedRuns(places.runsDir, places.dataDir),
    ledger: openLedger(tasks.reduce((sum, task) => sum + passesOf(task, scale, record), 0)),
    lock: openLock(places.runsDir, LOCK),
    outcomes: new Map(),
  };
  try {
    for (const [index, task] of tasks.entries()) {
      const outcome = await perform(task, { run: index + 1, runs: tasks.length }, session);
      session.outcomes.set(runId(task), outcome);
    }
  } finally {
    session.lock.release();
  }
  return requests.map((request) => {
    const outcome = session.outcomes.get(runId(request));
    if (!outcome) throw new Error("a run was not made");
    return outcome;
  });
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

function passesOf(request: RunRequest, scale: Scale, record: StoreRecord): number {
  const settings = settingsOf(request.plan, request.seed, scale, { clean: null, robust: null });
  const { train, selection, test } = imagesOf(settings, record);
  const evaluating = evaluationsOf(request).map((attack) => evaluationCost(attack) * test);
  return evaluating.reduce((sum, passes) => sum + passes, trainingPasses(settings, train, selection));
}

async function perform(request: RunRequest, place: RunPlace, session: Session): Promise<RunOutcome> {
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
    ledger.strike(trainingPasses(asked, train, selection));
  }
  const { settings } = readRun(folder);
  const { evaluations, made } = await evaluateMissing(
    evaluationsOf(request),
    folder,
    settings,
    name,
    place,
    session,
  );
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
