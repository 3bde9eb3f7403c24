import { setImmediate as eventsPass } from "node:timers/promises";
import type { AttackStep } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import type { AttackTarget } from "../attacks/target.js";
import type { Split } from "../data/store.js";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { attackBatch, type BatchOutcome, predictions } from "./attack-batch.js";
import { imageTensor, type ImageSource, requireLabels, sourceOf } from "./images.js";
import { type EvaluationPass, type EvaluationProgress, type Work, workOf } from "./progress.js";
import { looksOf, noiseSeed, type Round, roundsOf } from "./rounds.js";
import type { EvaluationSettings } from "./settings.js";
import { attackedIn, type AttackState, attackState, type EvaluationState, WITHSTOOD } from "./state.js";
import { type Evaluation, type ExampleOutcome, summarize } from "./summary.js";

/** What an evaluation tells while it works; an error that any of these throws ends it. */
export interface EvaluationEvents {
  onProgress(progress: EvaluationProgress): void;
  /** After every batch: all that is needed to go on from here. It changes with the next batch. */
  onState(state: EvaluationState): void;
  /** What a batch of an attack found, once it is verified; images that withstood may come again. */
  onAdversarial(attack: AttackId, indexes: readonly number[], images: Float32Array): void;
}

/**
 * Clean accuracy, and robust accuracy under each attack, of a classifier on a split.
 *
 * An image already wrong when clean is not attacked and counts as not robust, as in AutoAttack's evaluation; of an ensemble or of
 * restarts, each attacks the images that withstood those before. An adversarial image counts only after it is found to be finite, in
 * [0, 1] and within epsilon, and the verdict is what `target` answers to it, whatever the attack says.
 *
 * Between batches other events have their turn.
 *
 * @throws {InputError} if a label is none of the model's classes, or a transfer attack has no surrogate; {@link WorkError} if an attack
 * makes an image that does not count.
 * @see B-MTARD, equation 22, for W-Robust; Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse
 * parameter-free attacks" (2020).
 */
export function evaluate(
  target: AttackTarget,
  split: Split,
  image: ImageShape,
  settings: EvaluationSettings,
  onProgress: EvaluationEvents["onProgress"] = () => undefined,
): Promise<Evaluation> {
  return evaluateImages(target, sourceOf(split, image), settings, { onProgress });
}

/**
 * `evaluate` on images of any source; it tells more, and can go on.
 *
 * @param state Where the same evaluation was interrupted; changed as it goes on.
 */
export async function evaluateImages(
  target: AttackTarget,
  source: ImageSource,
  settings: EvaluationSettings,
  events: Partial<EvaluationEvents> = {},
  state: EvaluationState = { clean: [], attacks: {} },
): Promise<Evaluation> {
  requireLabels(source, target.classes);
  const { labels, count: total } = source;
  const { batchSize, epsilon, surrogate, changes = {}, restarts = 1 } = settings;
  const rounds = new Map(settings.attacks.map((id) => [id, roundsOf(id, restarts, changes[id])]));
  const work = (): Work => workOf(state, rounds, labels, total, batchSize);

  function tell(pass: EvaluationPass, { done, left }: Work): void {
    const share = done / (done + left);
    events.onProgress?.({ done: Math.round(share * total), total, share, pass });
  }

  async function endBatch(pass: EvaluationPass): Promise<void> {
    events.onState?.(state);
    tell(pass, work());
    await eventsPass();
  }

  while (state.clean.length < total) {
    const first = state.clean.length;
    const indexes = Array.from({ length: Math.min(batchSize, total - first) }, (_, row) => first + row);
    const images = imageTensor(source.shape, source.read(indexes));
    state.clean.push(...predictions(target, images));
    images.dispose();
    await endBatch(cleanPass(state.clean, labels, total));
  }

  for (const [id, ofAttack] of rounds) {
    const attack = (state.attacks[id] ??= attackState(state.clean));
    for (; attack.round < ofAttack.length; attack.round++, attack.batch = 0) {
      const round = ofAttack[attack.round] as Round;
      const maker = round.isTransfer ? requireSurrogate(id, surrogate) : target;
      const attacked = attackedIn(attack.round, attack, state.clean, labels);
      while (attack.batch * batchSize < attacked.length) {
        const first = attack.batch * batchSize;
        const indexes = attacked.slice(first, first + batchSize);
        const began = performance.now();
        const [pass, before] = [attackPass(id, round, attack, attacked, first), work()];
        const onStep = (step: AttackStep): void => {
          const share = step.step / Math.max(1, step.steps);
          const looks = share * indexes.length * looksOf(round);
          const fooled = indexes.length - (step.robust ?? indexes.length);
          const now = { ...pass, step, inHand: indexes.length, robust: pass.robust - fooled };
          tell(now, { done: before.done + looks, left: before.left - looks });
        };
        const batch = { epsilon, seed: noiseSeed(settings.seed, round, attack.batch), onStep };
        const found = attackBatch(target, maker, source, indexes, round, batch);
        events.onAdversarial?.(id, indexes, found.adversarial);
        record(attack, indexes, labels, found);
        attack.batch++;
        attack.seconds += (performance.now() - began) / 1000;
        await endBatch(attackPass(id, round, attack, attacked, first + indexes.length));
      }
    }
  }
  const perExample = outcomes(state, rounds, labels);
  return { ...summarize(perExample, settings.attacks), perExample };
}

