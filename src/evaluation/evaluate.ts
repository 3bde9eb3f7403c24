import { setImmediate as eventsPass } from "node:timers/promises";
import type { AttackStep } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import { USUAL_CONVENTIONS } from "../attacks/conventions.js";
import type { AttackTarget } from "../attacks/target.js";
import { InputError } from "../errors.js";
import { attackBatch, type BatchOutcome, predictions } from "./attack-batch.js";
import { imageTensor, type ImageSource, requireLabels } from "./images.js";
import { evaluationOf } from "./outcome.js";
import { type EvaluationPass, type EvaluationProgress, type Work, workOf } from "./progress.js";
import { looksOf, noiseSeed, type Round, roundsOf } from "./rounds.js";
import type { EvaluationSettings } from "./settings.js";
import { attackedIn, type AttackState, attackState, type EvaluationState, WITHSTOOD } from "./state.js";
import type { Evaluation } from "./summary.js";

/** Called as an evaluation goes on; an exception that any of them throws ends it. */
export interface EvaluationEvents {
  onProgress(progress: EvaluationProgress): void;
  /**
   * Called after every batch and at the end of every attack, with the attack, or null for the clean pass. `state` is all that is
   * needed to resume from here; the next batch changes it.
   */
  onState(state: EvaluationState, attack: AttackId | null): void;
  /** Called with what a batch of an attack found, after verification; an image that withstood may come again in a later round. */
  onAdversarial(attack: AttackId, indexes: readonly number[], images: Float32Array): void;
}

/** The settings of an evaluation, with the classifier that transfer attacks make their images on. */
export interface AttackingSettings extends EvaluationSettings {
  readonly surrogate?: AttackTarget | undefined;
}

/**
 * Measures a classifier's clean accuracy on images, and its robust accuracy under each attack.
 *
 * An image that is wrong when clean is not attacked and counts as not robust, as in AutoAttack's evaluation; with `final-answer` it is
 * attacked as any other, and its answer afterwards counts. Each attack of an ensemble,
 * and each restart, attacks the images that withstood the earlier ones. An adversarial image must be finite, in [0, 1] and within
 * epsilon, and the answer of `target` to it decides, whatever the attack says.
 *
 * Other events get their turn between batches.
 *
 * @param state The state in which the same evaluation was interrupted; changed as it goes on.
 * @throws {InputError} if a label is not one of the model's classes, or a transfer attack has no surrogate; {@link WorkError} if an
 * attack makes an invalid image.
 * @see B-MTARD, equation 22, for W-Robust; Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse
 * parameter-free attacks" (2020).
 */
export async function evaluateImages(
  target: AttackTarget,
  source: ImageSource,
  settings: AttackingSettings,
  events: Partial<EvaluationEvents> = {},
  state: EvaluationState = { clean: [], attacks: {} },
): Promise<Evaluation> {
  requireLabels(source, target.classes);
  const rounds = roundsByAttack(settings);
  const running: Running = { target, source, settings, events, state, rounds };
  await seeClean(running);
  for (const [id, ofAttack] of rounds) {
    const attack = (state.attacks[id] ??= attackState(state.clean, settings.norm));
    for (; attack.round < ofAttack.length; attack.round++, attack.batch = 0)
      await runRound(running, id, attack, ofAttack[attack.round] as Round);
    events.onState?.(state, id);
  }
  return evaluationOf(state, partsOf(rounds), source.labels);
}

/** The rounds of every attack of an evaluation, in order. */
export function roundsByAttack({
  attacks,
  restarts = 1,
  changes = {},
  own,
  norm,
}: EvaluationSettings): Map<AttackId, readonly Round[]> {
  return new Map(attacks.map((id) => [id, roundsOf(id, { restarts, changes: changes[id], own, norm })]));
}

/** For each attack, the single attack that each of its rounds runs. */
export function partsOf(rounds: ReadonlyMap<AttackId, readonly Round[]>): Map<AttackId, readonly AttackId[]> {
  return new Map([...rounds].map(([id, ofAttack]) => [id, ofAttack.map((round) => round.id)]));
}

/** An evaluation in progress. */
interface Running {
  readonly target: AttackTarget;
  readonly source: ImageSource;
  readonly settings: AttackingSettings;
  readonly events: Partial<EvaluationEvents>;
  readonly state: EvaluationState;
  readonly rounds: ReadonlyMap<AttackId, readonly Round[]>;
}

