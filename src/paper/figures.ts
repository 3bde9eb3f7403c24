import type { AttackId } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import type { MethodId } from "../methods/methods.js";
import { plainRun, type RunPlan } from "./plan.js";

/** A figure of the paper as data: the runs it shows, and the attacks they are measured with. */
export interface FigurePlan {
  readonly number: FigureNumber;
  readonly title: string;
  /** The paper's student. */
  readonly student: string;
  readonly runs: readonly RunPlan[];
  readonly attacks: readonly AttackId[];
}

/** The figures that show measurements. */
const figures = {
  3: {
    title: "Figure 3: ablation of NLB and EBB",
    methods: ["baseline", "mtard", "baseline-ebb", "b-mtard"],
    attacks: ["pgd-sat", "pgd-trades", "cw"],
  },
  4: { title: "Figure 4: total loss in training", methods: ["rslad", "baseline", "mtard"], attacks: [] },
  5: { title: "Figure 5: relative losses in training", methods: ["baseline", "mtard"], attacks: [] },
  6: {
    title: "Figure 6: entropy of the teachers' predictions",
    methods: ["mtard", "b-mtard"],
    attacks: [],
  },
} as const satisfies Record<
  number,
  { title: string; methods: readonly MethodId[]; attacks: readonly AttackId[] }
>;

export type FigureNumber = keyof typeof figures;

export const figureNumbers = Object.keys(figures).map(Number) as FigureNumber[];

/** @throws {InputError} if the paper has no such figure of measurements. */
export function figurePlan(asked: number): FigurePlan {
  const number = figureNumbers.find((each) => each === asked);
  if (number === undefined)
    throw new InputError(`figure ${asked} is not made here`, { expected: figureNumbers.join(", ") });
  const { title, methods, attacks } = figures[number];
  return { number, title, student: "resnet-18", runs: methods.map((method) => plainRun(method)), attacks };
}