function requireSurrogate(id: AttackId, surrogate: AttackTarget | undefined): AttackTarget {
  if (surrogate) return surrogate;
  throw new InputError(`${id} needs a surrogate`, { expected: "another classifier to make its images on" });
}

function cleanPass(clean: readonly number[], labels: ArrayLike<number>, total: number): EvaluationPass {
  const robust = clean.filter((answer, index) => answer === labels[index]).length;
  return {
    attack: null,
    round: null,
    done: clean.length,
    total,
    robust,
    inHand: 0,
    step: null,
    queries: null,
  };
}

function attackPass(
  attack: AttackId,
  round: Round,
  { fooledIn, queries }: AttackState,
  attacked: readonly number[],
  done: number,
): EvaluationPass {
  const robust = attacked.filter((index) => fooledIn[index] === WITHSTOOD).length;
  const counted = queries?.reduce((sum, count) => sum + count, 0) ?? null;
  return { attack, round, done, total: attacked.length, robust, inHand: 0, step: null, queries: counted };
}

/** Takes what a batch of the current round found into an attack's state. */
function record(
  attack: AttackState,
  indexes: readonly number[],
  labels: ArrayLike<number>,
  { answers, linf, queries }: BatchOutcome,
): void {
  if (queries) attack.queries ??= attack.answers.map(() => 0);
  for (const [row, index] of indexes.entries()) {
    if (attack.queries && queries) attack.queries[index] = (attack.queries[index] ?? 0) + (queries[row] ?? 0);
    if (answers[row] === labels[index]) continue;
    attack.answers[index] = answers[row] as number;
    attack.fooledIn[index] = attack.round;
    attack.linf[index] = linf[row] as number;
  }
}

/** What a finished state says of each image. */
function outcomes(
  { clean, attacks }: EvaluationState,
  rounds: ReadonlyMap<AttackId, readonly Round[]>,
  labels: ArrayLike<number>,
): ExampleOutcome[] {
  return clean.map((answer, index) => {
    const answers: Partial<Record<AttackId, number>> = {};
    const fooledBy: Partial<Record<AttackId, AttackId>> = {};
    const queries: Partial<Record<AttackId, number>> = {};
    const linf: Partial<Record<AttackId, number>> = {};
    for (const [id, ofAttack] of rounds) {
      const attack = attacks[id];
      const round = ofAttack[attack?.fooledIn[index] ?? WITHSTOOD];
      answers[id] = attack?.answers[index] as number;
      if (attack?.queries && answer === labels[index]) queries[id] = attack.queries[index] as number;
      if (!round) continue;
      linf[id] = attack?.linf[index] as number;
      if (ofAttack.some((each) => each.id !== round.id)) fooledBy[id] = round.id;
    }
    return {
      index,
      label: labels[index] as number,
      clean: answer,
      attacks: answers,
      ...ifAny("fooledBy", fooledBy),
      ...ifAny("queries", queries),
      ...ifAny("linf", linf),
    };
  });
}

function ifAny<Name extends string, Values extends object>(
  name: Name,
  values: Values,
): Partial<Record<Name, Values>> {
  return Object.keys(values).length === 0 ? {} : ({ [name]: values } as Record<Name, Values>);
}
