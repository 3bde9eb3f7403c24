import { datasetIds, ownDatasetIds } from "../data/datasets.js";
import { readStoreRecord, type StoreRecord } from "../data/store.js";
import { InputError, WorkError } from "../errors.js";
import { fileName } from "../evaluation/model-store.js";
import { methods } from "../methods/methods.js";
import { networkIdentity } from "../model/identity.js";
import { teacherIdentity } from "../model/model.js";
import { readStudent, type StudentChoice } from "../model/run-student.js";
import { runKey } from "../reproduction/run-key.js";
import { readRun, type RunDescription } from "../run/run-directory.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import { findTeacher } from "../teacher/reference.js";
import { listTeachers } from "../teacher/store.js";
import type { Measurement, Place } from "./leaderboard-records.js";

/** A model that something was measured of; its identity decides which one it is, whatever it is called and wherever it lies. */
export interface BoardModel {
  /** SHA-256 of everything that decides its answers. */
  readonly identity: string;
  /** A run's path, a teacher's name, or that of the folder of its records. */
  readonly name: string;
  /** What else the same model is called. */
  readonly also: readonly string[];
  /** `replaced` if it was measured under the name of a teacher that is another model now. */
  readonly kind: "student" | "teacher" | "replaced" | "other";
  /** Which of its run's students it is; `replaced` if the run has none of this identity any more. Null of other models. */
  readonly student: StudentChoice | "replaced" | null;
  /** The title of the method that trained it, where its run says so. */
  readonly method: string | null;
  /** The id of its network, where it is known. */
  readonly network: string | null;
  /** The seed of its run. */
  readonly seed: number | null;
  /** The checksum of its run's settings, data and teachers, by which tables find runs; null where these are not here. */
  readonly settings: string | null;
  /** Whether it was trained on its data set alone, from weights that were drawn and without teachers; null where that is not known. */
  readonly ownDataOnly: boolean | null;
}

/** A data set that models were measured on. */
export interface BoardDataset {
  /** SHA-256 of its packed images. */
  readonly data: string;
  /** Null if it is not in the data store, and no run at hand says what it is. */
  readonly id: string | null;
  /** How many test images it has, where it is in the data store. */
  readonly test: number | null;
}

/** The folders in which data sets and teachers are looked up. */
export interface LookupPlaces {
  readonly dataDir: string;
  readonly teachersDir: string;
}

/** The order in which a run's students are read until all that were measured are known: most runs have their best measured alone. */
const CHOICES: readonly StudentChoice[] = ["best", "best-averaged", "last", "last-averaged"];

/**
 * Finds out which models and data sets measurements are of. A run's students are read for that, one after the other, and no engine starts.
 *
 * @param problems What could not be read is added to it, one sentence each.
 */
export async function describeMeasured(
  measurements: readonly Measurement[],
  places: LookupPlaces,
  problems: string[],
): Promise<{ models: BoardModel[]; datasets: BoardDataset[] }> {
  const stores = storesAtHand(places.dataDir);
  const byPlace = new Map<Place, Measurement[]>();
  for (const each of measurements) {
    const known = byPlace.get(each.place);
    if (known) known.push(each);
    else byPlace.set(each.place, [each]);
  }
  const teachers = teachersAtHand(places.teachersDir);
  const ids = new Map<string, string>([...stores].map(([data, { dataset }]) => [data, dataset]));
  const found: BoardModel[] = [];
  for (const [place, ofPlace] of byPlace) {
    const identities = [...new Set(ofPlace.map(({ key }) => key.model))];
    if (place.kind === "run") {
      const run = orProblem(() => readRun(place.folder), problems);
      if (run && !ids.has(run.inputs.data)) ids.set(run.inputs.data, run.settings.dataset);
      found.push(...(await studentsOf(place, run, identities, stores, problems)));
    } else {
      const teacher = teachers.get(place.name) ?? null;
      const now = teacher && orProblem(teacher.identity, problems);
      found.push(
        ...identities.map((identity) => {
          // A teacher that cannot be read may be any of them.
          if (!teacher || now === null) return otherModel(place.name, identity, identities.length);
          return teacherModel(teacher.manifest, identity, identity === now);
        }),
      );
    }
  }
  const datasets = [...new Set(measurements.map(({ key }) => key.data))].map((data) => ({
    data,
    id: ids.get(data) ?? null,
    test: stores.get(data)?.test ?? null,
  }));
  return { models: merged(found), datasets };
}

async function studentsOf(
  place: Place,
  run: RunDescription | null,
  identities: readonly string[],
  stores: ReadonlyMap<string, StoreRecord>,
  problems: string[],
): Promise<BoardModel[]> {
  const students = run === null ? new Map<string, StudentChoice>() : await named(place, identities, problems);
  const facts = run === null ? {} : runFacts(run, stores, problems);
  return identities.map((identity) => ({
    ...UNKNOWN,
    ...facts,
    ...{ identity, name: place.name, kind: "student", student: students.get(identity) ?? "replaced" },
  }));
}

