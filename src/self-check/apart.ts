import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { oneLine, WorkError } from "../errors.js";
import type { DeviceRequest } from "../runtime/device.js";
import type { probes } from "./probes.js";

type Probes = typeof probes;
export type ProbeName = keyof Probes;
export type QuestionOf<Name extends ProbeName> = Parameters<Probes[Name]>[0];
export type AnswerOf<Name extends ProbeName> = Awaited<ReturnType<Probes[Name]>>;

export interface ProbeRequest {
  readonly probe: ProbeName;
  readonly question: { readonly device: DeviceRequest };
}

export type ProbeReply =
  | { readonly kind: "answered"; readonly answer: unknown }
  | { readonly kind: "failed"; readonly message: string };

/** How a process of the self-check is started and ended. */
export interface ApartOptions {
  /** Variables of its environment, beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Seconds after which it is ended. */
  readonly seconds: number;
}

/**
 * Asks a process of its own, which computes as its environment says, may crash, and gives all its memory back.
 *
 * @throws {WorkError} if it fails, crashes or takes too long; the signal's reason if that ended it.
 */
export async function askApart<Name extends ProbeName>(
  probe: Name,
  question: QuestionOf<Name>,
  { environment = {}, signal, seconds }: ApartOptions,
): Promise<AnswerOf<Name>> {
  signal.throwIfAborted();
  const child = fork(fileURLToPath(new URL("probe-process.js", import.meta.url)), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
    execArgv: [], // flags of this process, such as --eval, need not suit it
    env: { ...process.env, ...environment },
  });
  let said = "";
  child.stderr?.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-2000)));
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  try {
    const reply = await new Promise<ProbeReply>((resolve, reject) => {
      const fail = (message: string): void => resolve({ kind: "failed", message });
      stop = () => reject(signal.reason as Error);
      signal.addEventListener("abort", stop);
      timer = setTimeout(() => fail(`no answer after ${seconds.toFixed(0)} s`), seconds * 1000);
      child.on("message", (message: ProbeReply) => resolve(message));
      child.on("error", (error) => fail(error.message));
      child.on("close", (code, killed) => fail(ending(said, killed ?? `exit code ${String(code)}`)));
      child.send({ probe, question } satisfies ProbeRequest, () => undefined);
    });
    if (reply.kind === "failed") throw new WorkError(oneLine(reply.message));
    return reply.answer as AnswerOf<Name>;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    child.removeAllListeners("close");
    child.kill("SIGKILL");
  }
}

/** How a process ended, with the last line it said. */
function ending(said: string, how: string): string {
  const last = said.trim().split("\n").at(-1) ?? "";
  return `the process ended by ${how}${last === "" ? "" : `: ${last}`}`;
}
