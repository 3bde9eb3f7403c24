/** What becomes of an image that is answered wrong before it is attacked. */
export const wrongWhenClean = {
  /** AutoAttack's: it is not attacked, and counts as not robust. */
  "not-robust": "not attacked, and counted as not robust, as in AutoAttack",
  /** The authors' scripts': it is attacked as any other, and its final answer counts, which may be right. */
  "final-answer": "attacked as any other, and its final answer counts, as in the scripts of MTARD and IAD",
} as const;

/** The id of one of {@link wrongWhenClean}. */
export type WrongWhenClean = keyof typeof wrongWhenClean;

/** Where an attack with a uniform start takes its first gradient. */
export const uniformStarts = {
  /** At the image plus the noise, which may leave [0, 1]. */
  unclamped: "the image plus noise, wherever that is, as in TRADES",
  /** At the nearest point in [0, 1]. */
  clamped: "the same, clamped to [0, 1], as in the scripts of MTARD, RSLAD, ABSLD and IAD",
} as const;

/** The id of one of {@link uniformStarts}. */
export type UniformStart = keyof typeof uniformStarts;

/** In what the public evaluations of robustness differ, besides the numbers of their attacks. */
export interface Conventions {
  readonly wrongWhenClean: WrongWhenClean;
  /** Of the attacks that start from uniform noise: PGD, CW and their transfers. */
  readonly uniformStart: UniformStart;
}

/** The conventions of a measurement that names none. */
export const USUAL_CONVENTIONS: Conventions = { wrongWhenClean: "not-robust", uniformStart: "unclamped" };
