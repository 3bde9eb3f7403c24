import { z } from "zod";
import type { AttackId } from "../attacks/attacks.js";
import type { MeasurementKey } from "./key.js";
import { type AttackState, attackStateSchema } from "./state.js";
import { evaluationOf } from "./outcome.js";
import type { Evaluation } from "./summary.js";

/** What the checks of a model found, a sentence each; null before they were made. */
export interface ModelWarnings {
  /** Of its answers alone. */
  answers: readonly string[] | null;
  /** Of its gradients, which attacks by gradient need. */
  gradients: readonly string[] | null;
}

/** What is known under one key, finished or not. */
export interface MeasurementRecord {
  /** Where the model ran and by what. */
  readonly device: string;
  /** The classes of all images. */
  readonly labels: readonly number[];
  /** The classes answered on the first so many images as they are. */
  readonly clean: readonly number[];
  /** How far the attack is; null for the clean accuracy alone. */
  readonly attack: AttackState | null;
  readonly warnings: ModelWarnings;
}

/** How many rounds a key's attack has. */
export function roundCount({ rounds }: MeasurementKey): number {
  return rounds.reduce((sum, { restarts }) => sum + restarts, 0);
}

/** Whether nothing is left to do. */
export function isFinished(key: MeasurementKey, { clean, attack }: MeasurementRecord): boolean {
  return clean.length === key.images && (key.attack === null || attack?.round === roundCount(key));
}

/** All warnings of a record. */
export function warningTexts({ warnings }: MeasurementRecord): string[] {
  return [...(warnings.answers ?? []), ...(warnings.gradients ?? [])];
}

/** The shape of a key's record for a model of so many classes. */
export function recordSchema(key: MeasurementKey, classes: number): z.ZodType<MeasurementRecord> {
  const { images } = key;
  const answer = z
    .int()
    .min(0)
    .max(classes - 1);
  const warnings = z.array(z.string()).nullable();
  return z
    .strictObject({
      device: z.string(),
      labels: z.array(answer).length(images),
      clean: z.array(answer).max(images),
      attack: key.attack === null ? z.null() : attackStateSchema(images, classes, roundCount(key)),
      warnings: z.strictObject({ answers: warnings, gradients: warnings }),
    })
    .refine(
      ({ clean, attack }) => attack === null || clean.length === images,
      "an attack before all images were seen clean",
    );
}

/** What a finished record says. */
export function evaluationOfRecord(key: MeasurementKey, record: MeasurementRecord): Evaluation {
  const { clean, attack, labels } = record;
  const { attack: id } = key;
  const attacks: Partial<Record<AttackId, AttackState>> = id !== null && attack ? { [id]: attack } : {};
  const parts = key.rounds.flatMap((round) => Array<AttackId>(round.restarts).fill(round.attack as AttackId));
  const rounds = new Map(id === null ? [] : [[id, parts]]);
  return evaluationOf({ clean: [...clean], attacks }, rounds, labels);
}