/** Runs the clean pass from where it stopped. */
async function seeClean(running: Running): Promise<void> {
  const { target, source, settings, state } = running;
  const { labels, count: total } = source;
  while (state.clean.length < total) {
    const first = state.clean.length;
    const length = Math.min(settings.batchSize, total - first);
    const indexes = Array.from({ length }, (_, row) => first + row);
    const images = imageTensor(source.shape, source.read(indexes));
    state.clean.push(...predictions(target, images));
    images.dispose();
    await endBatch(running, cleanPass(state.clean, labels, total));
  }
}

/** Runs a round of an attack from its current batch. */
async function runRound(running: Running, id: AttackId, attack: AttackState, round: Round): Promise<void> {
  const { target, source, settings, events, state } = running;
  const { batchSize, norm, epsilon, surrogate, seed } = settings;
  const { wrongWhenClean, uniformStart } = { ...USUAL_CONVENTIONS, ...settings };
  const maker = round.isTransfer ? requireSurrogate(id, surrogate) : target;
  const attacked = attackedIn(attack.round, attack, state.clean, source.labels, wrongWhenClean);
  while (attack.batch * batchSize < attacked.length) {
    const first = attack.batch * batchSize;
    const indexes = attacked.slice(first, first + batchSize);
    const began = performance.now();
    const [pass, before] = [attackPass(id, round, attack, attacked, first), workDone(running)];
    const onStep = (step: AttackStep): void => {
      const share = step.step / Math.max(1, step.steps);
      const looks = share * indexes.length * looksOf(round);
      const fooled = indexes.length - (step.robust ?? indexes.length);
      const now = { ...pass, step, inHand: indexes.length, robust: pass.robust - fooled };
      tell(running, now, { done: before.done + looks, left: before.left - looks });
    };
    const batch = { norm, epsilon, seed: noiseSeed(seed, round, attack.batch), uniformStart, onStep };
    const found = attackBatch(target, maker, source, indexes, round, batch);
    events.onAdversarial?.(id, indexes, found.adversarial);
    record(attack, indexes, source.labels, found);
    attack.batch++;
    attack.seconds += (performance.now() - began) / 1000;
    await endBatch(running, attackPass(id, round, attack, attacked, first + indexes.length));
  }
}

async function endBatch(running: Running, pass: EvaluationPass): Promise<void> {
  running.events.onState?.(running.state, pass.attack);
  tell(running, pass, workDone(running));
  await eventsPass();
}

function tell({ events, source }: Running, pass: EvaluationPass, { done, left }: Work): void {
  const share = done + left === 0 ? 1 : done / (done + left);
  events.onProgress?.({ done: Math.round(share * source.count), total: source.count, share, pass });
}

function workDone({ state, rounds, source, settings }: Running): Work {
  const { batchSize, wrongWhenClean = USUAL_CONVENTIONS.wrongWhenClean } = settings;
  return workOf(state, rounds, source.labels, source.count, batchSize, wrongWhenClean);
}

/** The surrogate of a transfer attack. @throws {InputError} if there is none. */
export function requireSurrogate<Surrogate>(id: AttackId, surrogate: Surrogate | undefined): Surrogate {
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

/** Adds what a batch of the current round found to an attack's state. */
function record(
  attack: AttackState,
  indexes: readonly number[],
  labels: ArrayLike<number>,
  { answers, distances, queries, nanGradients }: BatchOutcome,
): void {
  if (nanGradients.size > 0) {
    const all = new Set([...(attack.nanGradients ?? []), ...nanGradients]);
    attack.nanGradients = [...all].toSorted((one, other) => one - other);
  }
  if (queries) attack.queries ??= attack.answers.map(() => 0);
  for (const [row, index] of indexes.entries()) {
    if (attack.queries && queries) attack.queries[index] = (attack.queries[index] ?? 0) + (queries[row] ?? 0);
    attack.answers[index] = answers[row] as number;
    if (answers[row] === labels[index]) continue;
    attack.fooledIn[index] = attack.round;
    attack.linf[index] = distances.linf[row] as number;
    if (attack.l2) attack.l2[index] = distances.l2[row] as number;
  }
}
