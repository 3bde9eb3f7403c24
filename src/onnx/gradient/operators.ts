import { activationGradients } from "./activations.js";
import { attentionGradients } from "./attention.js";
import { broadcastingGradients } from "./broadcasting.js";
import { convolutionGradients } from "./convolution.js";
import { einsumGradients } from "./einsum.js";
import { elementwiseGradients } from "./elementwise.js";
import { indexingGradients } from "./indexing.js";
import { linearGradients } from "./linear.js";
import { normalizationGradients } from "./normalization.js";
import { poolingGradients } from "./pooling.js";
import { rearrangingGradients } from "./rearranging.js";
import { reductionGradients } from "./reductions.js";
import { resizingGradients } from "./resizing.js";
import { shapingGradients } from "./shaping.js";
import { slicingGradients } from "./slicing.js";
import type { OperatorGradient } from "./step.js";

/** The gradient of every operator that has one, by its name in ONNX. */
export const operatorGradients = {
  ...activationGradients,
  ...attentionGradients,
  ...broadcastingGradients,
  ...convolutionGradients,
  ...einsumGradients,
  ...elementwiseGradients,
  ...indexingGradients,
  ...linearGradients,
  ...normalizationGradients,
  ...poolingGradients,
  ...rearrangingGradients,
  ...reductionGradients,
  ...resizingGradients,
  ...shapingGradients,
  ...slicingGradients,
} as const satisfies Record<string, OperatorGradient>;
