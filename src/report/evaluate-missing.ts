import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AttackId } from "../attacks/ids.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { sha256Of } from "../teacher/store.js";
import { RUN_FILES } from "../training/run-directory.js";
import { readEvaluation, writeEvaluation, type EvaluationKey } from "./evaluations.js";
import { evaluationCost } from "./ledger.js";
import { loadWork } from "./load-work.js";
import { imagesOf, type RunPlace, type Session } from "./session.js";

/** Attacks start from this seed, as in `mtard evaluate`. */
const SEED = 0;

/** The evaluations of a run's best student by attack: those kept in its folder, and those that are missing, made now. */
export async function evaluateMissing(
  attacks: readonly (AttackId | null)[],
  folder: string,
  settings: TrainingSettings,
  name: string,
  place: RunPlace,
  session: Session,
): Promise<{ evaluations: Map<AttackId | null, Evaluation>; made: number }> {
  const { events, ledger, record } = session;
  const evaluations = new Map<AttackId | null, Evaluation>();
  let made = 0;
  if (attacks.length === 0) return { evaluations, made };
  const student = sha256Of(readFileSync(join(folder, RUN_FILES.best)));
  const { test: images } = imagesOf(settings, record);
  for (const attack of attacks) {
    const { evaluationEpsilon: epsilon, evaluationBatch: batchSize } = settings;
    const key = { attack, epsilon, seed: SEED, batchSize, images, data: record.fingerprint, student };
    const kept = readEvaluation(folder, key);
    if (kept) ledger.strike(evaluationCost(attack) * images);
    else made++;
    evaluations.set(attack, kept ?? (await evaluateNow(folder, key, name, place, session)));
  }
  if (made > 0) events.onMessage(evaluationText(evaluations));
  return { evaluations, made };
}

async function evaluateNow(
  folder: string,
  key: EvaluationKey,
  name: string,
  place: RunPlace,
  { places, events, ledger, lock }: Session,
): Promise<Evaluation> {
  lock.hold();
  const { evaluateRun } = await loadWork(places);
  const { attack, images } = key;
  const started = performance.now();
  let done = 0;
  const evaluation = await evaluateRun(folder, key, places, events, (count) => {
    done += count;
    ledger.work(evaluationCost(attack) * count);
    events.onProgress({
      ...place,
      doing: `${name}: ${attack ?? "clean"} on ${done}/${images} images`,
      imagesPerSecond: done / ((performance.now() - started) / 1000),
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
