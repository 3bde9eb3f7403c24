import { InputError } from "../errors.js";
import { buildFigure } from "../report/figures/build-figure.js";
import { drawSvg } from "../report/figures/draw.js";
import { svgToPng } from "../report/figures/png.js";
import { figureNumbers, figurePlan } from "../paper/figures.js";
import { scaleOf } from "../reproduction/scale.js";
import { isRun } from "../reproduction/run-request.js";
import type { CommandBody } from "./usages.js";
import { examples } from "./options.js";
import { printResult, suggest } from "./output.js";
import { performCall } from "./perform-call.js";
import {
  reproductionOf,
  withReproductionOptions,
  filesText,
  nextOfRuns,
  writeReport,
  type ReproductionArguments,
} from "./reproduction.js";

/** `mtard figure N`: a figure of the paper, drawn from our runs. */
export const figureCommand: CommandBody = {
  builder: (yargs) =>
    withReproductionOptions(
      yargs.positional("number", { type: "string", demandOption: true, describe: figureNumbers.join(", ") }),
    ).epilogue(examples({ "the entropies of both teachers, in minutes": "mtard figure 6 --budget smoke" })),
  handler: (args) => runFigure(args as unknown as ReproductionArguments),
};

async function runFigure(args: ReproductionArguments): Promise<void> {
  const call = reproductionOf("figure", { ...args, dataset: "cifar10" });
  const plan = figurePlan(call.number);
  const scale = scaleOf(call.budget, call.dataset, plan.student, call.options);
  const attacks = plan.attacks.filter(scale.evaluates);
  if (plan.attacks.length > 0 && attacks.length === 0)
    throw new InputError("nothing is left to show", {
      expected: `--attacks with some of ${plan.attacks.join(", ")}`,
    });
  const requests = plan.runs.flatMap((run) =>
    call.seeds.map((seed) => ({ plan: run, seed, attacks, clean: false })),
  );
  const found = await performCall(args, { requests, scale, showsParts: false });
  if (!found) return;
  const outcomes = found.outcomes.filter(isRun);
  const figure = buildFigure(plan, outcomes, attacks);
  const svg = await drawSvg(figure);
  const runs = outcomes.map(({ folder }) => folder);
  const content = { figure: call.number, budget: call.budget, ...figure, runs };
  const files = writeReport(call.out, {
    "figure.svg": svg,
    "figure.png": await svgToPng(svg),
    "figure.json": `${JSON.stringify(content, null, 2)}\n`,
  });
  const trained = outcomes.filter((outcome) => outcome.trained).length;
  printResult(args, { ...content, trained, files }, filesText(files));
  suggest(...nextOfRuns(runs));
}
