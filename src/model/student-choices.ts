/** The students of a run that a call can name, and what each is. */
export const studentChoices = {
  best: "the best by W-Robust",
  last: "the last one",
  "best-averaged": "the best by W-Robust with averaged weights, where the run keeps such (the setting ema)",
  "last-averaged": "the last one with averaged weights",
} as const;

/** The names of {@link studentChoices}. */
export const studentChoiceNames = Object.keys(studentChoices) as (keyof typeof studentChoices)[];
