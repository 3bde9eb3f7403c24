import { isTransfer, type AttackId } from "../attacks/attacks.js";
import { doubtsOf } from "../evaluation/doubts.js";
import { imagesOf } from "../evaluation/images.js";
import { measure } from "../evaluation/measure.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import type { MeasurementStore } from "../evaluation/store.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { Model } from "../model/model.js";
import { evaluationCost } from "./ledger.js";
import { Stopped, type RunPlace, type Session } from "./session.js";

/** The best student of a run, or a teacher, to be measured. */
export interface Subject {
  /** What it is called in messages. */
  readonly name: string;
  readonly model: Model;
  readonly epsilon: number;
  readonly batchSize: number;
  /** How many test images there are for it. */
  readonly images: number;
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
  attacks: readonly (AttackId | null)[],
  subject: Subject,
  store: MeasurementStore,
  place: RunPlace,
  session: Session,
): Promise<SubjectMeasurements> {
  const { events } = session;
  const evaluations = new Map<AttackId | null, Evaluation>();
  const warnings = new Set<string>();
  let made = 0;
  for (const attack of attacks) {
    const found = await measureOne(attack, subject, store, place, session);
    evaluations.set(attack, found.evaluation);
    for (const warning of found.warnings) warnings.add(warning);
    if (found.made.includes(attack)) made++;
  }
  for (const doubt of doubtsOf([...evaluations.values()])) warnings.add(doubt);
  if (made > 0) events.onMessage(evaluationText(evaluations));
  return { evaluations, warnings: [...warnings], made };
}

async function measureOne(
  attack: AttackId | null,
  { name, model, epsilon, batchSize, images }: Subject,
  store: MeasurementStore,
  place: RunPlace,
  session: Session,
) {
  const { scale, events, ledger, lock, attackChanges } = session;
  const { description, test, fingerprint } = session.dataset();
  const limit = attack === null ? null : scale.imagesOf(attack);
  const data = imagesOf(test, description, fingerprint, Math.min(limit ?? Infinity, images));
  const changes = attack === null ? undefined : attackChanges[attack];
  const cost = evaluationCost(attack, changes) * data.count;
  const started = performance.now();
  let done = NaN;
  const found = await measure(
    model,
    data,
    {
      attacks: attack === null ? [] : [attack],
      ...{ epsilon, batchSize, seed: USUAL_SEED },
      ...(attack === null ? {} : scale.conventionsOf(attack)),
      ...(attack !== null && changes ? { changes: { [attack]: changes } } : {}),
      ...(attack !== null && isTransfer(attack) ? { surrogate: await session.surrogate() } : {}),
    },
    store,
    {
      onBegin: () => lock.hold(),
      onMessage: (text) => events.onMessage(`${name}: ${text}`),
      onProgress({ share, pass }) {
        if (events.stopRequested()) throw new Stopped();
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
    },
  );
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
