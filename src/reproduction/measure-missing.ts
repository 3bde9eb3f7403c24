import { isTransfer, type AttackId } from "../attacks/attacks.js";
import type { Evaluation } from "../evaluation/summary.js";
import { readEvaluation, writeEvaluation, type EvaluationKey } from "../evaluation/store.js";
import { evaluationCost } from "./ledger.js";
import { loadWork } from "./load-work.js";
import { surrogateOf } from "./scale.js";
import type { RunPlace, Session } from "./session.js";
import { resolved } from "./teachers.js";

/** Attacks start from this seed, as in `mtard evaluate`. */
const SEED = 0;

/** The best student of a run, or a teacher, to be evaluated. */
export interface Evaluated {
  /** What it is called in messages. */
  readonly name: string;
  /** The run's folder, or the teacher's name, folder or file. */
  readonly reference: string;
  /** Where its evaluations are kept. */
  readonly folder: string;
  /** Of its weights. */
  readonly sha256: string;
  readonly epsilon: number;
  readonly batchSize: number;
  /** How many test images there are for it. */
  readonly images: number;
}

/** The evaluations of a subject by attack: those kept in its folder, and those that are missing, made now. */
export async function evaluateMissing(
  attacks: readonly (AttackId | null)[],
  subject: Evaluated,
  place: RunPlace,
  session: Session,
): Promise<{ evaluations: Map<AttackId | null, Evaluation>; made: number }> {
  const { events, ledger } = session;
  const evaluations = new Map<AttackId | null, Evaluation>();
  let made = 0;
  for (const attack of attacks) {
    const key = keyOf(attack, subject, session);
    const kept = readEvaluation(subject.folder, key);
    if (kept) ledger.strike(evaluationCost(attack, key.changes) * key.images);
    else made++;
    evaluations.set(attack, kept ?? (await evaluateNow(key, subject, place, session)));
  }
  if (made > 0) events.onMessage(evaluationText(evaluations));
  return { evaluations, made };
}

function keyOf(
  attack: AttackId | null,
  { epsilon, batchSize, images, sha256 }: Evaluated,
  { scale, places, record, attackChanges }: Session,
): EvaluationKey {
  const changes = attack === null ? undefined : attackChanges[attack];
  const limit = attack === null ? null : scale.imagesOf(attack);
  return {
    attack,
    epsilon,
    seed: SEED,
    batchSize,
    images: Math.min(limit ?? Infinity, images),
    data: record.fingerprint,
    student: sha256,
    ...(changes ? { changes } : {}),
    ...(attack !== null && isTransfer(attack)
      ? { surrogate: resolved(surrogateOf(scale, places.teachersDir), scale, places).sha256 }
      : {}),
  };
}

async function evaluateNow(
  key: EvaluationKey,
  { name, reference, folder }: Evaluated,
  place: RunPlace,
  { scale, places, events, ledger, lock }: Session,
): Promise<Evaluation> {
  lock.hold();
  const { evaluateSubject } = await loadWork(places);
  const { attack, changes = {}, images, epsilon, seed, batchSize } = key;
  const surrogate = key.surrogate === undefined ? null : surrogateOf(scale, places.teachersDir);
  const request = {
    reference,
    dataset: scale.dataset,
    attack,
    changes,
    epsilon,
    seed,
    batchSize,
    images,
    surrogate,
  };
  const cost = evaluationCost(attack, changes) * images;
  const started = performance.now();
  let done = 0;
  const evaluation = await evaluateSubject(request, places, events, (share, robust) => {
    ledger.work(cost * (share - done));
    done = share;
    events.onProgress({
      ...place,
      doing: `${name}: ${attack ?? "clean"} on ${images} images, ${robust} robust`,
      imagesPerSecond: (share * images) / ((performance.now() - started) / 1000),
      secondsLeft: ledger.secondsLeft(),
    });
  });
  writeEvaluation(folder, key, evaluation);
  return evaluation;
}

function evaluationText(evaluations: ReadonlyMap<AttackId | null, Evaluation>): string {
  const percent = (fraction: number | undefined): string => `${(100 * (fraction ?? NaN)).toFixed(2)}%`;
  const [first] = evaluations.values();
  const attacks = [...evaluations].flatMap(([attack, { attacks: outcomes }]) =>
    attack === null ? [] : [`${attack} ${percent(outcomes[attack]?.accuracy)}`],
  );
  return [`clean ${percent(first?.clean.accuracy)}`, ...attacks].join(", ");
}
