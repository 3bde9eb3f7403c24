import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readStoreRecord } from "../data/store.js";
import { InputError, WorkError } from "../errors.js";
import { keySchema } from "../evaluation/key.js";
import { attackedIn } from "../evaluation/state.js";
import { MEASUREMENTS_FOLDER } from "../evaluation/store.js";
import { readTextFile } from "../files/read-text.js";
import type { NetworkShape } from "../graph/network.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import type { Device } from "../runtime/device.js";
import { teacherSha256 } from "../teacher/load.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import { listTeachers } from "../teacher/store.js";
import { roundPasses } from "./operations.js";
import { type Pace, paceOf } from "./pace.js";
import { imagesOf, type Places } from "./session.js";

/** A teacher, as far as its cost is concerned. */
export interface TeacherWork {
  readonly sha256: string;
  /** The id of its network, or null for a foreign graph. */
  readonly network: string | null;
}

/** A run that was trained to its end, and how fast. */
export interface PastTraining extends Pace {
  readonly settings: TrainingSettings;
  readonly shape: NetworkShape;
  readonly teachers: { readonly clean: TeacherWork | null; readonly robust: TeacherWork | null };
  readonly device: Device;
  /** How many images an epoch had, and each of its own evaluations. */
  readonly images: { readonly train: number; readonly selection: number };
}

/** An attack that was measured to its end, and how fast. */
export interface PastAttack {
  readonly subject: "student" | "teacher";
  readonly network: string;
  readonly shape: NetworkShape;
  readonly attack: string;
  readonly device: Device;
  /** Passes that it made, over all images. */
  readonly passes: number;
  readonly seconds: number;
}

/** What finished work in a folder of runs took. */
export interface PastWork {
  readonly trainings: readonly PastTraining[];
  readonly attacks: readonly PastAttack[];
}

/** A run does not say what it was trained on, its evaluations do: one that was measured on several devices, or on none, is left out. */
export function readPastWork({
  runsDir,
  dataDir,
  teachersDir,
}: Pick<Places, "runsDir" | "dataDir" | "teachersDir">): PastWork {
  const teachers = teachersAtHand(teachersDir);
  const networks = networksOf(teachers);
  const teacherOf = (sha256: string | null): TeacherWork | null =>
    sha256 === null ? null : { sha256, network: networks.get(sha256) ?? null };
  const trainings: PastTraining[] = [];
  const attacks: PastAttack[] = [];
  for (const folder of foldersIn(runsDir)) {
    const run = runIn(folder);
    if (run === null) continue;
    const { settings, inputs } = run;
    const { shape } = inputs;
    if (!shape) continue;
    const measured = attacksIn(join(folder, MEASUREMENTS_FOLDER));
    const facts = { subject: "student", network: settings.student, shape } as const;
    attacks.push(...measured.map((attack) => ({ ...facts, ...attack })));
    const [device, ...others] = new Set(measured.map((attack) => attack.device));
    const stored = readStoreRecord(settings.dataset, dataDir);
    if (device === undefined || others.length > 0 || stored === null) continue;
    // Its students are not read: they need not be whole for this.
    if (!existsSync(join(folder, RUN_FILES.summary))) continue;
    const pace = paceOf(tailOf(join(folder, RUN_FILES.metrics)));
    if (pace === null) continue;
    const [clean, robust] = [teacherOf(inputs.cleanTeacher), teacherOf(inputs.robustTeacher)];
    const images = imagesOf(settings, stored);
    trainings.push({ settings, shape, teachers: { clean, robust }, device, images, ...pace });
  }
  for (const { name, network, image, classes } of teachers) {
    if (network === null) continue;
    const facts = { subject: "teacher", network, shape: { image, classes } } as const;
    attacks.push(
      ...attacksIn(join(runsDir, MEASUREMENTS_FOLDER, name)).map((attack) => ({ ...facts, ...attack })),
    );
  }
  return { trainings, attacks };
}

/** The networks of teachers by the SHA-256 of their models; null for a foreign graph. */
export function networksOf(teachers: readonly TeacherManifest[]): Map<string, string | null> {
  return new Map(teachers.map((manifest) => [teacherSha256(manifest), manifest.network]));
}

/** The usable teachers of all data sets. */
export function teachersAtHand(teachersDir: string): TeacherManifest[] {
  return listTeachers(teachersDir).flatMap((each) => ("manifest" in each ? [each.manifest] : []));
}

function foldersIn(runsDir: string): string[] {
  if (!existsSync(runsDir)) return [];
  return readdirSync(runsDir)
    .sort()
    .map((name) => join(runsDir, name))
    .filter((folder) => existsSync(join(folder, RUN_FILES.settings)));
}

/** What cannot be read is no measure of anything, and whoever needs the run says so. */
function runIn(folder: string): ReturnType<typeof readRun> | null {
  return unlessUnreadable(() => readRun(folder));
}

const recordSchema = z.object({
  key: keySchema,
  record: z.object({
    device: z.string(),
    labels: z.array(z.int()),
    clean: z.array(z.int()),
    attack: z
      .object({ round: z.int(), fooledIn: z.array(z.int()), seconds: z.number().nonnegative() })
      .nullable(),
  }),
});

/** A record takes a few numbers per image. */
const MOST_BYTES = 2 ** 28;

type AttackTimes = Pick<PastAttack, "attack" | "device" | "passes" | "seconds">;

function attacksIn(folder: string): AttackTimes[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const text = unlessUnreadable(() => readTextFile(join(folder, name), MOST_BYTES));
      return (text === null ? null : attackOf(text)) ?? [];
    });
}

/** What an attack took, as its record says; null if it is not finished, or no record. */
function attackOf(text: string): AttackTimes | null {
  const parsed = recordSchema.safeParse(parsedJson(text));
  if (!parsed.success || parsed.data.record.attack === null || parsed.data.key.attack === null) return null;
  const { key, record } = parsed.data;
  const { attack, clean, labels } = record;
  const rounds = key.rounds.flatMap((round) => Array<typeof round>(round.restarts).fill(round));
  if (attack === null || attack.round < rounds.length) return null;
  const wrongWhenClean = key.wrongWhenClean ?? "not-robust";
  const passes = rounds
    .map(
      (round, index) => attackedIn(index, attack, clean, labels, wrongWhenClean).length * roundPasses(round),
    )
    .reduce((sum, each) => sum + each, 0);
  const device = record.device.startsWith("cuda") ? "cuda" : "cpu";
  return { attack: key.attack ?? "", device, passes, seconds: attack.seconds };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unlessUnreadable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError || error instanceof WorkError) return null;
    throw error;
  }
}

/** Some five hundred steps, and the evaluation at the end: enough for a pace, and little of a file that has a hundred thousand. */
const TAIL_BYTES = 2 ** 18;

/** The last lines of a file, whole; empty if it cannot be read. */
function tailOf(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      const start = Math.max(0, size - TAIL_BYTES);
      const bytes = Buffer.alloc(size - start);
      readSync(file, bytes, 0, bytes.length, start);
      const text = bytes.toString("utf8");
      return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
