// Times whole B-MTARD training steps and their parts, and, with --python, the same steps in PyTorch, by turns.
import { cpus } from "node:os";
import yargs from "yargs";
import { log } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { InputError } from "#mtard/errors.js";
import { requestedDevice, threadCount } from "#mtard/runtime/device.js";
import { caseName, COMPILE, parseCases, parseWords, PRECISIONS, QUICK_CASES, USUAL_CASES } from "./cases.mjs";
import { runBench } from "./main.mjs";
import { COMPARED, measureCase } from "./measure-case.mjs";
import { formatBytes, formatSeconds } from "./summary.mjs";

/** The share of the machine in other processes' hands above which timings mean little. */
const BUSY = 0.03;
const USUAL_ROUNDS = 7;
const QUICK_ROUNDS = 3;

/**
 * @typedef {Awaited<ReturnType<typeof parse>>} Arguments
 * @typedef {Awaited<ReturnType<typeof measureCase>>} Measured
 */

/** @type {readonly (readonly [import("./ours.mjs").Part, string])[]} */
const PARTS = [
  ["cleanTeacher", "clean teacher"],
  ["attack", "attack on the student"],
  ["robustTeacher", "robust teacher"],
  ["forward", "student forward, both images"],
  ["learn", "losses, backward, update"],
];

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/run.mjs")
    .usage("$0\n\nTimes whole B-MTARD training steps; with --python, against the same steps in PyTorch.")
    .option("cases", { type: "string", describe: `NETWORK[@SIZE]/BATCH, comma-separated [${USUAL_CASES}]` })
    .option("rounds", { type: "number", describe: `timed steps of every side [${USUAL_ROUNDS}]` })
    .option("quick", {
      type: "boolean",
      default: false,
      describe: `${QUICK_ROUNDS} rounds of ${QUICK_CASES}, after 1 to warm up instead of 2`,
    })
    .option("precision", {
      type: "string",
      default: "float32",
      describe: `${PRECISIONS.join(", ")}; several of them comma-separated`,
    })
    .option("compile", { type: "string", default: "on", describe: "on, off, or both: on,off" })
    .option("threads", { type: "number", describe: "of each side [MTARD_THREADS, or one a core]" })
    .option("python", { type: "string", describe: "an interpreter with torch, to compare with" })
    .option("dataset", { type: "string", describe: "a packed data set [random images]" })
    .option("clean-teacher", {
      type: "string",
      implies: "dataset",
      describe: "[a network of random weights]",
    })
    .option("robust-teacher", { type: "string", implies: "dataset" })
    .option("device", { type: "string", describe: "auto, cpu or cuda" })
    .option("data-dir", { type: "string", default: process.env["MTARD_DATA"] ?? "data" })
    .option("teachers-dir", { type: "string", default: process.env["MTARD_TEACHERS"] ?? "teachers" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .check(({ rounds, threads }) => {
      for (const [option, value] of Object.entries({ rounds, threads })) {
        if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
        throw new InputError(`--${option} is wrong`, {
          expected: "a whole number, 1 or more",
          found: String(value),
        });
      }
      return true;
    })
    .check(({ dataset, cleanTeacher, robustTeacher }) => {
      if (dataset === undefined || (cleanTeacher !== undefined && robustTeacher !== undefined)) return true;
      throw new InputError("a data set wants teachers of it", {
        fix: `--clean-teacher ${dataset}-NAME --robust-teacher ${dataset}-NAME`,
      });
    })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw (
        error ?? new InputError(message ?? "the call is wrong", { fix: "node scripts/bench/run.mjs --help" })
      );
    })
    .parseAsync();
}

/**
 * Measures one case after the other.
 *
 * @param {Arguments} args
 */
