import type { Argv } from "yargs";
import { datasetIds, findDataset } from "../data/datasets.js";
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
      describe: `count the parameters for ${datasetIds.join(", ")}`,
    }),
  handler: (args) => runNetworks(args as unknown as GlobalArguments & { dataset: string }),
};

function runNetworks(args: GlobalArguments & { dataset: string }): void {
  const { id: dataset, image, classNames } = findDataset(args.dataset);
  const shape = { image, classes: classNames.length };
  const families = describeFamilies();
  const networks = families.flatMap(({ ids, origin }) =>
    ids.map((id) => ({ id, parameters: parameterCount(createNetwork(id, shape)), origin })),
  );
  const sizes = families.map(({ sizes: text, variants }) => {
    const endings = variants.filter((ending) => ending !== "");
    return `  ${text}${endings.length === 0 ? "" : `; other public forms: ${endings.join(", ")}`}`;
  });
  const table = formatTable([
    ["network", "parameters", "form and names of"],
    ...networks.map(({ id, parameters, origin }) => [
      id,
      parameters.toLocaleString("en").padStart(11),
      origin,
    ]),
  ]);
  printResult(
    args,
    { dataset, networks, families },
    `${table}\n\nParameters are those for ${dataset}. Sizes:\n${wrapProse(sizes.join("\n"), 4)}`,
  );
  suggest(`mtard train --dataset ${dataset} --student NETWORK`);
}
