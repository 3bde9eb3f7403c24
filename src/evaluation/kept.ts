import { rmSync } from "node:fs";
import type { AttackId } from "../attacks/attacks.js";
import type { AttackTarget } from "../attacks/target.js";
import { writeFileAtomically } from "../files/atomic.js";
import { openAdversarialFile } from "./adversarial-file.js";
import { checkModel, checkOutcome } from "./checks.js";
import { evaluateImages, type EvaluationEvents } from "./evaluate.js";
import { type ImageSource, requireLabels } from "./images.js";
import { numbersOf } from "./numbers.js";
import { roundsOf } from "./rounds.js";
import type { EvaluationSettings } from "./settings.js";
import { type EvaluationState, stateSchema } from "./state.js";
import { type EvaluationIdentity, findState, readState, writeState } from "./state-file.js";
import type { Evaluation } from "./summary.js";

/** Where an evaluation is written, and whether it goes on with what is there. */
export interface EvaluationFiles {
  /** What each image was taken for, JSON lines; until it is done, the state of the evaluation is kept beside it. */
  readonly perExample: string;
  /** An npz file for the adversarial images, if they are wanted. */
  readonly adversarial: string | undefined;
  readonly resume: boolean;
}

export interface KeptEvaluation {
  readonly evaluation: Evaluation;
  /** Of each attack, all sittings together. */
  readonly seconds: Readonly<Partial<Record<AttackId, number>>>;
  /** What makes the accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
}

/** Images that the checks of the model look at. */
const CHECKED = 128;

/**
 * An evaluation that keeps its state in a file after every batch, so that one that was interrupted can go on to the same outcome.
 *
 * @param of What decides the outcome besides the settings: fingerprints of the model, the data and the surrogate.
 * @param events `onMessage` is told what a person should know.
 * @throws {InputError} if it is to go on with the state of another evaluation, or one that cannot be read; and as `evaluateImages`.
 */
export async function keptEvaluation(
  target: AttackTarget,
  source: ImageSource,
  settings: EvaluationSettings,
  { perExample, adversarial, resume }: EvaluationFiles,
  of: EvaluationIdentity,
  events: Pick<EvaluationEvents, "onProgress"> & { onMessage(text: string): void },
): Promise<KeptEvaluation> {
  requireLabels(source, target.classes);
  const { attacks, restarts = 1, changes = {} } = settings;
  const [statePath, imagesPath] = [`${perExample}.state.json`, `${perExample}.adversarial`];
  const identity = { ...of, ...identityOf(settings, source.count), adversarial: adversarial !== undefined };
  const rounds = new Map(attacks.map((id) => [id, roundsOf(id, restarts, changes[id]).length]));
  const schema = stateSchema(source.count, target.classes, rounds);
  const kept = resume ? readState(statePath, identity, schema) : null;
  const message = beginning(statePath, identity, resume, kept);
  if (message !== null) events.onMessage(message);

  const warnings = checkModel(target, source, attacks, Math.min(CHECKED, settings.batchSize));
  for (const warning of warnings) events.onMessage(`warning: ${warning}`);
  const images =
    adversarial === undefined ? null : openAdversarialFile(imagesPath, source, attacks, kept !== null);
  const state: EvaluationState = kept ?? { clean: [], attacks: {} };
  const listeners = {
    onProgress: events.onProgress,
    onState: (now: EvaluationState) => writeState(statePath, identity, now),
    onAdversarial(...found: Parameters<EvaluationEvents["onAdversarial"]>) {
      images?.put(...found);
    },
  };
  let evaluation: Evaluation;
  try {
    evaluation = await evaluateImages(target, source, settings, listeners, state);
    if (adversarial !== undefined) images?.writeNpz(adversarial);
  } finally {
    images?.close();
  }
  const lines = evaluation.perExample.map((example) => `${JSON.stringify(example)}\n`);
  writeFileAtomically(perExample, lines.join(""));
  for (const path of [statePath, imagesPath]) rmSync(path, { force: true });
  const doubts = checkOutcome(evaluation, attacks);
  for (const doubt of doubts) events.onMessage(`warning: ${doubt}`);
  const seconds = attacks.map((id) => [id, state.attacks[id]?.seconds ?? 0] as const);
  return { evaluation, seconds: Object.fromEntries(seconds), warnings: [...warnings, ...doubts] };
}

function identityOf(settings: EvaluationSettings, images: number): EvaluationIdentity {
  const { attacks, epsilon, batchSize, seed, restarts = 1, changes = {} } = settings;
  return {
    images,
    attacks: attacks.join(","),
    numbers: JSON.stringify(numbersOf(attacks, changes)),
    epsilon,
    batchSize,
    seed,
    restarts,
  };
}

function beginning(
  path: string,
  identity: EvaluationIdentity,
  resume: boolean,
  kept: EvaluationState | null,
): string | null {
  if (kept) return `going on with the evaluation in ${path}`;
  if (resume) return `there is no unfinished evaluation in ${path}: it begins`;
  switch (findState(path, identity)) {
    case "none":
      return null;
    case "same":
      return `${path} holds this evaluation, unfinished: it begins anew; --resume would go on with it`;
    case "other":
      return `${path} holds an unfinished evaluation of something else, which is replaced`;
  }
}
