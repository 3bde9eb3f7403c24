import { InputError } from "../errors.js";
import { jobsFolder } from "../jobs/board.js";
import { isNamed, listJobs, type ListedJob } from "../jobs/list.js";
import type { CommandBody } from "./usages.js";
import { examples, runsDirOption } from "./options.js";
import { type GlobalArguments, log, printResult, shellWord, suggest } from "./output.js";
import { formatDuration } from "./progress.js";
import { formatTable } from "./text-table.js";

interface JobsArguments extends GlobalArguments {
  action: string | undefined;
  jobs: string[] | undefined;
  runsDir: string;
  all: boolean;
  untilParentEnds: boolean;
}

const actions = ["list", "cancel", "run"] as const;

/** `mtard jobs`: the jobs that other processes do for a table, figure, study or sweep. */
export const jobsCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("action", {
        type: "string",
        default: "list",
        describe: "list; cancel all or some; run FILE, as workers do",
      })
      .positional("jobs", { type: "string", array: true, describe: "the jobs, by a part of their names" })
      .option("all", { type: "boolean", default: false, describe: "list those that are done as well" })
      .option("until-parent-ends", { type: "boolean", default: false, hidden: true })
      .option("runs-dir", { ...runsDirOption, describe: "the folder of runs that they are beside" })
      .epilogue(
        examples({
          "what is queued, running and done": "mtard jobs",
          "take the trainings of one method back": "mtard jobs cancel rslad",
        }),
      ),
  handler: (args) => runJobs(args as unknown as JobsArguments),
};

async function runJobs(args: JobsArguments): Promise<void> {
  const { action = "list", jobs: named = [], runsDir } = args;
  if (action === "run") {
    const [file, ...more] = named;
    if (file === undefined || more.length > 0)
      throw new InputError("mtard jobs run takes one file", {
        expected: `the file of a job in ${jobsFolder(runsDir)}`,
        found: named.length === 0 ? "none" : named.join(" "),
      });
    const { runJob } = await import("./jobs-run.js");
    return runJob(file, args.untilParentEnds);
  }
  if (action === "cancel") {
    const { cancelJobs } = await import("./jobs-cancel.js");
    return cancelJobs(args, named);
  }
  if (action !== "list")
    throw new InputError(`mtard jobs has no action "${action}"`, {
      expected: actions.join(", "),
      found: action,
    });
  const listed = (await listJobs(runsDir, log)).filter(({ name }) => isNamed(name, named));
  printResult(args, { jobs: listed }, jobsText(listed, args));
  const stuck = listed.find(({ state }) => state === "failed");
  if (stuck?.log) suggest(`tail ${shellWord(stuck.log)}`);
}

function jobsText(jobs: readonly ListedJob[], { all, runsDir }: JobsArguments): string {
  if (jobs.length === 0) return `no jobs in ${jobsFolder(runsDir)}`;
  const shown = jobs.filter(({ state }) => all || state !== "done");
  const counts = new Map<string, number>();
  for (const { state } of jobs) counts.set(state, (counts.get(state) ?? 0) + 1);
  const summary = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
  if (shown.length === 0) return summary;
  const rows = shown.map(({ name, state, where, doing, imagesPerSecond, secondsLeft, tries }) => [
    name,
    state,
    where,
    doing,
    imagesPerSecond === null ? "" : imagesPerSecond.toFixed(0),
    secondsLeft === null ? "" : formatDuration(secondsLeft),
    tries > 1 ? String(tries) : "",
  ]);
  return `${formatTable([["job", "state", "where", "doing", "images/s", "left", "tries"], ...rows])}\n\n${summary}`;
}
