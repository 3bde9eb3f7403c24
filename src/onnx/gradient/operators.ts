import { broadcastingGradients } from "./broadcasting.js";
import { convolutionGradients } from "./convolution.js";
import { elementwiseGradients } from "./elementwise.js";
import { linearGradients } from "./linear.js";
import { normalizationGradients } from "./normalization.js";
import { poolingGradients } from "./pooling.js";
import { reductionGradients } from "./reductions.js";
import { shapingGradients } from "./shaping.js";
import { slicingGradients } from "./slicing.js";
import type { OperatorGradient } from "./step.js";

/** The gradient of every operator that has one, by its name in ONNX. */
export const operatorGradients = {
  ...broadcastingGradients,
  ...convolutionGradients,
  ...elementwiseGradients,
  ...linearGradients,
  ...normalizationGradients,
  ...poolingGradients,
  ...reductionGradients,
  ...shapingGradients,
  ...slicingGradients,
} as const satisfies Record<string, OperatorGradient>;
