import type { Argv } from "yargs";
import { classifierShape, datasetIds, findDataset, isBuiltIn } from "../data/datasets.js";
import { methodIds, requireMethodId } from "../methods/methods.js";
import { createNetwork } from "../networks/networks.js";
import { settingsRead } from "../recipes/read-settings.js";
import { recipe, sourcedRecipe, type SourcedSetting } from "../recipes/recipes.js";
import { readings, requireReading } from "../recipes/readings.js";
import { parseSetting } from "../recipes/settings.js";
import { parseOverrides } from "../recipes/setting-text.js";
import { paperStudents, studentOf, teacherRecipes } from "../recipes/teachers.js";
import { datasetOption, examples, methodOption, readingOption, studentOption } from "./options.js";
import { printResult, type GlobalArguments, suggest } from "./output.js";
import { wrapProse } from "./wrap.js";
import { formatTable } from "./text-table.js";
import { usages, type CommandBody } from "./usages.js";

const { actions } = usages.recipe;

/** `mtard recipe list | show`. */
export const recipeCommand: CommandBody = {
  builder: (yargs) =>
    (yargs as Argv<GlobalArguments>)
      .command(actions.list, "the paper's trainings, teachers included", listOptions, runList)
      .command(actions.show, "every setting of one training, with its source", showOptions, runShow)
      .demandCommand(1, `name what to do: ${Object.keys(actions).join(", ")}`),
  handler: () => undefined,
};

type Arguments<Options extends (yargs: Argv<GlobalArguments>) => Argv<unknown>> =
  ReturnType<Options> extends Argv<infer Values> ? Values : never;

function listOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .option("dataset", {
      ...datasetOption,
      describe: `of one data set: ${datasetIds.join(", ")}, or one of your own`,
    })
    .option("reading", readingOption);
}

function runList(args: Arguments<typeof listOptions>): void {
  const reading = requireReading(args.reading);
  const wanted = args.dataset === undefined ? datasetIds : [findDataset(args.dataset, args.dataDir).id];
  const trainings = wanted.flatMap((dataset) => {
    const teachers = Object.entries(teacherRecipes[dataset] ?? {}).map(
      ([role, { network, method, source }]) => ({
        trains: `${role} teacher`,
        network,
        method,
        source,
      }),
    );
    const students = (paperStudents[dataset] ?? [studentOf(dataset)]).flatMap((network) =>
      methodIds.map((method) => ({ trains: "student", network, method, source: sourceOf(dataset) })),
    );
    return [...teachers, ...students].map(({ trains, network, method, source }) => {
      const what = { dataset, trains, network, method, source };
      if (method === null) return { ...what, settings: null };
      const { epochs, milestones, batchSize, learningRate } = recipe({
        dataset,
        method,
        student: network,
        reading,
      });
      return { ...what, settings: { epochs, milestones, batchSize, learningRate } };
    });
  });
  const table = formatTable([
    ["data set", "trains", "network", "method", "epochs", "rate falls after", "batch", "rate"],
    ...trainings.map(({ dataset, trains, network, method, settings }) => {
      const what = [dataset, trains, network, method ?? "ready-made"];
      if (!settings) return what;
      const { epochs, milestones, batchSize, learningRate } = settings;
      return [...what, ...[epochs, milestones.join(", "), batchSize, learningRate].map(String)];
    }),
  ]);
  const readyMade = trainings.flatMap(({ method, dataset, network, source }) =>
    method === null ? [`ready-made ${network} for ${dataset}: ${source}`] : [],
  );
  const notes = [...readyMade, readingText(reading)].join("\n");
  printResult(args, { reading, trainings }, `${table}\n\n${wrapProse(notes, 2)}`);
  suggest("mtard recipe show --dataset DATASET --method METHOD");
}

function sourceOf(dataset: string): string {
  return isBuiltIn(dataset) ? "B-MTARD, section 4.1" : "an own data set, trained on as CIFAR-10 is";
}

function showOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .option("dataset", { ...datasetOption, demandOption: true })
    .option("method", methodOption)
    .option("student", studentOption)
    .option("reading", readingOption)
    .option("epochs", { requiresArg: true, describe: "instead of the recipe's; milestones keep their share" })
    .option("set", { type: "string", array: true, nargs: 1, describe: "change a setting, name=value" })
    .epilogue(
      examples({
        "the paper's B-MTARD on CIFAR-10": "mtard recipe show --dataset cifar10",
        "ARD on B-MTARD's schedule": "mtard recipe show --dataset cifar10 --method ard --reading b-mtard",
      }),
    );
}

function runShow(args: Arguments<typeof showOptions>): void {
  const description = findDataset(args.dataset, args.dataDir);
  const dataset = description.id;
  const method = requireMethodId(args.method);
  const student = args.student ?? studentOf(dataset);
  createNetwork(student, classifierShape(description));
  const reading = requireReading(args.reading);
  const epochs = args.epochs === undefined ? undefined : parseSetting("epochs", args.epochs, "--epochs");
  const overrides = parseOverrides(args.set ?? []);
  const read = settingsRead(method);
  const settings = sourcedRecipe({ dataset, method, student, reading }, epochs)
    .filter(({ name }) => read.includes(name))
    .map((setting) => ({
      ...setting,
      ...(setting.name in overrides ? { value: overrides[setting.name], source: "--set" } : {}),
    }));
  const table = formatTable([
    ["setting", "value", "source"],
    ...settings.map(({ name, value, source }) => [name, shown(value), source]),
  ]);
  const byName = Object.fromEntries(settings.map(({ name, value, source }) => [name, { value, source }]));
  printResult(
    args,
    { dataset, student, method, reading, settings: byName },
    `${method} for ${student} on ${dataset}\n\n${table}\n\n${wrapProse(readingText(reading), 2)}`,
  );
  suggest(`mtard train --dataset ${dataset} --method ${method} --student ${student}`);
}

function readingText(reading: keyof typeof readings): string {
  const others = Object.entries(readings).filter(([name]) => name !== reading);
  return [
    `reading ${reading}: ${readings[reading]}`,
    ...others.map(([name, meaning]) => `--reading ${name}: ${meaning}`),
  ].join("\n");
}

/** Formats a value for the user, as a fraction if it is a number of 255ths or sixths. */
function shown(value: SourcedSetting["value"] | undefined): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "number") return String(value);
  const levels = value * 255;
  if (value > 0 && value < 0.1 && Math.abs(levels - Math.round(levels)) < 1e-9)
    return `${Math.round(levels)}/255`;
  const sixths = value * 6;
  return value < 1 && Math.abs(sixths - Math.round(sixths)) < 1e-9 && !Number.isInteger(value * 100)
    ? `${Math.round(sixths)}/6`
    : String(value);
}
