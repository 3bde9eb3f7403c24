import type { AnswerOf, ProbeName, QuestionOf } from "./apart.js";

/** `failed` is a number that is wrong, or that could not be had; `low` and `high` are worth a look. */
export type Verdict = "ok" | "low" | "high" | "failed";

export const sections = {
  numbers: "Numbers",
  speed: "Speed",
  memory: "Memory",
} as const;

/** One line of the result. */
export interface Finding {
  readonly section: keyof typeof sections;
  /** What was looked at. */
  readonly subject: string;
  /** What was found, in words; `values` has the numbers. */
  readonly found: string;
  readonly expected: string;
  readonly verdict: Verdict;
  readonly values: Readonly<Record<string, number>>;
}

/** Asks a process of its own, with variables of its environment. */
export type Ask = <Name extends ProbeName>(
  probe: Name,
  question: QuestionOf<Name>,
  environment?: Readonly<Record<string, string>>,
) => Promise<AnswerOf<Name>>;

/** One part of the self-check. */
export interface Check {
  readonly section: Finding["section"];
  readonly title: string;
  /** @throws {Error} if something could not be computed, which is a finding too. */
  find(ask: Ask): Promise<readonly Finding[]>;
}

/** A finding with the section of its check. */
export type Found = Omit<Finding, "section">;

/** Environments that a process computes in. */
export const KERNEL_BY_KERNEL = { MTARD_COMPILE: "0" } as const;
export const WITHOUT_TF32 = { NVIDIA_TF32_OVERRIDE: "0" } as const;
export const WITH_TF32 = { NVIDIA_TF32_OVERRIDE: "1" } as const;

/** A ratio as people read it: `3e-7`; `0` for the same bits. */
export function distanceText(distance: number): string {
  return distance === 0 ? "0" : distance.toExponential(0);
}
