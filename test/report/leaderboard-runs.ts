import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AttackId } from "#mtard/attacks/attacks.js";
import type { CorruptionId } from "#mtard/corruptions/corruptions.js";
import type { Severity } from "#mtard/corruptions/picture.js";
import { attackKey, cleanKey, type MeasurementKey } from "#mtard/evaluation/key.js";
import { roundCount } from "#mtard/evaluation/record.js";
import { attackState, WITHSTOOD } from "#mtard/evaluation/state.js";
import { openStore } from "#mtard/evaluation/store.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { networkIdentity } from "#mtard/model/identity.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { Random } from "#mtard/runtime/random.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";

/* Folders of measurements as mtard evaluate leaves them, without an evaluation. */

export const hex = (text: string): string => text.padEnd(64, "0");

/** The data set of all of them, and its shape. */
export const DATA = hex("da");
const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };

/** How an attack is measured; what is left out is usual. */
export interface Made {
  readonly images?: number;
  readonly epsilon?: number;
  readonly seed?: number;
  readonly restarts?: number;
  readonly steps?: number;
  readonly finalAnswer?: boolean;
  readonly data?: string;
  readonly done?: boolean;
}

/** Keeps a record in a folder, in which the first `clean` images are right, and of those the first `robust` under an attack. */
export function keep(
  folder: string,
  model: string,
  attack: AttackId | null,
  [clean, robust]: readonly [number, number?],
  {
    images = 20,
    epsilon = 8 / 255,
    seed = 0,
    restarts = 1,
    steps,
    finalAnswer,
    data,
    done = true,
  }: Made = {},
): MeasurementKey {
  const measured = { model, data: data ?? DATA, images, batchSize: 10 };
  const changes = attack !== null && steps !== undefined ? { changes: { [attack]: { steps } } } : {};
  const conventions = finalAnswer ? { wrongWhenClean: "final-answer" as const } : {};
  const settings = { epsilon, seed, restarts, ...changes, ...conventions };
  const key = attack === null ? cleanKey(measured) : attackKey(measured, attack, settings, null);
  const labels = Array.from({ length: images }, () => 1);
  const answers = labels.map((label, index) => (index < clean ? label : 0));
  const state = attackState(answers);
  // Where all images are attacked, those that are wrong when clean do not withstand here.
  const fooled = answers.map((answer, index) => (finalAnswer || answer === 1) && index >= (robust ?? clean));
  const found = {
    ...state,
    round: done ? roundCount(key) : 0,
    answers: answers.map((answer, index) => (fooled[index] ? 2 : answer)),
    fooledIn: fooled.map((isFooled) => (isFooled ? 0 : WITHSTOOD)),
    linf: fooled.map((isFooled) => (isFooled ? epsilon : 0)),
  };
  openStore(folder).write(key, {
    device: "cpu",
    labels,
    clean: answers,
    attack: attack === null ? null : found,
    images: null,
    warnings: { answers: null, gradients: null },
  });
  return key;
}

/** A corruption at a severity; computed, unless there is a published file. */
export interface Corrupted {
  readonly name: CorruptionId;
  readonly severity: Severity;
  readonly file?: string;
  readonly seed?: number;
}

/** Keeps a record of the first `images` images, corrupted, of which the first `right` are answered right. */
export function keepCorrupted(
  folder: string,
  model: string,
  right: number,
  { name, severity, file, seed = 0 }: Corrupted,
  images = 20,
): void {
  const origin = file === undefined ? { file: null, seed, version: 1 } : { file, seed: null, version: null };
  const corruption = { name, severity, ...origin };
  const labels = Array.from({ length: images }, () => 1);
  openStore(folder).write(cleanKey({ model, data: DATA, images, batchSize: 10, corruption }), {
    device: "cpu",
    labels,
    clean: labels.map((label, index) => (index < right ? label : 0)),
    attack: null,
    images: null,
    warnings: { answers: null, gradients: null },
  });
}

/** Makes a run with a best student, and says what identity that has. */
export function makeRun(folder: string, seed: number): string {
  const student = "resnet-8";
  const names = { dataset: "demo", method: "sat", student } as const;
  const settings = {
    ...recipe(names, 2),
    ...names,
    reading: "paper",
    seed,
    limitTrain: null,
    limitTest: null,
  };
  const inputs = { data: DATA, cleanTeacher: null, robustTeacher: null, shape };
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "settings.json"),
    JSON.stringify({ ...settings, cleanTeacher: null, robustTeacher: null, recipe: {}, inputs }),
  );
  const network = createNetwork(student, shape);
  const weights = initialWeights(network, Random.fromSeed(seed));
  writeFileSync(join(folder, "best.safetensors"), Buffer.concat(encodeSafetensors(weights)));
  return networkIdentity(network, weights);
}
