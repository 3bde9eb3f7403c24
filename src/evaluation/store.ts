import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { z } from "zod";
import type { AttackSettings } from "../attacks/attack.js";
import { attackIds, isTransfer, type AttackId } from "../attacks/attacks.js";
import type { AttackChanges } from "./settings.js";
import { summarize, type Evaluation, type ExampleOutcome } from "./summary.js";
import { writeFileAtomically } from "../files/atomic.js";

/** What decides the outcome of an evaluation of a run's best student. */
export interface EvaluationKey {
  /** Null is no attack: the clean accuracy alone. */
  readonly attack: AttackId | null;
  readonly epsilon: number;
  readonly seed: number;
  readonly batchSize: number;
  /** The first so many test images. */
  readonly images: number;
  /** SHA-256 of the data set's store and of the student's file. */
  readonly data: string;
  readonly student: string;
  /** What the attack has other than its defaults; absent if nothing. */
  readonly changes?: Readonly<Partial<AttackSettings>> | undefined;
  /** Of a transfer attack: the SHA-256 of the classifier it is made on. */
  readonly surrogate?: string | undefined;
}

const count = z.int().nonnegative();

const keySchema = z.object({
  attack: z.enum(attackIds).nullable(),
  epsilon: z.number(),
  seed: count,
  batchSize: count,
  images: count,
  data: z.string(),
  student: z.string(),
  changes: z.record(z.string(), z.number()).optional(),
  surrogate: z.string().optional(),
});

const fileSchema = z.object({
  perExample: z.array(
    z.object({
      index: count,
      label: count,
      clean: count,
      attacks: z.record(z.string(), count),
      fooledBy: z.record(z.string(), z.string()).optional(),
      queries: z.record(z.string(), count).optional(),
      linf: z.record(z.string(), z.number()).optional(),
    }),
  ),
});

/** The evaluation kept in a run's folder, or null if there is none or it cannot be read: it is made again then. */
export function readEvaluation(folder: string, key: EvaluationKey): Evaluation | null {
  const path = evaluationFile(folder, key);
  if (!existsSync(path)) return null;
  try {
    const content = fileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    const perExample = content.perExample as readonly ExampleOutcome[];
    const whole = perExample.every(
      ({ index, attacks }, at) => index === at && (key.attack === null || key.attack in attacks),
    );
    if (perExample.length !== key.images || !whole) return null;
    return { ...summarize(perExample, key.attack === null ? [] : [key.attack]), perExample };
  } catch {
    return null;
  }
}

/** Every evaluation that is kept in a run's folder and is of the student's file there now. */
export function keptEvaluations(folder: string, student: string): Evaluation[] {
  const evaluations = join(folder, "evaluations");
  if (!existsSync(evaluations)) return [];
  return readdirSync(evaluations)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) => {
      const key = readKey(join(evaluations, name));
      const evaluation = key?.student === student ? readEvaluation(folder, key) : null;
      return evaluation ? [evaluation] : [];
    });
}

function readKey(path: string): EvaluationKey | null {
  try {
    return keySchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}

/** Keeps an evaluation in a run's folder: what it was of, its counts, and what each image was taken for. */
export function writeEvaluation(folder: string, key: EvaluationKey, evaluation: Evaluation): void {
  writeFileAtomically(evaluationFile(folder, key), `${JSON.stringify({ ...key, ...evaluation })}\n`);
}

/** Keeps an evaluation with several attacks, or none, as one an attack: where tables and the run's page find them. */
export function keepByAttack(
  folder: string,
  key: Omit<EvaluationKey, "attack" | "changes" | "surrogate">,
  { evaluation, changes, surrogate }: AttacksTogether,
): void {
  const { perExample } = evaluation;
  const attacks = Object.keys(evaluation.attacks) as AttackId[];
  for (const attack of attacks.length === 0 ? [null] : attacks) {
    const own = perExample.map((example) => ofAttack(example, attack));
    const changed = attack === null ? undefined : changes[attack];
    const whole = {
      ...key,
      attack,
      ...(changed && Object.keys(changed).length > 0 ? { changes: changed } : {}),
      ...(attack !== null && isTransfer(attack) && surrogate !== null ? { surrogate } : {}),
    };
    writeEvaluation(folder, whole, {
      ...summarize(own, attack === null ? [] : [attack]),
      perExample: own,
    });
  }
}

/** An evaluation with what its attacks have other than their defaults and what transfer attacks were made on. */
export interface AttacksTogether {
  readonly evaluation: Evaluation;
  readonly changes: AttackChanges;
  /** SHA-256. */
  readonly surrogate: string | null;
}

function ofAttack(example: ExampleOutcome, attack: AttackId | null): ExampleOutcome {
  const { index, label, clean, attacks } = example;
  if (attack === null) return { index, label, clean, attacks: {} };
  const only = (name: "fooledBy" | "queries" | "linf") => {
    const value = example[name]?.[attack];
    return value === undefined ? {} : { [name]: { [attack]: value } };
  };
  return {
    index,
    label,
    clean,
    attacks: { [attack]: attacks[attack] as number },
    ...only("fooledBy"),
    ...only("queries"),
    ...only("linf"),
  };
}

function evaluationFile(folder: string, key: EvaluationKey): string {
  const { attack, epsilon, seed, batchSize, images, data, student, changes, surrogate } = key;
  const more = changes === undefined && surrogate === undefined ? [] : [changes, surrogate];
  const decisive = JSON.stringify([attack, epsilon, seed, batchSize, images, data, student, ...more]);
  const hash = createHash("sha256").update(decisive).digest("hex").slice(0, 10);
  return join(folder, "evaluations", `${attack ?? "clean"}-${hash}.json`);
}
