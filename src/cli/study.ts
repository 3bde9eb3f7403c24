import { rmSync } from "node:fs";
import { join } from "node:path";
import { findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { StudentChoice } from "../model/run-student.js";
import { studentChoiceNames } from "../model/student-choices.js";
import { requireMethodId } from "../methods/methods.js";
import { didYouMean } from "../nearest.js";
import { drawSvg } from "../report/figures/draw.js";
import { svgToPng } from "../report/figures/png.js";
import { studyCsv, studyJson, studyMarkdown, studyText } from "../report/render-study.js";
import { buildStudy } from "../report/study.js";
import { accuracyCurves, lossCurves, readStudyMetrics } from "../report/study-curves.js";
import { studyFigureNames, studyFigures } from "../report/study-figures.js";
import { studyPageHtml } from "../report/study-page.js";
import { isRun } from "../reproduction/run-request.js";
import { type Scale, type ScaleOptions, settingsOf } from "../reproduction/scale.js";
import { plainRun } from "../paper/plan.js";
import { studies, studyRequests, studyScale, usualStudy, type StudyPlan } from "../reproduction/studies.js";
import type { CommandBody } from "./usages.js";
import { datasetOption, examples } from "./options.js";
import { printResult, suggest } from "./output.js";
import { performCall } from "./perform-call.js";
import {
  filesText,
  methodsOption,
  nextOfRuns,
  parseMethods,
  parseSeeds,
  type ScaleArguments,
  scaleOptionsOf,
  seedsOption,
  withScaleOptions,
  workDone,
  writeReport,
} from "./reproduction.js";
import { formatTable } from "./text-table.js";

interface StudyArguments extends ScaleArguments {
  name: string;
  dataset: string | undefined;
  methods: string | undefined;
  against: string | undefined;
  seeds: string | undefined;
  students: string | undefined;
  init: string | undefined;
}

const text = { type: "string", requiresArg: true } as const;
const names = Object.keys(studies);

/** `mtard study NAME`: methods under the same conditions, over seeds, with what the differences are worth. */
export const studyCommand: CommandBody = {
  builder: (yargs) =>
    withScaleOptions(
      yargs
        .positional("name", {
          type: "string",
          demandOption: true,
          describe: `${names.join(", ")}, or a name for your own with --dataset`,
        })
        .option("dataset", { ...datasetOption, defaultDescription: "the study's" })
        .option("methods", { ...methodsOption, defaultDescription: "the study's, or all" })
        .option("against", { ...text, describe: "compare with this method", defaultDescription: "b-mtard" })
        .option("seeds", { ...seedsOption, defaultDescription: "the study's, or 0,1,2" })
        .option("students", {
          ...text,
          describe: `which of each run are measured, of ${studentChoiceNames.join(", ")}`,
          defaultDescription: "the study's, or best",
        })
        .option("init", { ...text, describe: "every student starts from these weights, as in mtard train" }),
      { usual: "the study's", out: "reports/study-NAME" },
    ).epilogue(
      examples({
        "all methods on the demo data": "mtard study demo",
        "two methods and one seed, to see what it looks like":
          "mtard study demo --methods rslad,b-mtard --seeds 0 --epochs 2",
        "your own: methods, seeds and data":
          "mtard study mine --dataset cifar10 --methods sat,trades,b-mtard --seeds 0,1,2 --epochs 30",
      }),
    ),
  handler: (args) => runStudy(args as unknown as StudyArguments),
};

async function runStudy(args: StudyArguments): Promise<void> {
  const options = scaleOptionsOf(args);
  const plan = planOf(args, options);
  const scale = studyScale(args.name, plan, options, args.init ?? null);
  requireAverages(plan, scale);
  const found = await performCall(args, { requests: studyRequests(plan), scale, showsParts: false });
  if (!found) return;
  const { outcomes } = found;
  const runs = outcomes.filter(isRun);
  const metrics = readStudyMetrics(runs);
  const study = buildStudy(args.name, plan, scale, outcomes, metrics);
  const curves = {
    accuracies: accuracyCurves(plan.methods, runs, metrics),
    losses: lossCurves(plan.methods, runs, metrics),
  };
  const pictures = await Promise.all(
    studyFigures(study, curves).map(async ({ name, figure }) => ({
      name,
      title: figure.title,
      svg: await drawSvg(figure),
    })),
  );
  const folder = args.out ?? join("reports", `study-${args.name}`);
  const drawn: Record<string, string | Uint8Array> = {};
  for (const { name, svg } of pictures) {
    drawn[`${name}.svg`] = svg;
    drawn[`${name}.png`] = await svgToPng(svg);
  }
  // An earlier call may have drawn others.
  for (const name of studyFigureNames)
    for (const ending of ["svg", "png"]) rmSync(join(folder, `${name}.${ending}`), { force: true });
  writeReport(folder, drawn);
  const files = writeReport(folder, {
    "study.html": studyPageHtml(study, pictures),
    "study.md": studyMarkdown(study),
    "study.csv": studyCsv(study),
    "study.json": studyJson(study),
  });
  const done = workDone(outcomes);
  printResult(args, { ...study, ...done, files }, `${studyText(study, formatTable)}\n\n${filesText(files)}`);
  suggest(...nextOfRuns(runs.map((run) => run.folder)));
}

/** The study that the call names, with what it changes; checked before anything is loaded. */
function planOf(args: StudyArguments, { attacks: asked }: ScaleOptions): StudyPlan {
  const known = Object.hasOwn(studies, args.name) ? studies[args.name as keyof typeof studies] : null;
  if (!/^[\w.-]{1,64}$/.test(args.name))
    throw new InputError("this is no name for a study", {
      expected: "up to 64 letters, digits, '.', '_' and '-'",
      found: args.name,
    });
  if (!known && args.dataset === undefined)
    throw new InputError(`there is no study "${args.name}"${didYouMean(args.name, names)}`, {
      expected: `${names.join(", ")}; or --dataset NAME, which makes it your own`,
      found: args.name,
    });
  const dataset = args.dataset === undefined ? known?.dataset : findDataset(args.dataset, args.dataDir).id;
  const plan: StudyPlan = known ?? { ...usualStudy, title: args.name, dataset: "" };
  const compared = args.methods === undefined ? plan.methods : parseMethods(args.methods);
  const against = args.against === undefined ? plan.against : requireMethodId(args.against);
  if (args.against !== undefined && !compared.includes(against))
    throw new InputError("--against is none of the methods of the study", {
      expected: compared.join(", "),
      found: against,
    });
  // The title says what a study is as long as the call changes none of it.
  const changes = [args.dataset, args.methods, args.seeds, args.epochs, args.students, args.init, args.set];
  const isAsBrought = changes.every((change) => change === undefined);
  return {
    ...plan,
    title: known && isAsBrought ? plan.title : `Study ${args.name}`,
    methods: compared,
    against,
    dataset: dataset ?? plan.dataset,
    ...(args.seeds === undefined ? {} : { seeds: parseSeeds(args.seeds) }),
    ...(args.students === undefined ? {} : { students: parseStudents(args.students) }),
    ...(asked === undefined ? {} : { attacks: [...new Set(asked)] }),
  };
}

/** @throws {InputError} if averaged students are wanted of runs that keep no average, before these are trained. */
function requireAverages({ students, methods }: StudyPlan, scale: Scale): void {
  const averaged = students.filter((student) => student.endsWith("-averaged"));
  const without = methods.filter(
    (method) => settingsOf(plainRun(method), 0, scale, { clean: null, robust: null }).ema === 0,
  );
  if (averaged.length === 0 || without.length === 0) return;
  throw new InputError(`--students asks for averaged weights, which the runs would not keep`, {
    expected: "the setting ema, the decay of the average, above 0",
    found: `${averaged.join(", ")}, and ema 0 for ${without.join(", ")}`,
    fix: "--set ema=0.995",
  });
}

function parseStudents(given: string): StudentChoice[] {
  const parts = [...new Set(given.split(","))];
  for (const part of parts)
    if (!studentChoiceNames.some((choice) => choice === part))
      throw new InputError(`--students is wrong${didYouMean(part, studentChoiceNames)}`, {
        expected: studentChoiceNames.join(", "),
        found: part,
      });
  return parts as StudentChoice[];
}
