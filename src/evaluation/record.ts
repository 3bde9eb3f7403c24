import { z } from "zod";
import type { AttackId } from "../attacks/attacks.js";
import { checkNaN } from "./checks.js";
import type { MeasurementKey } from "./key.js";
import { numberList } from "./number-list.js";
import { type AttackState, attackStateSchema, isAttacked, WITHSTOOD } from "./state.js";
import { mostDistance } from "./verify.js";
import { evaluationOf } from "./outcome.js";
import type { Evaluation } from "./summary.js";

/** What the checks of a model found, one sentence each; null until a check is made. */
export interface ModelWarnings {
  /** About its answers. */
  answers: readonly string[] | null;
  /** About its gradients, which gradient attacks need. */
  gradients: readonly string[] | null;
}

/** What was measured under one key, finished or not. */
export interface MeasurementRecord {
  /** The device and engine the model ran on. */
  readonly device: string;
  /** The true classes of all images. */
  readonly labels: readonly number[];
  /** The classes answered on the clean images seen so far. */
  readonly clean: readonly number[];
  /** How far the attack has got; null for the clean accuracy alone. */
  readonly attack: AttackState | null;
  /** The name of the file with this attack's adversarial images, if they are kept; no other file has the images of this record. */
  readonly images: string | null;
  readonly warnings: ModelWarnings;
}

/** How many rounds a key's attack has. */
export function roundCount({ rounds }: MeasurementKey): number {
  return rounds.reduce((sum, { restarts }) => sum + restarts, 0);
}

/** Whether nothing is left to measure. */
export function isFinished(key: MeasurementKey, { clean, attack }: MeasurementRecord): boolean {
  return clean.length === key.images && (key.attack === null || attack?.round === roundCount(key));
}

/** All warnings of a record. */
export function warningTexts({ warnings, attack, clean, labels }: MeasurementRecord): string[] {
  const attacked = clean.filter(
    (answer, image) => attack && isAttacked(attack, image, answer, labels[image]),
  );
  return [...(warnings.answers ?? []), ...(warnings.gradients ?? []), ...checkNaN([attack], attacked.length)];
}

/** Making a schema takes longer than checking a record with it, so those of the latest kinds of records are kept. */
const schemas = new Map<string, z.ZodType<MeasurementRecord>>();
const MOST_SCHEMAS = 64;

/** The schema of a key's record for a model with `classes` classes. */
export function recordSchema(key: MeasurementKey, classes: number): z.ZodType<MeasurementRecord> {
  // Records of other models, data and seeds look alike.
  const kind = JSON.stringify([{ ...key, model: "", data: "", seed: null, surrogate: null }, classes]);
  const known = schemas.get(kind);
  if (known) return known;
  const schema = newRecordSchema(key, classes);
  if (schemas.size >= MOST_SCHEMAS) schemas.clear();
  schemas.set(kind, schema);
  return schema;
}

function newRecordSchema(key: MeasurementKey, classes: number): z.ZodType<MeasurementRecord> {
  const { images } = key;
  const answers = { minimum: 0, maximum: classes - 1, whole: true };
  const warnings = z.array(z.string()).nullable();
  return z
    .strictObject({
      device: z.string(),
      labels: numberList(images, answers, { exactly: true }),
      clean: numberList(images, answers),
      attack: key.attack === null ? z.null() : attackStateSchema(images, classes, roundCount(key), key.norm),
      images: z
        .string()
        .regex(/^[0-9a-f]{16}$/)
        .nullable()
        .default(null),
      warnings: z.strictObject({ answers: warnings, gradients: warnings }),
    })
    .refine(
      ({ clean, attack }) => attack === null || clean.length === images,
      "an attack before all images were seen clean",
    )
    .refine(
      (record) => record.labels.every((_, index) => isPossible(key, record, index)),
      "an image whose answers contradict each other",
    );
}

/** A record does not say how large its images are: 512 x 512 pixels of three channels leave room for all. */
const LARGEST_IMAGE = 512 * 512 * 3;

/**
 * Whether what a record says of an image agrees with itself: only an image that was attacked is fooled, within epsilon; what withstood
 * has the answer it had, or where all are attacked the right one.
 */
function isPossible(key: MeasurementKey, record: MeasurementRecord, image: number): boolean {
  const { labels, clean, attack } = record;
  if (!attack) return true;
  const changes = key.norm === "l2" ? attack.l2 : attack.linf;
  const [label, answer, change = Infinity] = [labels[image], attack.answers[image], changes?.[image]];
  const most = mostDistance({ norm: key.norm, epsilon: key.epsilon ?? 0 }, LARGEST_IMAGE);
  const all = key.wrongWhenClean === "final-answer";
  if (attack.fooledIn[image] !== WITHSTOOD)
    return (all || clean[image] === label) && answer !== label && change <= most;
  const isRight = all && answer === label;
  const isUnchanged = answer === clean[image] && !(all && isFinished(key, record));
  return (isRight || isUnchanged) && change === 0;
}

/** Turns a finished record into an evaluation. */
export function evaluationOfRecord(key: MeasurementKey, record: MeasurementRecord): Evaluation {
  const { clean, attack, labels } = record;
  const { attack: id } = key;
  const attacks: Partial<Record<AttackId, AttackState>> = id !== null && attack ? { [id]: attack } : {};
  const parts = key.rounds.flatMap((round) => Array<AttackId>(round.restarts).fill(round.attack as AttackId));
  const rounds = new Map(id === null ? [] : [[id, parts]]);
  return evaluationOf({ clean: [...clean], attacks }, rounds, labels);
}
