import { type ErrorDetail, InputError, WorkError } from "../errors.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { type StandardModel, verifyClassifier } from "./verify.js";

/* The process that verify-apart.ts starts: it tries one model, sends the result and ends. */

/** What the process is asked. */
export interface VerifyRequest {
  readonly model: StandardModel;
  readonly expected: ClassifierShape;
  /** What the model is called in errors. */
  readonly source: string;
}

/** What it answers. */
export type VerifyAnswer =
  | { readonly kind: "logits"; readonly logits: Float32Array }
  | {
      readonly kind: "refused" | "failed";
      readonly message: string;
      readonly detail: Pick<ErrorDetail, "expected" | "found" | "fix">;
    };

function answerTo(error: unknown): VerifyAnswer {
  const kind = error instanceof InputError ? "refused" : "failed";
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof InputError || error instanceof WorkError)) return { kind, message, detail: {} };
  const { expected, found, fix } = error.detail;
  return { kind, message, detail: { expected, found, fix } };
}

process.once("message", ({ model, expected, source }: VerifyRequest) => {
  const answer = (content: VerifyAnswer): void => {
    process.send?.(content, () => process.exit());
  };
  verifyClassifier(model, expected, source).then(
    (logits) => answer({ kind: "logits", logits }),
    (error: unknown) => answer(answerTo(error)),
  );
});
