/** What says that work should stop: an `AbortSignal`. */
export interface StopSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** Ends work that was asked to stop, as other functions that take an `AbortSignal` do. @throws the signal's reason. */
export function throwIfStopped(signal: StopSignal | undefined): void {
  if (!signal?.aborted) return;
  throw signal.reason instanceof Error ? signal.reason : new Error("stopped", { cause: signal.reason });
}
