import type { AttackId } from "../attacks/attacks.js";
import { checkOutcome, usesGradients } from "./checks.js";
import { combined, type Evaluation, type ExampleOutcome } from "./summary.js";

/**
 * The doubts that arise from comparing attacks that were measured separately. Evaluations of equally many images must be of the same
 * images, and all must be of one model and one epsilon; an attack may be among them more than once, such as with several seeds.
 *
 * @returns What was found, one sentence each.
 */
export function doubtsOf(evaluations: readonly Evaluation[]): string[] {
  const totals = new Set(evaluations.map(({ total }) => total));
  return [...totals].flatMap((total) => {
    const together = strongest(evaluations.filter((evaluation) => evaluation.total === total));
    return checkOutcome(together, Object.keys(together.attacks) as AttackId[]);
  });
}

/** Combines evaluations; where they share an attack, each image keeps the outcome that speaks least for masked gradients. */
function strongest(evaluations: readonly Evaluation[]): Evaluation {
  const whole = combined(evaluations);
  const perExample = whole.perExample.map((example, index) =>
    evaluations.flatMap((evaluation) => evaluation.perExample[index] ?? []).reduce(stronger, example),
  );
  return { ...whole, perExample };
}

function stronger(one: ExampleOutcome, other: ExampleOutcome): ExampleOutcome {
  return (Object.keys(other.attacks) as AttackId[])
    .filter((id) => strength(other, id) > strength(one, id))
    .reduce((outcome, id) => {
      const by = other.fooledBy?.[id];
      return {
        ...outcome,
        attacks: { ...outcome.attacks, [id]: other.attacks[id] },
        fooledBy: { ...outcome.fooledBy, ...(by === undefined ? {} : { [id]: by }) },
      };
    }, one);
}

/** 0 if the image withstood the attack, 1 if it was fooled without gradients, 2 with them. */
function strength({ label, attacks, fooledBy }: ExampleOutcome, id: AttackId): number {
  if (attacks[id] === label) return 0;
  return usesGradients([fooledBy?.[id] ?? id]) ? 2 : 1;
}
