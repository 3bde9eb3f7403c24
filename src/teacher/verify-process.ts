import { type ErrorDetail, InputError, WorkError } from "../errors.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { verifyClassifier } from "./verify.js";

/* The other side of verify-apart.ts: tries one model, says what came of it, and ends. */

/** What the process is asked. */
export interface VerifyRequest {
  /** The path of the model in the standard form. */
  readonly model: string;
  readonly expected: ClassifierShape;
  /** What the model is called in errors. */
  readonly source: string;
}

/** What it answers, as JSON can hold it. */
export type VerifyAnswer =
  | { readonly kind: "logits"; readonly logits: readonly number[] }
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
    (logits) => answer({ kind: "logits", logits: [...logits] }),
    (error: unknown) => answer(answerTo(error)),
  );
});
