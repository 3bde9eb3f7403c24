import type { Argv } from "yargs";
import { datasetIds, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { NetworkShape } from "../graph/network.js";
import { parameterCount } from "../graph/parameters.js";
import { createNetwork, describeFamilies } from "../networks/networks.js";
import type { CommandBody } from "./usages.js";
import { datasetOption } from "./options.js";
import { type GlobalArguments, printResult, suggest } from "./output.js";
import { wrapProse } from "./wrap.js";
import { formatTable } from "./text-table.js";

/** `mtard networks`: the architectures, and how many parameters each has on a data set. */
export const networksCommand: CommandBody = {
  builder: (yargs) =>
    (yargs as Argv<GlobalArguments>).option("dataset", {
      ...datasetOption,
      default: "cifar10",
      describe: `count the parameters for ${datasetIds.join(", ")}, or one of your own`,
    }),
  handler: (args) => runNetworks(args as unknown as GlobalArguments & { dataset: string }),
};

function runNetworks(args: GlobalArguments & { dataset: string }): void {
  const { id: dataset, image, classNames } = findDataset(args.dataset, args.dataDir);
  const shape = { image, classes: classNames.length };
  const families = describeFamilies();
  const networks = families.flatMap(({ ids, origin }) =>
    ids.map((id) => ({ id, ...parametersOf(id, shape), origin })),
  );
  const cannot = networks.flatMap(({ problem }) => (problem === null ? [] : [`  ${problem}`]));
  const sizes = families.map(({ sizes: text, variants }) => {
    const endings = variants.filter((ending) => ending !== "");
    return `  ${text}${endings.length === 0 ? "" : `; other public forms: ${endings.join(", ")}`}`;
  });
  const table = formatTable([
    ["network", "parameters", "form and names of"],
    ...networks.map(({ id, parameters, origin }) => [
      id,
      parameters?.toLocaleString("en").padStart(11) ?? "none".padStart(11),
      origin,
    ]),
  ]);
  printResult(
    args,
    { dataset, networks, families },
    `${[table, ...cannot].join("\n")}\n\nParameters are those for ${dataset}. Sizes:\n${wrapProse(sizes.join("\n"), 4)}`,
  );
  suggest(`mtard train --dataset ${dataset} --student NETWORK`);
}

/** The parameters of a network for images, or why it cannot take them. */
function parametersOf(
  id: string,
  shape: NetworkShape,
): { readonly parameters: number | null; readonly problem: string | null } {
  try {
    return { parameters: parameterCount(createNetwork(id, shape)), problem: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { parameters: null, problem: error.message };
  }
}
