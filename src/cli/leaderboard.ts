import { join } from "node:path";
import { attackIds, requireAttackIds } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import { requireFolderPath } from "../files/atomic.js";
import { buildLeaderboard, type Leaderboard, type LeaderboardOptions } from "../report/leaderboard.js";
import { describeMeasured } from "../report/leaderboard-models.js";
import { readMeasurements } from "../report/leaderboard-records.js";
import {
  leaderboardCsv,
  leaderboardHtml,
  leaderboardJson,
  leaderboardMarkdown,
  leaderboardText,
  leaderboardValues,
} from "../report/render-leaderboard.js";
import { robustBenchFiles } from "../report/robustbench.js";
import { requireRobustBenchFolder, writeRobustBenchFolder } from "../report/robustbench-folder.js";
import { examples } from "./options.js";
import { type GlobalArguments, log, printResult, shellWord, suggest } from "./output.js";
import { ProgressLine } from "./progress.js";
import { filesText, writeReport } from "./reproduction.js";
import { formatTable } from "./text-table.js";
import type { CommandBody } from "./usages.js";

interface LeaderboardArguments extends GlobalArguments {
  folder: string;
  out: string;
  attacks: string | undefined;
  rankBy: string | undefined;
  dataset: string | undefined;
}

const text = { type: "string", requiresArg: true } as const;

/** `mtard leaderboard [FOLDER]`: every model that was measured below a folder. */
export const leaderboardCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("folder", { type: "string", default: "runs", describe: "a folder with runs, or one run" })
      .option("out", { ...text, default: "reports/leaderboard", describe: "the folder for its files" })
      .option("rank-by", {
        ...text,
        describe: `the attack whose W-Robust ranks: ${attackIds.join(", ")}`,
        defaultDescription: "the strongest that most models have",
      })
      .option("attacks", { ...text, describe: "only these attacks", defaultDescription: "all" })
      .option("dataset", { ...text, describe: "only models measured on this data set" })
      .epilogue(
        examples({
          "all models measured below runs": "mtard leaderboard",
          "ranked by AutoAttack where it was run": "mtard leaderboard runs --rank-by aa",
          "two attacks on one data set, elsewhere":
            "mtard leaderboard runs --dataset cifar10 --attacks pgd-trades,aa --out reports/cifar10",
        }),
      ),
  handler: (args) => runLeaderboard(args as unknown as LeaderboardArguments),
};

async function runLeaderboard(args: LeaderboardArguments): Promise<void> {
  const { folder, out } = args;
  const options = optionsOf(args);
  const robustBench = join(out, "robustbench");
  requireFolderPath(out);
  requireRobustBenchFolder(robustBench);
  const board = await readBoard(args, options);
  if (board.sections.length + board.corruptions.length === 0) throw nothingMeasured(folder, args);
  const files = writeReport(out, {
    "leaderboard.html": leaderboardHtml(board),
    "leaderboard.md": leaderboardMarkdown(board),
    "leaderboard.csv": leaderboardCsv(board),
    "leaderboard.json": leaderboardJson(board),
  });
  const infos = robustBenchFiles(board);
  await writeRobustBenchFolder(robustBench, infos);
  const all = infos.size === 0 ? files : { ...files, robustBench };
  printResult(
    args,
    { ...leaderboardValues(board), files: all },
    `${leaderboardText(board, formatTable)}\n\n${filesText(all)}`,
  );
  suggest(`open ${shellWord(join(out, "leaderboard.html"))} in a browser`);
}

/** Reads what is measured below the folder, and says what could not be read. */
async function readBoard(
  { folder, dataDir, teachersDir }: LeaderboardArguments,
  options: LeaderboardOptions,
): Promise<Leaderboard> {
  const line = new ProgressLine();
  const measurements = readMeasurements(folder, (done, of) => {
    line.show(`reading measurements: ${done} of ${of} models`);
  });
  line.clear();
  const problems = [...measurements.problems];
  const described = await describeMeasured(measurements.finished, { dataDir, teachersDir }, problems);
  for (const problem of problems) log(`warning: ${problem}; it is left out`);
  return buildLeaderboard(folder, { ...measurements, problems }, described, options);
}

function optionsOf({ attacks, rankBy, dataset }: LeaderboardArguments): LeaderboardOptions {
  const shown = attacks === undefined ? undefined : requireAttackIds(attacks.split(","));
  const [ranking] = rankBy === undefined ? [] : requireAttackIds([rankBy]);
  if (shown && ranking !== undefined && !shown.includes(ranking))
    throw new InputError(`--rank-by ${ranking} is not among the attacks that are shown`, {
      expected: `one of ${shown.join(", ")}`,
      found: ranking,
    });
  return { attacks: shown, rankBy: ranking, dataset };
}

function nothingMeasured(folder: string, { attacks, dataset }: LeaderboardArguments): InputError {
  const wanted = [
    attacks === undefined ? "" : `under ${attacks}`,
    dataset === undefined ? "" : `on ${dataset}`,
  ];
  return new InputError(["nothing is measured", ...wanted, `below ${folder}`].filter(Boolean).join(" "), {
    expected: "finished measurements, in evaluations folders",
    fix: "mtard evaluate measures a run, a teacher or an ONNX file; or leave --attacks and --dataset out",
  });
}
