import { join } from "node:path";
import { readStoreRecord } from "../data/store.js";
import { findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { requireMethodId } from "../methods/methods.js";
import { parseQuantity, parseSetting } from "../recipes/settings.js";
import { drawSvg } from "../report/figures/draw.js";
import { svgToPng } from "../report/figures/png.js";
import { sweepCsv, sweepJson, sweepMarkdown, sweepText } from "../report/render-sweep.js";
import { buildSweep } from "../report/sweep.js";
import { SWEEP_FIGURE, sweepFigure } from "../report/sweep-figure.js";
import { sweepPageHtml } from "../report/sweep-page.js";
import { performSweep, rungEpochs, type SweepWork } from "../reproduction/halving.js";
import { reproduce, type UnfinishedJob } from "../reproduction/reproduce.js";
import type { Scale, ScaleOptions } from "../reproduction/scale.js";
import { usualStudy } from "../reproduction/studies.js";
import { parseGrid } from "../reproduction/sweep-axes.js";
import { drawnPoints, gridPoints, MOST_POINTS, type Sampling } from "../reproduction/sweep-points.js";
import { settingsOfPoints, sweepRequests, sweepScale, type SweepPlan } from "../reproduction/sweeps.js";
import type { CommandBody } from "./usages.js";
import { datasetOption, examples } from "./options.js";
import { printResult, suggest } from "./output.js";
import { elsewhereOf, printPlan, reportNothing, reportUnfinished, unfinishedJson } from "./perform-call.js";
import {
  filesText,
  nextOfRuns,
  parseSeeds,
  placesOf,
  type ScaleArguments,
  scaleOptionsOf,
  seedsOption,
  withScaleOptions,
  workDone,
  writeReport,
} from "./reproduction.js";
import { formatTable } from "./text-table.js";
import { withWorkProgress } from "./work-progress.js";

interface SweepArguments extends ScaleArguments {
  name: string;
  method: string;
  dataset: string;
  grid: string[] | undefined;
  seeds: string;
  samples: unknown;
  sampleSeed: unknown;
  halving: string | undefined;
}

const text = { type: "string", requiresArg: true } as const;

/** Of how many points one is kept, where `--halving` says no number. */
const USUAL_HALVING = 2;

/** `mtard sweep NAME`: a method with many choices of its settings, the best of which is found on held-out images. */
export const sweepCommand: CommandBody = {
  builder: (yargs) =>
    withScaleOptions(
      yargs
        .positional("name", { type: "string", demandOption: true, describe: "what it is called" })
        .option("grid", {
          ...text,
          array: true,
          nargs: 1,
          describe:
            "a setting and its values, weightRate=0.01,0.1, or with --samples a range: 0..1, log:0.001..0.1",
        })
        .option("method", { ...text, default: "b-mtard", describe: "the method, as in mtard train" })
        .option("dataset", { ...datasetOption, default: "demo" })
        .option("seeds", {
          ...seedsOption,
          default: "0",
          describe: "each point once with each, such as 0,1,2",
        })
        .option("samples", { requiresArg: true, describe: "draw so many points instead of taking all" })
        .option("sample-seed", {
          requiresArg: true,
          describe: "which points are drawn; more samples begin with the same ones",
          defaultDescription: "0",
        })
        .option("halving", {
          type: "string",
          describe: `stop hopeless points early: keep one of so many at each of two rungs, ${USUAL_HALVING} if no number follows`,
        }),
      { usual: "the recipe's", out: "reports/sweep-NAME" },
    ).epilogue(
      examples({
        "two rates of B-MTARD on the demo data, every combination":
          "mtard sweep rates --grid weightRate=0.01,0.025,0.1 --grid temperatureRate=0.001,0.01",
        "twelve learning rates and weight decays, three seeds, hopeless ones stopped early":
          "mtard sweep sgd --method sat --dataset cifar10 --grid learningRate=log:0.001..0.1 --grid weightDecay=log:0.0001..0.01 --samples 12 --seeds 0,1,2 --halving",
      }),
    ),
  handler: (args) => runSweep(args as unknown as SweepArguments),
};

async function runSweep(args: SweepArguments): Promise<void> {
  const options = scaleOptionsOf(args);
  const { plan, scale } = planOf(args, options);
  const places = placesOf(args);
  if (args.dryRun) {
    const [first = null] = plan.halving === null ? [] : rungEpochs(plan, plan.halving, scale);
    return printPlan(args, { requests: sweepRequests(plan, plan.points, scale, first), scale });
  }
  const elsewhere = elsewhereOf(args);
  let unfinished: readonly UnfinishedJob[] = [];
  const swept = await withWorkProgress(places, (events) => {
    const work: SweepWork = async (requests) => {
      const done = await reproduce(requests, scale, places, events, { elsewhere });
      unfinished = [...unfinished, ...done.unfinished];
      return done;
    };
    return performSweep(plan, scale, work);
  });
  if (!swept) return;
  if (swept.outcomes.length === 0 && unfinished.length > 0) {
    reportNothing(args, unfinished);
    return;
  }
  const stored = readStoreRecord(plan.dataset, args.dataDir);
  if (!stored) throw new Error("the data of a sweep are not there after it");
  const sweep = buildSweep(plan, scale, swept, stored);
  const figure = sweepFigure(sweep);
  const svg = figure && (await drawSvg(figure));
  const pictures = figure && svg !== null ? [{ title: figure.title, svg }] : [];
  const folder = args.out ?? join("reports", `sweep-${args.name}`);
  const files = writeReport(folder, {
    ...(svg === null ? {} : { [`${SWEEP_FIGURE}.svg`]: svg, [`${SWEEP_FIGURE}.png`]: await svgToPng(svg) }),
    "sweep.html": sweepPageHtml(sweep, pictures),
    "sweep.md": sweepMarkdown(sweep),
    "sweep.csv": sweepCsv(sweep),
    "sweep.json": sweepJson(sweep),
  });
  const text = `${sweepText(sweep, formatTable)}\n\n${filesText(files)}`;
  printResult(args, { ...sweep, ...workDone(swept.outcomes), ...unfinishedJson(unfinished), files }, text);
  reportUnfinished(unfinished);
  suggest(...nextOfRuns(sweep.rows[0]?.runs.slice(0, 1) ?? []));
}

/** What the call asks for; checked before anything is loaded. */
function planOf(args: SweepArguments, options: ScaleOptions): { plan: SweepPlan; scale: Scale } {
  const { name } = args;
  if (!/^\w[\w.-]{0,63}$/.test(name))
    throw new InputError("this is no name for a sweep", {
      expected: "up to 64 letters, digits, '.', '_' and '-', the first of them a letter or digit",
      found: name,
    });
  const method = requireMethodId(args.method);
  if (args.grid === undefined)
    throw new InputError("nothing is varied", {
      expected: "--grid NAME=VALUES, once for each setting",
      fix: "--grid learningRate=0.01,0.1",
    });
  const axes = parseGrid(args.grid, method);
  const sampling = samplingOf(args);
  const plan: SweepPlan = {
    name,
    method,
    dataset: findDataset(args.dataset, args.dataDir).id,
    seeds: parseSeeds(args.seeds),
    attacks: [...new Set(options.attacks ?? usualStudy.attacks)],
    axes,
    points: sampling === null ? gridPoints(axes) : drawnPoints(axes, sampling),
    sampling,
    halving: halvingOf(args.halving),
  };
  const scale = sweepScale(plan, options);
  if (plan.halving === null) settingsOfPoints(plan, scale);
  else rungEpochs(plan, plan.halving, scale);
  return { plan, scale };
}

function samplingOf({ samples, sampleSeed }: SweepArguments): Sampling | null {
  if (samples === undefined && sampleSeed !== undefined)
    throw new InputError("--sample-seed is for points that are drawn", {
      expected: "--samples N beside it",
      found: "--sample-seed alone",
    });
  if (samples === undefined) return null;
  return {
    count: parseQuantity("--samples", samples, { minimum: 1, maximum: MOST_POINTS, whole: true }),
    seed: parseSetting("seed", sampleSeed ?? 0, "--sample-seed"),
  };
}

function halvingOf(given: string | undefined): number | null {
  if (given === undefined) return null;
  if (given === "") return USUAL_HALVING;
  return parseQuantity("--halving", given, { minimum: 2, maximum: 16, whole: true });
}
