import type { AttackId } from "../attacks/attacks.js";

/** How many images are answered right, and as a share of all. */
export interface Accuracy {
  readonly correct: number;
  readonly accuracy: number;
}

/** Robust accuracy under one attack; `wRobust` is its mean with the clean accuracy. */
export interface RobustAccuracy {
  readonly robust: number;
  /** How many of the robust ones were wrong when clean; absent if none was. They count where every image's final answer does. */
  readonly wrongWhenClean?: number;
  readonly accuracy: number;
  readonly wRobust: number;
  /** The mean number of queries to the model per attacked image, if the attack counts them. */
  readonly meanQueries?: number;
  /** For an ensemble, on how many images each of its attacks was the first to fool the model. */
  readonly fooledBy?: Readonly<Partial<Record<AttackId, number>>>;
}

/** One image's outcome: its label, and the classes answered when clean and under each attack. */
export interface ExampleOutcome {
  readonly index: number;
  readonly label: number;
  readonly clean: number;
  /** An image that is not attacked, as it is wrong when clean, keeps its clean answer. */
  readonly attacks: Readonly<Partial<Record<AttackId, number>>>;
  /** For each ensemble that fooled the model, which of its attacks did; absent if no ensemble did. */
  readonly fooledBy?: Readonly<Partial<Record<AttackId, AttackId>>>;
  /** The queries to the model, for each attack that counts them. */
  readonly queries?: Readonly<Partial<Record<AttackId, number>>>;
  /** The largest change of a pixel value, for each attack that fooled the model. */
  readonly linf?: Readonly<Partial<Record<AttackId, number>>>;
  /** The Euclidean length of the change, for each attack in L2 that fooled the model. */
  readonly l2?: Readonly<Partial<Record<AttackId, number>>>;
}

export interface Evaluation {
  readonly total: number;
  readonly clean: Accuracy;
  readonly attacks: Readonly<Partial<Record<AttackId, RobustAccuracy>>>;
  readonly perExample: readonly ExampleOutcome[];
}

/** Computes the accuracies from every image's outcome. */
export function summarize(
  perExample: readonly ExampleOutcome[],
  attackIds: readonly AttackId[],
): Omit<Evaluation, "perExample"> {
  const total = perExample.length;
  const correct = perExample.filter((example) => example.clean === example.label);
  const clean = { correct: correct.length, accuracy: correct.length / total };
  const robust = attackIds.map((id): [AttackId, RobustAccuracy] => {
    const right = perExample.filter((example) => example.attacks[id] === example.label);
    const count = right.length;
    const wrong = right.filter((example) => example.clean !== example.label).length;
    const accuracies = {
      robust: count,
      ...(wrong === 0 ? {} : { wrongWhenClean: wrong }),
      accuracy: count / total,
      wRobust: (clean.accuracy + count / total) / 2,
    };
    return [id, { ...accuracies, ...meanQueries(perExample, id), ...fooledBy(perExample, id) }];
  });
  return { total, clean, attacks: Object.fromEntries(robust) };
}

function meanQueries(examples: readonly ExampleOutcome[], id: AttackId): Pick<RobustAccuracy, "meanQueries"> {
  const queries = examples.flatMap((example) => example.queries?.[id] ?? []);
  if (queries.length === 0) return {};
  return { meanQueries: queries.reduce((sum, count) => sum + count, 0) / queries.length };
}

function fooledBy(examples: readonly ExampleOutcome[], id: AttackId): Pick<RobustAccuracy, "fooledBy"> {
  const counts: Partial<Record<AttackId, number>> = {};
  for (const example of examples) {
    const part = example.fooledBy?.[id];
    if (part !== undefined) counts[part] = (counts[part] ?? 0) + 1;
  }
  return Object.keys(counts).length === 0 ? {} : { fooledBy: counts };
}

/** Combines evaluations of one model on the same images into one with the attacks of all. */
export function combined(evaluations: readonly Evaluation[]): Evaluation {
  const [first, ...others] = evaluations;
  if (!first) throw new Error("nothing to combine");
  return others.reduce((whole, other) => {
    const perExample = whole.perExample.map((example, index): ExampleOutcome => {
      const added = other.perExample[index];
      if (!added) throw new Error("evaluations of other images");
      return {
        ...example,
        attacks: { ...example.attacks, ...added.attacks },
        fooledBy: { ...example.fooledBy, ...added.fooledBy },
        queries: { ...example.queries, ...added.queries },
        linf: { ...example.linf, ...added.linf },
        ...(example.l2 || added.l2 ? { l2: { ...example.l2, ...added.l2 } } : {}),
      };
    });
    return { ...whole, attacks: { ...whole.attacks, ...other.attacks }, perExample };
  }, first);
}
