import { isTransfer, type AttackId } from "../attacks/attacks.js";
import { doubtsOf } from "../evaluation/doubts.js";
import { imagesOf, type MeasuredImages } from "../evaluation/images.js";
import { measure, type MeasureSettings } from "../evaluation/measure.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import type { MeasurementStore } from "../evaluation/store.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { Model } from "../model/model.js";
import { evaluationCost } from "./ledger.js";
import type { WantedMeasurement } from "./job.js";
import { stopIfAsked, type RunPlace, type WorkSession } from "./session.js";

/** A student of a run, or a teacher, to be measured. */
export interface Subject {
  /** What it is called in messages. */
  readonly name: string;
  readonly model: Model;
  readonly epsilon: number;
  readonly batchSize: number;
  /** The classifier that transfer attacks make their images on. */
  readonly surrogate: string | null;
}

/** All measurements that were asked for of a subject. */
export interface SubjectMeasurements {
  /** The evaluations by attack; null stands for the clean accuracy alone. */
  readonly evaluations: ReadonlyMap<AttackId | null, Evaluation>;
  /** What makes its accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  /** How many evaluations were made now. */
  readonly made: number;
}

/** Returns the accuracies of a subject under each attack, after measuring those that are missing. */
export async function measureMissing(
  wanted: readonly WantedMeasurement[],
  subject: Subject,
  store: MeasurementStore,
  place: RunPlace,
  session: WorkSession,
): Promise<SubjectMeasurements> {
  const { events } = session;
  const evaluations = new Map<AttackId | null, Evaluation>();
  const warnings = new Set<string>();
  let made = 0;
  for (const each of wanted) {
    const { attack } = each;
    const found = await measureOne(each, subject, store, place, session);
    evaluations.set(attack, found.evaluation);
    for (const warning of found.warnings) warnings.add(warning);
    if (found.made.includes(attack)) made++;
  }
  for (const doubt of doubtsOf([...evaluations.values()])) warnings.add(doubt);
  if (made > 0) events.onMessage(evaluationText(evaluations));
  return { evaluations, warnings: [...warnings], made };
}

/** What is measured on which images, of a subject. */
export async function measurementOf(
  { attack, images, changes, ...conventions }: WantedMeasurement,
  { epsilon, batchSize, surrogate }: Omit<Subject, "name">,
  session: WorkSession,
): Promise<{ data: MeasuredImages; settings: MeasureSettings }> {
  const { description, test, fingerprint } = session.dataset();
  const settings: MeasureSettings = {
    attacks: attack === null ? [] : [attack],
    ...{ epsilon, batchSize, seed: USUAL_SEED },
    ...conventions,
    ...(attack !== null && changes ? { changes: { [attack]: changes } } : {}),
    ...(attack !== null && isTransfer(attack) && surrogate !== null
      ? { surrogate: await session.surrogate(surrogate) }
      : {}),
  };
  return { data: imagesOf(test, description, fingerprint, images), settings };
}

async function measureOne(
  wanted: WantedMeasurement,
  subject: Subject,
  store: MeasurementStore,
  place: RunPlace,
  session: WorkSession,
) {
  const { events, ledger } = session;
  const { name, model } = subject;
  const { attack } = wanted;
  const { data, settings } = await measurementOf(wanted, subject, session);
  const cost = evaluationCost(attack, wanted.changes) * data.count;
  const started = performance.now();
  let done = NaN;
  const found = await measure(model, data, settings, store, {
    onMessage: (text) => events.onMessage(`${name}: ${text}`),
    onWaiting: () => stopIfAsked(events),
    onProgress({ share, pass }) {
      stopIfAsked(events);
      // What an earlier call did does not count as this one's work.
      if (Number.isNaN(done)) ledger.strike(cost * share);
      else ledger.work(cost * (share - done));
      done = share;
      events.onProgress({
        ...place,
        doing: `${name}: ${attack ?? "clean"} on ${data.count} images, ${pass.robust} robust`,
        imagesPerSecond: (share * data.count) / ((performance.now() - started) / 1000),
        secondsLeft: ledger.secondsLeft(),
      });
    },
  });
  ledger.strike(cost * (1 - (Number.isNaN(done) ? 0 : done)));
  return found;
}

function evaluationText(evaluations: ReadonlyMap<AttackId | null, Evaluation>): string {
  const percent = (fraction: number | undefined): string => `${(100 * (fraction ?? NaN)).toFixed(2)}%`;
  const [first] = evaluations.values();
  const attacks = [...evaluations].flatMap(([attack, { attacks: outcomes }]) =>
    attack === null ? [] : [`${attack} ${percent(outcomes[attack]?.accuracy)}`],
  );
  return [`clean ${percent(first?.clean.accuracy)}`, ...attacks].join(", ");
}
