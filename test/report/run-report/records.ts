import type { AttackId } from "#mtard/attacks/attacks.js";
import { attackKey } from "#mtard/evaluation/key.js";
import type { EvaluationSettings } from "#mtard/evaluation/settings.js";
import { attackState } from "#mtard/evaluation/state.js";
import type { KeptRecord } from "#mtard/evaluation/store.js";
import type { MeasuredStudent } from "#mtard/report/run-report/students.js";

/** What an attack found, by hand: every second image is fooled unless the answers are given. */
export interface Found extends Partial<EvaluationSettings> {
  readonly surrogate?: string;
  readonly images?: number;
  readonly labels?: readonly number[];
  readonly clean?: readonly number[];
  readonly answers?: readonly number[];
  readonly data?: string;
}

/** The finished record of an attack in which every image has class 4, or as it is given. */
export function kept(attack: AttackId, found: Found = {}): KeptRecord {
  const {
    images = found.labels?.length ?? 2,
    batchSize = 250,
    surrogate = null,
    data = "b",
    ...others
  } = found;
  const labels = found.labels ?? Array<number>(images).fill(4);
  const clean = found.clean ?? labels;
  const answers = found.answers ?? labels.map((label, image) => (image % 2 === 0 ? label : 1));
  const measured = { model: "a".repeat(64), data: data.repeat(64), images, batchSize };
  const key = attackKey(measured, attack, { epsilon: 8 / 255, seed: 0, ...others }, surrogate);
  const rounds = key.rounds.reduce((sum, { restarts }) => sum + restarts, 0);
  return {
    key,
    record: {
      device: "cpu",
      ...{ labels, clean },
      attack: {
        ...attackState(clean),
        round: rounds,
        answers: [...answers],
        fooledIn: answers.map((answer, image) =>
          answer !== labels[image] && clean[image] === labels[image] ? 0 : -1,
        ),
      },
      images: null,
      warnings: { answers: [], gradients: [] },
    },
  };
}

/** A student with these records. */
export function student(
  records: readonly KeptRecord[],
  choices: MeasuredStudent["choices"] = ["best"],
): MeasuredStudent {
  return { choices, identity: "a".repeat(64), classes: 10, records };
}
