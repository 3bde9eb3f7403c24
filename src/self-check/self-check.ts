import { askApart } from "./apart.js";
import { type Ask, type Check, type Finding, WITHOUT_TF32 } from "./check.js";
import { describeMachine, type Machine } from "./machine.js";
import { memoryCheck, speedChecks } from "./measures.js";
import { numberChecks } from "./numbers.js";

/** The result of a self-check. */
export interface SelfCheck {
  /** Whether all numbers are right and everything could be computed. */
  readonly ok: boolean;
  /** When it began, ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine["facts"];
  readonly findings: readonly Finding[];
}

/** How far a self-check is. */
export interface SelfCheckProgress {
  /** The part that begins, from 1. */
  readonly part: number;
  readonly parts: number;
  readonly title: string;
}

/** The time that a self-check may take; what is not done by then is not done. */
const MOST_SECONDS = 600;

/**
 * Checks that this machine computes right, how fast, and in how much memory. Every part runs in processes of its own.
 *
 * @param signal Ends it, and the process at work.
 * @param askProcess What asks a process.
 * @throws {WorkError} if an engine does not work; the signal's reason if that ended it.
 */
export async function selfCheck(
  signal: AbortSignal,
  onProgress: (progress: SelfCheckProgress) => void,
  askProcess: typeof askApart = askApart,
): Promise<SelfCheck> {
  const began = Date.now();
  const machine = await describeMachine(signal);
  const checks = [...numberChecks(machine), ...speedChecks(machine), memoryCheck(machine)];
  const left = (): number => MOST_SECONDS - (Date.now() - began) / 1000;
  const ask: Ask = (probe, question, environment = {}) =>
    askProcess(probe, question, {
      environment: { ...WITHOUT_TF32, ...environment },
      signal,
      seconds: Math.max(1, left()),
    });
  const findings = await findAll(checks, ask, signal, onProgress);
  return {
    ok: findings.every(({ verdict }) => verdict !== "failed"),
    date: new Date(began).toISOString(),
    seconds: (Date.now() - began) / 1000,
    machine: machine.facts,
    findings,
  };
}

/** Runs checks one after the other; one that throws is a finding, unless it was told to stop. */
export async function findAll(
  checks: readonly Check[],
  ask: Ask,
  signal: AbortSignal,
  onProgress: (progress: SelfCheckProgress) => void,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [index, check] of checks.entries()) {
    const { section, title } = check;
    onProgress({ part: index + 1, parts: checks.length, title });
    try {
      findings.push(...(await check.find(ask)));
    } catch (error) {
      signal.throwIfAborted();
      const found = error instanceof Error ? error.message : String(error);
      findings.push({ section, subject: title, found, expected: "an answer", verdict: "failed", values: {} });
    }
  }
  return findings;
}
