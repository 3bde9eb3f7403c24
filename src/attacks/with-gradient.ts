import type { ModelProto } from "onnx-buf";
import { InputError } from "../errors.js";
import { type DifferentiatedModel, differentiate } from "../onnx/gradient/differentiate.js";
import { NoGradientError } from "../onnx/gradient/unsupported.js";
import { gradientFreeAttacks } from "./attacks.js";

/**
 * Differentiates an ONNX classifier in the standard form, for attacks.
 *
 * @param dataFolder Where its external data are, or null if it has none.
 * @throws {InputError} if it has no gradient; the error names the attacks that need none.
 */
export function withGradient(model: ModelProto, dataFolder: string | null): DifferentiatedModel {
  try {
    return differentiate(model, dataFolder);
  } catch (error) {
    if (!(error instanceof NoGradientError)) throw error;
    const { alone, withSurrogate } = gradientFreeAttacks;
    const attacks = `attacks that need no gradient: ${alone.join(", ")}, or with --surrogate ${withSurrogate.join(", ")}`;
    const fix = error.otherwise === null ? attacks : `${attacks}; or ${error.otherwise}`;
    throw new InputError(error.message, { ...error.detail, fix, cause: error });
  }
}
