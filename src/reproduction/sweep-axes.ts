import { InputError } from "../errors.js";
import { settingsRead } from "../recipes/read-settings.js";
import { type Recipe, trainingSettings } from "../recipes/settings.js";
import { namedSetting, parseSettingText } from "../recipes/setting-text.js";
import type { MethodId } from "../methods/methods.js";
import { didYouMean } from "../nearest.js";

/** A value that a sweep gives a setting, and how it is written. */
export interface AxisValue {
  readonly text: string;
  readonly value: Recipe[keyof Recipe];
}

/** Some values of a setting. */
export interface ListAxis {
  readonly kind: "list";
  readonly name: keyof Recipe;
  readonly values: readonly AxisValue[];
}

/** All values of a setting between two ends, both among them. */
export interface RangeAxis {
  readonly kind: "range";
  readonly name: keyof Recipe;
  readonly low: number;
  readonly high: number;
  /** Whether its logarithm is what is drawn evenly. */
  readonly log: boolean;
  readonly whole: boolean;
}

/** A setting that a sweep varies. */
export type Axis = ListAxis | RangeAxis;

/** The settings that decide by what number points are compared, on what images, or how often: they are the same for all. */
const COMPARES: readonly (keyof Recipe)[] = [
  "selection",
  "heldOut",
  "evaluateEvery",
  "evaluationBatch",
  "evaluationEpsilon",
  "evaluationWrongWhenClean",
  "evaluationUniformStart",
];

/**
 * Parses `--grid NAME=VALUES` arguments: values with commas between them (`0.01,0.1`, `true,false`, `[10,15],[12,16]`), or a range
 * (`0..1`, `log:0.001..0.1`).
 *
 * @throws {InputError} if a name is no setting, is there twice, is not read by the method or decides how points are compared; if a value
 *   is wrong or there twice; or if a range is not of numbers, or ends before it begins.
 */
export function parseGrid(grid: readonly string[], method: MethodId): Axis[] {
  const axes = grid.map((argument) => parseAxis(argument, method));
  for (const [index, { name }] of axes.entries())
    if (axes.findIndex((axis) => axis.name === name) < index)
      throw new InputError(`--grid ${name} is there twice`, {
        expected: "each setting once, with all its values",
        found: grid.filter((argument) => argument.startsWith(`${name}=`)).join(" and "),
      });
  return axes;
}

function parseAxis(argument: string, method: MethodId): Axis {
  if (argument.startsWith("seed="))
    throw new InputError("seeds are not varied by --grid: each point is trained with every seed", {
      expected: "--seeds",
      found: `--grid ${argument}`,
      fix: `--seeds ${argument.slice("seed=".length)}`,
    });
  const { name, value } = namedSetting(argument, "--grid");
  const read = settingsRead(method);
  if (!read.includes(name))
    throw new InputError(`--grid ${name}: ${method} does not read it${didYouMean(name, read)}`, {
      expected: `a setting of ${method}: ${read.filter((each) => !COMPARES.includes(each)).join(", ")}`,
      found: `--grid ${argument}`,
      fix: `mtard recipe show --method ${method} has their values`,
    });
  if (COMPARES.includes(name))
    throw new InputError(`--grid ${name}: it decides how points are compared, so all have the same`, {
      expected: `another setting than ${COMPARES.join(", ")}`,
      found: `--grid ${argument}`,
      ...(name === "selection" ? {} : { fix: `--set ${name}=VALUE` }),
    });
  const range = /^(log:)?([^,[\]]+)\.\.([^,[\]]+)$/.exec(value);
  if (range) return rangeOf(name, range[2] ?? "", range[3] ?? "", range[1] !== undefined);
  if (value.startsWith("log:"))
    throw new InputError(`--grid ${name} is wrong`, {
      expected: "a range after log:, such as log:0.001..0.1",
      found: value,
    });
  return { kind: "list", name, values: listOf(name, value) };
}

function rangeOf(name: keyof Recipe, from: string, to: string, log: boolean): RangeAxis {
  const found = `${log ? "log:" : ""}${from}..${to}`;
  const [low, high] = [from, to].map((end) => parseSettingText(name, end, `--grid ${name}`));
  if (typeof low !== "number" || typeof high !== "number")
    throw new InputError(`--grid ${name}: a range is of numbers`, {
      expected: "values with commas between them",
      found,
    });
  if (low >= high)
    throw new InputError(`--grid ${name}: the range is empty`, {
      expected: "a smaller number before the two dots",
      found,
    });
  if (log && low <= 0)
    throw new InputError(`--grid ${name}: a range by logarithms has to begin above 0`, {
      expected: "such as log:0.001..0.1",
      found,
    });
  return { kind: "range", name, low, high, log, whole: isWholeNumber(name) };
}

/** The values of a list; the commas within brackets belong to a value. */
function listOf(name: keyof Recipe, given: string): AxisValue[] {
  const texts = given.split(/,(?![^[]*\])/).map((text) => text.trim());
  const values = texts.map((text) => ({ text, value: parseSettingText(name, text, `--grid ${name}`) }));
  const written = values.map(({ value }) => JSON.stringify(value));
  const repeated = values.find((_, index) => written.indexOf(written[index] ?? "") < index);
  if (!repeated) return values;
  const first = values[written.indexOf(JSON.stringify(repeated.value))]?.text;
  throw new InputError(`--grid ${name} has a value twice`, {
    expected: "each value once",
    found: first === repeated.text ? repeated.text : `${first} and ${repeated.text}, which are the same`,
  });
}

/** Whether a setting is a number that has to be whole: by what its schema takes. */
function isWholeNumber(name: keyof Recipe): boolean {
  const takes = (value: number): boolean => trainingSettings.shape[name].safeParse(value).success;
  return takes(2) && !takes(2.5);
}
