import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { InputError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import type { EvaluationState } from "./state.js";

/** What an evaluation is of, by name: two of the same identity have the same outcome. */
export type EvaluationIdentity = Readonly<Record<string, string | number | boolean | null>>;

const fileSchema = z.strictObject({
  format: z.literal(1),
  identity: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  state: z.unknown(),
});

type StateFile = z.infer<typeof fileSchema>;

/** Keeps the state of an unfinished evaluation, whole or not at all. */
export function writeState(path: string, identity: EvaluationIdentity, state: EvaluationState): void {
  writeFileAtomically(path, `${JSON.stringify({ format: 1, identity, state } satisfies StateFile)}\n`);
}

/** Whether there is an unfinished evaluation, and of the same identity. */
export function findState(path: string, identity: EvaluationIdentity): "none" | "same" | "other" {
  if (!existsSync(path)) return "none";
  try {
    return differences(readFile(path).identity, identity).length === 0 ? "same" : "other";
  } catch (error) {
    if (error instanceof InputError) return "other";
    throw error;
  }
}

/**
 * The state of an unfinished evaluation, to go on from, or null if there is none.
 *
 * @throws {InputError} if it is of another identity, naming what differs, or is no such state.
 */
export function readState(
  path: string,
  identity: EvaluationIdentity,
  schema: z.ZodType<EvaluationState>,
): EvaluationState | null {
  if (!existsSync(path)) return null;
  const file = readFile(path);
  const names = differences(file.identity, identity);
  if (names.length > 0) {
    const listed = (values: EvaluationIdentity): string =>
      names.map((name) => `${name} ${shown(values[name])}`).join(", ");
    throw new InputError(`the unfinished evaluation is of another ${names.join(", ")}`, {
      expected: `${listed(file.identity)}, as ${path} was begun with`,
      found: listed(identity),
      fix: "the same call as then, or leave --resume out to start anew",
    });
  }
  const parsed = schema.safeParse(file.state);
  if (parsed.success) return parsed.data;
  throw damaged(path, firstProblem(parsed.error));
}

function readFile(path: string): StateFile {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw damaged(path, cause instanceof Error ? cause.message : String(cause));
  }
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw damaged(path, firstProblem(parsed.error));
}

function differences(there: EvaluationIdentity, now: EvaluationIdentity): string[] {
  const names = [...new Set([...Object.keys(now), ...Object.keys(there)])];
  return names.filter((name) => (there[name] ?? null) !== (now[name] ?? null));
}

/** Checksums by their beginning. */
function shown(value: EvaluationIdentity[string] | undefined): string {
  const text = String(value ?? "none");
  return text.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1...").slice(0, 200);
}

function firstProblem({ issues: [issue] }: z.ZodError): string {
  return issue ? `${issue.path.join(".")}: ${issue.message}` : "nothing that fits";
}

function damaged(path: string, found: string): InputError {
  return new InputError(`${path} is not the state of an evaluation`, {
    expected: "the file as mtard evaluate wrote it",
    found: found.slice(0, 200),
    fix: "leave --resume out to start anew",
  });
}