/** Which students of a run have these identities; of others nothing is read that need not be. */
async function named(
  { folder }: Place,
  identities: readonly string[],
  problems: string[],
): Promise<Map<string, StudentChoice>> {
  const students = new Map<string, StudentChoice>();
  for (const choice of CHOICES) {
    if (identities.every((identity) => students.has(identity))) break;
    try {
      const { network, weights } = await readStudent(folder, choice);
      const identity = networkIdentity(network, weights);
      if (!students.has(identity)) students.set(identity, choice);
    } catch (error) {
      // A run without averages, or one that is being trained, has not all of them.
      if (!(error instanceof InputError || error instanceof WorkError)) throw error;
      if (choice === "best") problems.push(error.message);
    }
  }
  return students;
}

/** A model of which nothing but its identity is known. */
export function namelessModel(identity: string): BoardModel {
  return { ...UNKNOWN, identity, name: identity.slice(0, 12), kind: "other" };
}

const UNKNOWN = {
  ...{ also: [], method: null, network: null, seed: null, settings: null },
  ...{ student: null, ownDataOnly: null },
} as const satisfies Partial<BoardModel>;

function runFacts(
  { settings, inputs }: RunDescription,
  stores: ReadonlyMap<string, StoreRecord>,
  problems: string[],
): Partial<BoardModel> {
  const { method, student, seed } = settings;
  const stored = stores.get(inputs.data);
  const isBuiltIn = Object.hasOwn(methods, method);
  const withoutTeachers = inputs.cleanTeacher === null && inputs.robustTeacher === null;
  return {
    method: isBuiltIn ? methods[method as keyof typeof methods].title : method,
    network: student,
    seed,
    settings: stored && isBuiltIn ? orProblem(() => runKey(settings, inputs, stored), problems) : null,
    // What a teacher was trained on, or given weights, is not known here.
    ownDataOnly: withoutTeachers && inputs.init === undefined ? true : null,
  };
}

function otherModel(name: string, identity: string, ofThisName: number): BoardModel {
  // A name that was given to several models, one after the other.
  return { ...UNKNOWN, identity, name: ofThisName === 1 ? name : nameOf(name, identity), kind: "other" };
}

/** A teacher, or, of another identity than it has now, what was measured under its name before. */
function teacherModel({ name, network }: TeacherManifest, identity: string, isCurrent: boolean): BoardModel {
  return isCurrent
    ? { ...UNKNOWN, identity, name, kind: "teacher", network }
    : { ...UNKNOWN, identity, name: nameOf(name, identity), kind: "replaced" };
}

function nameOf(name: string, identity: string): string {
  return `${name} (${identity.slice(0, 8)})`;
}

/** One model for each identity: what is known of it in several places comes together, a run's word first. */
function merged(found: readonly BoardModel[]): BoardModel[] {
  const rank = ({ kind, student }: BoardModel): number =>
    kind === "student" ? (student === "replaced" ? 2 : 0) : kind === "teacher" ? 1 : 3;
  const sorted = [...found].sort((one, other) => rank(one) - rank(other));
  const models = new Map<string, BoardModel>();
  for (const model of sorted) {
    const known = models.get(model.identity);
    const isSame = known && (known.name === model.name || known.also.includes(model.name));
    if (!known) models.set(model.identity, model);
    else if (!isSame) models.set(model.identity, { ...known, also: [...known.also, model.name] });
  }
  return [...models.values()];
}

/** The packed data sets by the checksum of their images. */
function storesAtHand(dataDir: string): Map<string, StoreRecord> {
  const ids = [...datasetIds, ...ownDatasetIds(dataDir)];
  const records = ids.flatMap((id) => orProblem(() => readStoreRecord(id, dataDir), []) ?? []);
  return new Map(records.map((record) => [record.fingerprint, record]));
}

interface TeacherAtHand {
  readonly manifest: TeacherManifest;
  /** Reads the model's files. @throws As {@link loadTeacher}. */
  readonly identity: () => string;
}

/** The teachers by the names of the folders in which their measurements are kept. */
function teachersAtHand(teachersDir: string): Map<string, TeacherAtHand> {
  return new Map(
    listTeachers(teachersDir).flatMap((each) => {
      if (!("manifest" in each)) return [];
      const { name, manifest } = each;
      const identity = (): string => teacherIdentity(findTeacher(name, teachersDir));
      return [[fileName(manifest.name), { manifest, identity }] as const];
    }),
  );
}

function orProblem<T>(read: () => T, problems: string[]): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError || error instanceof WorkError)) throw error;
    problems.push(error.message);
    return null;
  }
}
