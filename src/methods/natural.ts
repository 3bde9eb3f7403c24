import { z } from "zod";
import { meanCrossEntropy, onHost } from "./losses.js";
import type { Method } from "./method.js";

/** Natural training: cross-entropy on clean images. */
export const natural: Method<null> = {
  title: "Natural",
  teachers: [],
  passes: ["nat"],
  settings: [],
  attack: null,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, labels }) {
    const total = meanCrossEntropy(studentNat, labels);
    const [lossNat] = onHost([total]);
    return { total, report: { lossNat }, next: null };
  },
};