async function bench(args) {
  const { quick, python, dataset = null, dataDir, teachersDir } = args;
  const plan = {
    rounds: args.rounds ?? (quick ? QUICK_ROUNDS : USUAL_ROUNDS),
    warmUp: quick ? 1 : 2,
    threads: args.threads ?? threadCount(),
    precisions: parseWords("precision", args.precision, PRECISIONS),
    compile: parseWords("compile", args.compile, COMPILE),
    ...{ python, dataset, dataDir, teachersDir },
    cleanTeacher: args.cleanTeacher ?? null,
    robustTeacher: args.robustTeacher ?? null,
    device: requestedDevice(args.device),
  };
  if (dataset === "demo") await prepareDataset("demo", dataDir);
  const cases = [];
  for (const one of parseCases(args.cases ?? (quick ? QUICK_CASES : USUAL_CASES))) {
    const measured = await measureCase(one, plan);
    cases.push(measured);
    // So that a long run that is stopped has told something.
    if (measured.ratios.length > 0) log(ratioTable([measured]));
  }
  return {
    machine: { cpu: cpus()[0]?.model ?? "unknown", threads: plan.threads, node: process.version },
    rounds: plan.rounds,
    warmUp: plan.warmUp,
    dataset: dataset ?? "random images",
    cases,
  };
}

/** @param {Awaited<ReturnType<typeof bench>>} result */
function text({ machine, rounds, warmUp, dataset, cases }) {
  return [
    `B-MTARD steps on ${dataset}; ${machine.cpu}, ${machine.threads} threads a side; medians of ${rounds} rounds after ${warmUp} to warm up`,
    ...cases.flatMap((one) => ["", caseText(one)]),
    ...(cases.some(({ ratios }) => ratios.length > 0)
      ? [
          "",
          ratioTable(cases),
          "",
          "time of mtard / time of the faster PyTorch (quartiles of rounds): below 1, mtard is the faster",
        ]
      : []),
  ].join("\n");
}

/** @param {Measured} measured */
function caseText({ case: one, device, foreign, peaks, checks, sides }) {
  const steps = formatTable([
    [
      "one step",
      "median",
      "quartiles",
      "the first",
      "images/s",
      "processor time",
      "peak memory",
      "of the peak",
    ],
    ...sides.map((side) => [
      side.title,
      formatSeconds(side.median),
      `${formatSeconds(side.lowerQuartile)} to ${formatSeconds(side.upperQuartile)}`,
      formatSeconds(side.firstSeconds),
      (one.batch / side.median).toFixed(1),
      formatSeconds(side.cpuSeconds),
      formatBytes(side.peakBytes),
      `${(100 * side.shareOfPeak).toFixed(0)}%`,
    ]),
  ]);
  const parts = formatTable([
    ["parts, one after the other", ...PARTS.map(([, name]) => name)],
    ...sides.map(({ title, parts }) => [title, ...PARTS.map(([part]) => formatSeconds(parts[part] ?? NaN))]),
  ]);
  const reached = Object.entries(peaks).map(
    ([precision, peak]) => `${(peak / 1e9).toFixed(0)} billion operations a second in ${precision}`,
  );
  return [
    `${caseName(one)} on ${device}; the machine's peak: ${reached.join(", ")}`,
    `other processes had ${(100 * foreign).toFixed(1)}% of the machine${foreign > BUSY ? ": it was busy, do not compare these times" : ""}`,
    ...checks.map(
      ({ title, lossDifference, equalPixels }) =>
        `${title}: same losses within ${lossDifference.toExponential(1)}, ${(equalPixels * 100).toFixed(1)}% of attacked pixels equal`,
    ),
    `processor time while waiting: ${sides.map(({ title, idleCpuSeconds }) => `${title} ${formatSeconds(idleCpuSeconds)}`).join("; ")}`,
    "",
    steps,
    "",
    parts,
  ].join("\n");
}

/** @param {readonly Measured[]} cases */
function ratioTable(cases) {
  return formatTable([
    ["ratio", "of", "to PyTorch in", "whole step", "attack", "forward", "losses, backward, update"],
    ...cases.flatMap(({ case: one, ratios }) =>
      ratios.map((row) => [
        caseName(one),
        row.title,
        row.against,
        ...COMPARED.map((what) => {
          const { ratio, lowerQuartile, upperQuartile } = row[what];
          return `${ratio.toFixed(2)} (${lowerQuartile.toFixed(2)} to ${upperQuartile.toFixed(2)})`;
        }),
      ]),
    ),
  ]);
}

await runBench(parse, bench, text);
