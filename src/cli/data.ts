import { type DatasetId, datasetIds, findDataset } from "../data/datasets.js";
import { prepareDataset, type PrepareProgress } from "../data/prepare.js";
import type { CommandBody } from "./usages.js";
import { examples } from "./options.js";
import { log, printResult, type GlobalArguments, suggest } from "./output.js";
import { formatDownload, formatDuration, ProgressLine } from "./progress.js";

interface DataArguments extends GlobalArguments {
  dataset: string;
  from: string | undefined;
  sha256: string | undefined;
  force: boolean;
}

/** `mtard data DATASET`: fetches a data set or takes a local copy, verifies it and packs it. */
export const dataCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("dataset", { type: "string", demandOption: true, describe: datasetIds.join(", ") })
      .option("from", {
        type: "string",
        requiresArg: true,
        describe: "a local archive, or the folder it was unpacked to, instead of a download",
      })
      .option("sha256", {
        type: "string",
        requiresArg: true,
        describe: "refuse the archive of --from unless it has this checksum",
      })
      .option("force", { type: "boolean", default: false, describe: "replace what is there" })
      .epilogue(
        examples({
          "the built-in data set": "mtard data demo",
          "an archive fetched elsewhere": "mtard data cifar10 --from cifar-10-binary.tar.gz",
          "an unpacked one": "mtard data tiny-imagenet --from tiny-imagenet-200",
        }),
      ),
  handler: (args) => runData(args as unknown as DataArguments),
};

async function runData(args: DataArguments): Promise<void> {
  const { id, title } = findDataset(args.dataset);
  const line = new ProgressLine();
  try {
    const prepared = await prepareDataset(id, args.dataDir, {
      ...(args.from === undefined ? {} : { from: args.from }),
      ...(args.sha256 === undefined ? {} : { sha256: args.sha256 }),
      force: args.force,
      onProgress: progressReporter(line, id),
    });
    const state = prepared.alreadyThere ? "is already there" : "is ready";
    const counts = `${prepared.train} train and ${prepared.test} test images, ${prepared.classes} classes`;
    line.clear();
    printResult(args, prepared, `${id} (${title}) ${state} in ${prepared.folder}: ${counts}`);
    suggest(`mtard train --dataset ${id}`);
  } finally {
    line.clear();
  }
}

/** Logs each stage once, and keeps showing how far downloading and decoding have got. */
function progressReporter(line: ProgressLine, id: DatasetId): (progress: PrepareProgress) => void {
  const stages = {
    download: "downloading",
    verify: "checking the archive",
    unpack: "unpacking",
    make: "making the images",
    decode: "decoding the images",
  } satisfies Record<PrepareProgress["stage"], string>;
  let stage = "";
  return (progress) => {
    if (progress.stage !== stage) {
      stage = progress.stage;
      line.clear();
      log(`${id}: ${stages[progress.stage]}`);
    }
    if (progress.stage === "download") line.show(formatDownload(progress));
    if (progress.stage === "decode") line.show(decodeLine(progress));
  };
}

function decodeLine({ done, total, rate }: PrepareProgress & { stage: "decode" }): string {
  return `${done} of ${total} images, ${Math.round(rate)} images/s, ${formatDuration((total - done) / rate)} left`;
}
