import { Random } from "../runtime/random.js";
import { tf } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { ascend, randomStart } from "./auto-ascent.js";
import { likeliestOthers } from "./likeliest-others.js";
import { requireDlrClasses } from "./margin-losses.js";
import { rowsOf } from "./rows.js";
import { adversarialImages, answeredRight } from "./survivors.js";
import type { AttackTarget } from "./target.js";

/**
 * Runs Auto-PGD from one random start on the images that the target answers right.
 *
 * @throws {InputError} if there are too few classes for the DLR loss.
 * @see Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free Attacks" (2020), section 3.
 */
export function apgd(
  kind: "crossEntropy" | "dlr",
  target: AttackTarget,
  batch: AttackBatch,
  { steps }: Pick<AttackSettings, "steps">,
): AttackResult {
  if (kind === "dlr") requireDlrClasses(kind, target.classes);
  const survivors = answeredRight(target, batch);
  ascend(target, batch, survivors, {
    steps,
    start: (places) => randomStart(batch, places, batch.seed),
    loss: (places) => ({ kind, labels: rowsOf(batch.labels, places) }),
    onStep: (step, robust) => batch.onStep?.({ step, steps, robust }),
  });
  return { adversarial: adversarialImages(survivors, batch) };
}

/**
 * Runs Auto-PGD on the targeted DLR loss towards each of the likeliest wrong classes in turn, on the images that still withstand.
 *
 * @throws {InputError} if there are too few classes for the targeted DLR loss.
 * @see Croce and Hein (2020), section 4.
 */
export function targetedApgd(
  target: AttackTarget,
  batch: AttackBatch,
  { steps, targetClasses }: Pick<AttackSettings, "steps" | "targetClasses">,
): AttackResult {
  requireDlrClasses("dlrTargeted", target.classes);
  const survivors = answeredRight(target, batch);
  const aims = likeliestOthers(target, batch.images, targetClasses);
  const random = Random.fromSeed(...batch.seed);
  for (const [rank, aim] of aims.entries()) {
    ascend(target, batch, survivors, {
      steps,
      start: (places) => randomStart(batch, places, [random.uint32(), random.uint32()]),
      loss: (places) => ({
        kind: "dlrTargeted",
        labels: rowsOf(batch.labels, places),
        targets: rowsOf(aim, places),
      }),
      onStep: (step, robust) =>
        batch.onStep?.({ step: rank * steps + step, steps: aims.length * steps, robust }),
    });
  }
  tf.dispose(aims);
  return { adversarial: adversarialImages(survivors, batch) };
}
