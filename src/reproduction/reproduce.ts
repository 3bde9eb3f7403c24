import { prepareDataset } from "../data/prepare.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { openDataset, readStoreRecord, type Dataset, type StoreRecord } from "../data/store.js";
import { InputError } from "../errors.js";
import type { AttackChanges } from "../evaluation/settings.js";
import { createNetwork } from "../networks/networks.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { InitialWeights } from "../run/run-directory.js";
import { Random } from "../runtime/random.js";
import { initialStudent } from "../training/initial-student.js";
import { openLock, workingLock } from "../files/lock.js";
import { openModel, type Model } from "../model/model.js";
import { evaluationCost, openLedger, trainingLooks } from "./ledger.js";
import { isTrained, performRun, performTeacher } from "./perform.js";
import { settingsOf, surrogateOf, type Scale } from "./scale.js";
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
import { resolved, standIns } from "./teachers.js";

/**
 * Finds the finished runs, trains the missing ones one after the other, and evaluates their best students and the teachers asked for.
 * What is on the disk already is not done again.
 *
 * @throws {InputError} if data or teachers are missing, before anything is trained.
 * @throws {WorkError} if another process is working in the same folder of runs.
 * @throws {Stopped} when asked to stop.
 */
export async function reproduce(
  requests: readonly SubjectRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
  attackChanges: AttackChanges = {},
): Promise<Outcome[]> {
  const record = await storeRecord(scale, places, events);
  const shape = classifierShape(findDataset(scale.dataset, places.dataDir));
  const init = await initialWeightsOf(scale, shape, places);
  const session = openSession({ scale, places, events, record, shape, init, attackChanges });
  const tasks: SubjectRequest[] = [...standIns(requests, session), ...requests];
  const runs = new Set<string>();
  for (const task of tasks) {
    const { plan, seed } = task;
    const run = subjectId({ plan, seed });
    if (!isTeacherPlan(plan) && (runs.has(run) || isTrained({ ...task, plan }, session)))
      session.withoutTraining.add(subjectId(task));
    runs.add(run);
    session.ledger.expect(looksOfTask(task, session));
  }
  try {
    for (const [index, { plan, ...task }] of tasks.entries()) {
      const place = { run: index + 1, runs: tasks.length };
      const outcome = isTeacherPlan(plan)
        ? await performTeacher({ ...task, plan }, place, session)
        : await performRun({ ...task, plan }, place, session);
      session.outcomes.set(subjectId(outcome), outcome);
    }
  } finally {
    session.close();
  }
  return requests.map((request) => {
    const outcome = session.outcomes.get(subjectId(request));
    if (!outcome) throw new Error("a run was not made");
    return outcome;
  });
}

/** Does the same as `reproduce` when only runs are asked for. */
export async function reproduceRuns(
  requests: readonly RunRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
): Promise<RunOutcome[]> {
  return (await reproduce(requests, scale, places, events)).filter(isRun);
}

/** Opens what all the work of one call shares. */
function openSession(
  given: Pick<Session, "scale" | "places" | "events" | "record" | "shape" | "init" | "attackChanges">,
): Session & { close(): void } {
  const { scale, places, shape } = given;
  const lock = openLock(workingLock(places.runsDir), {
    busy: `another mtard is working in ${places.runsDir}`,
    ...LOCK_RULE,
  });
  let dataset: Dataset | undefined;
  let surrogate: Promise<Model> | undefined;
  let loaded: Model | undefined;
  const session: Session = {
    ...given,
    lock,
    finished: finishedRuns(places.runsDir, places.dataDir),
    ledger: openLedger(),
    withoutTraining: new Set(),
    outcomes: new Map(),
    teachers: new Map(),
    dataset: () => (dataset ??= openDataset(scale.dataset, places.dataDir)),
    async surrogate() {
      const { reference } = resolved(surrogateOf(scale, places.teachersDir), session);
      surrogate ??= openModel(reference, { dataset: shape, device: places.device });
      return (loaded = await surrogate);
    },
  };
  return {
    ...session,
    close() {
      loaded?.dispose();
      lock.release();
    },
  };
}

const LOCK_RULE = {
  once: "one table, figure or study at a time in a folder of runs",
  instead: "another folder with --runs-dir",
};

/** @throws {InputError} if what students shall start from is not there, or is of another network. */
async function initialWeightsOf(
  { init, student }: Scale,
  shape: ClassifierShape,
  { teachersDir }: Places,
): Promise<InitialWeights | null> {
  if (init === null) return null;
  // All of the weights are taken, so nothing is drawn.
  const random = Random.fromSeed(0);
  const { origin } = await initialStudent(createNetwork(student, shape), { from: init }, teachersDir, random);
  return origin;
}

async function storeRecord(
  { dataset }: Scale,
  { dataDir }: Places,
  events: WorkEvents,
): Promise<StoreRecord> {
  const onWait = (holder: string): void =>
    events.onMessage(`waiting for another mtard that is packing the data (${holder})`);
  if (dataset === "demo") await prepareDataset("demo", dataDir, { onWait });
  const record = readStoreRecord(dataset, dataDir);
  if (record) return record;
  throw new InputError(`data set ${dataset} is not there yet`, {
    expected: `it in ${dataDir}`,
    fix: `mtard data ${dataset}`,
  });
}

function looksOfTask(
  request: SubjectRequest,
  { scale, record, attackChanges, withoutTraining }: Session,
): number {
  const { plan, seed } = request;
  const evaluating = evaluationsOf(request, scale).map((attack) => {
    if (attack === null) return testImages(scale, record);
    const images = Math.min(scale.imagesOf(attack) ?? Infinity, testImages(scale, record));
    return evaluationCost(attack, attackChanges[attack]) * images;
  });
  const looks = evaluating.reduce((sum, each) => sum + each, 0);
  if (isTeacherPlan(plan) || withoutTraining.has(subjectId(request))) return looks;
  const settings = settingsOf(plan, seed, scale, { clean: null, robust: null });
  const { train, selection } = imagesOf(settings, record);
  return looks + trainingLooks(settings, train, selection);
}
