import { InputError } from "../errors.js";
import type { Method, StepLosses } from "../methods/method.js";

/**
 * A method of the caller's own whose losses are checked in every step, so that a mistake is named where it is made and not by the engine or
 * by whoever reads the run.
 *
 * @throws {InputError} if the method lacks a part; its `losses`, if what they return is no loss, report or state.
 */
export function checkedMethod(method: Method): Method {
  const refuse = (what: string, expected: string, found: string): never => {
    throw new InputError(`the method "${method.title}" ${what}`, { expected, found });
  };
  for (const part of ["losses", "initialState", "stateSchema"] as const)
    if (typeof method[part] !== "function")
      refuse(`has no ${part}`, `${part}, a function`, typeof method[part]);
  for (const part of ["teachers", "passes", "settings"] as const)
    if (!Array.isArray(method[part])) refuse(`has no ${part}`, `${part}, a list`, typeof method[part]);
  const pass = method.passes.find((each) => !["nat", "adv"].includes(each));
  if (pass !== undefined || method.passes.length === 0)
    refuse("has other passes than there are", '"nat", "adv" or both', pass ?? "none");
  if (method.passes.includes("adv") && !method.attack)
    refuse(
      "trains on adversarial images, but attacks nothing",
      "an attack, such as awayFromLabels",
      "attack: null",
    );

  let classes = 0;
  return {
    ...method,
    stateSchema: (count) => method.stateSchema((classes = count)),
    initialState: (settings, count) => method.initialState(settings, (classes = count)),
    losses(logits, state, settings) {
      const made: unknown = method.losses(logits, state, settings);
      const { total, report, next } = (isRecord(made) ? made : {}) as Partial<StepLosses>;
      if (!isRecord(total) || total.rank !== 0)
        refuse("returns no loss", "total: a scalar tensor, such as a mean over the batch", describe(total));
      if (!isRecord(report)) refuse("returns no report", "report: numbers by name", describe(report));
      for (const [name, value] of Object.entries(report ?? {}))
        if (typeof value !== "number")
          refuse(`reports no number as ${name}`, "numbers by name, as onHost gives them", describe(value));
      const parsed = method.stateSchema(classes).safeParse(next);
      if (!parsed.success)
        refuse(
          "returns a state that its own schema refuses",
          "next: what stateSchema allows",
          parsed.error.issues[0]?.message ?? "",
        );
      return made as StepLosses;
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function describe(value: unknown): string {
  if (!isRecord(value)) return String(value);
  if (value instanceof Promise) return "a promise: losses are computed at once";
  return Array.isArray(value["shape"]) ? `a tensor [${value["shape"].join(", ")}]` : "an object";
}
