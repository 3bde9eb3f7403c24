import type { MethodId } from "../methods/methods.js";
import type { Reading } from "./readings.js";
import type { Recipe } from "./settings.js";

/** Settings for some of the trainings, and where they are from. A later rule overrides an earlier one. */
export interface Rule {
  /** The trainings it applies to; fields left out allow any. */
  readonly datasets?: readonly string[];
  readonly methods?: readonly MethodId[];
  readonly students?: readonly string[];
  readonly readings?: readonly Reading[];
  /** The paper's section, or repository and file. */
  readonly source: string;
  readonly settings: Partial<Recipe>;
}
