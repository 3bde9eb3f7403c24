import { type ErrorDetail, InputError, WorkError } from "../errors.js";
import { followParent } from "./follow-parent.js";
import { type TrialRequest, type TrialResult, tryModel } from "./trial.js";
import type { Limits } from "./trial-limits.js";

/* The process that verify-apart.ts starts: it tries one model, sends the result and ends. */

/** What it says. */
export type TrialMessage =
  | { readonly kind: "part"; readonly doing: string; readonly limits: Limits }
  | { readonly kind: "passed"; readonly result: TrialResult }
  | {
      readonly kind: "refused" | "failed";
      readonly message: string;
      readonly detail: Pick<ErrorDetail, "expected" | "found" | "fix">;
    };

function failure(error: unknown): TrialMessage {
  const kind = error instanceof InputError ? "refused" : "failed";
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof InputError || error instanceof WorkError)) return { kind, message, detail: {} };
  const { expected, found, fix } = error.detail;
  return { kind, message, detail: { expected, found, fix } };
}

function say(message: TrialMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

followParent();

process.once("message", (request: TrialRequest) => {
  tryModel(request, (doing, limits) => void say({ kind: "part", doing, limits }))
    .then((result): TrialMessage => ({ kind: "passed", result }), failure)
    .then(say)
    .then(
      () => process.exit(),
      () => process.exit(1),
    );
});
