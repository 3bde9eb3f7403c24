import type { MethodId } from "../methods/methods.js";
import type { Reading } from "./readings.js";
import type { Recipe } from "./settings.js";

/** Settings for some of the trainings, and where they are from. A later rule goes before an earlier one. */
export interface Rule {
  /** What it is for; what is left out is any. */
  readonly datasets?: readonly string[];
  readonly methods?: readonly MethodId[];
  readonly students?: readonly string[];
  readonly readings?: readonly Reading[];
  /** The paper's section, or repository and file. */
  readonly source: string;
  readonly settings: Partial<Recipe>;
}
