import { InputError } from "../errors.js";
import { nearest } from "../nearest.js";
import { describeModel, findDescription, listDescriptions, type TeacherDescription } from "./descriptions.js";
import { absentModels, names, robustBenchId, robustBenchModels, storeName } from "./robustbench.js";

/**
 * The published model that a person asked for: by its name in `teachers/*.json`, or by RobustBench's (`robustbench:cifar10/Linf/NAME`,
 * or less of it where that is enough).
 *
 * @throws {InputError} if there is none, several are meant, or mtard has no such network; the error names the nearest.
 */
export function requireDescription(text: string): TeacherDescription {
  const described = findDescription(text);
  if (described) return described;
  const models = robustBenchModels().filter((model) => names(text, model));
  const [first] = models;
  // Some stand in several of its lists, with one file.
  if (first && models.every(({ drive }) => drive === first.drive)) return describeModel(first);
  if (first)
    throw new InputError(`RobustBench has several models "${text}"`, {
      expected: models.map(robustBenchId).join(", "),
      found: text,
      fix: `mtard teacher fetch ${robustBenchId(first)}`,
    });
  const absent = absentModels().find((model) => names(text, model));
  if (absent)
    throw new InputError(`RobustBench's ${absent.name} is a network that mtard does not have`, {
      expected: "a network of mtard networks",
      found: absent.reason,
      fix: "mtard teacher list --robustbench; or export it to ONNX, and mtard teacher import --onnx FILE",
    });
  throw unknown(text);
}

function unknown(text: string): InputError {
  const described = listDescriptions().map(({ name }) => name);
  const prefix = /^robustbench:/i.test(text);
  const models = [...robustBenchModels(), ...absentModels()];
  const known = models.flatMap((model) => [model.name, storeName(model), robustBenchId(model)]);
  const meant = nearest(text, prefix ? known : [...described, ...known]);
  return new InputError(`no published model is called "${text}"`, {
    expected: prefix
      ? "robustbench:DATASET/THREAT/NAME"
      : "a name of mtard teacher list or of RobustBench, or an address",
    found: text,
    fix:
      meant === null
        ? "mtard teacher list, or bring in your own with mtard teacher import"
        : `did you mean ${meant}? mtard teacher fetch ${meant}`,
  });
}
