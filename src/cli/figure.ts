import type { CommandModule } from "yargs";
import { InputError } from "../errors.js";
import type { Figure } from "../report/figures/figure.js";
import { figureNumbers, figurePlan } from "../paper/figures.js";
import { scaleOf } from "../reproduction/scale.js";
import { reproduceRuns } from "../reproduction/reproduce.js";
import type { RunOutcome } from "../reproduction/run-request.js";
import { examples } from "./options.js";
import { printResult } from "./output.js";
import {
  reproductionOf,
  withReproductionOptions,
  withWorkProgress,
  writeReport,
  type ReproductionArguments,
} from "./reproduction.js";

/** `mtard figure N`: a figure of the paper, drawn from our runs. */
export const figureCommand: CommandModule = {
  command: "figure <number>",
  describe: "a figure of the paper from our runs: trains and evaluates what is missing",
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
  const outcomes = await withWorkProgress((events) => reproduceRuns(requests, scale, call.places, events));
  if (!outcomes) return;
  const shown = plan.draw((method) => outcomes.filter((outcome) => outcome.plan.method === method), attacks);
  const figure: Figure = { ...shown, subtitle: subtitleOf(outcomes) };
  const [{ drawSvg }, { svgToPng }] = await Promise.all([
    import("../report/figures/draw.js"),
    import("../report/figures/png.js"),
  ]);
  const svg = await drawSvg(figure);
  const runs = outcomes.map(({ folder }) => folder);
  const content = { figure: call.number, budget: call.budget, ...figure, runs };
  const files = writeReport(call.out, {
    "figure.svg": svg,
    "figure.png": await svgToPng(svg),
    "figure.json": `${JSON.stringify(content, null, 2)}\n`,
  });
  const trained = outcomes.filter((outcome) => outcome.trained).length;
  printResult(args, { ...content, trained, files }, Object.values(files).join("\n"));
}

function subtitleOf(outcomes: readonly RunOutcome[]): string {
  const briefs = new Set(
    outcomes.map(({ shortfall }) => shortfall?.brief ?? "CIFAR-10, ResNet-18, the paper's budget"),
  );
  return [...briefs].join("; ");
}
