// Times one whole B-MTARD training step and its parts, and, with --python, the same step in PyTorch, by turns.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import yargs from "yargs";
import { log } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { prepareNativeLibraries, requestedDevice, threadCount } from "#mtard/runtime/device.js";
import { runBench } from "./main.mjs";
import { openPyTorchStep } from "./pytorch.mjs";
import { formatBytes, formatSeconds, summarize } from "./summary.mjs";

/** Steps before the timed ones, on both sides. */
const WARM_UP = 2;
/** Rest between two sides' steps, so that threads of the one have gone to sleep when the other begins. */
const REST_MILLISECONDS = 100;
/** The share of the machine in other processes' hands above which timings mean little. */
const BUSY = 0.03;
/** Both sides' losses on the same images may differ so much, relatively. */
const TOLERANCE = 1e-4;

/**
 * @typedef {Awaited<ReturnType<typeof parse>>} Arguments
 * @typedef {Awaited<ReturnType<typeof import("./ours.mjs").openOurStep>>} OurStep
 * @typedef {{ title: string, side: Awaited<ReturnType<typeof openPyTorchStep>> }} Other
 * @typedef {import("./pytorch.mjs").PyTorchStep} PyTorchStep
 * @typedef {import("./pytorch.mjs").PyTorchCheck} PyTorchCheck
 * @typedef {PyTorchStep["parts"]} Parts
 */

/** @type {readonly (readonly [import("./ours.mjs").Part, string])[]} */
const PARTS = [
  ["cleanTeacher", "clean teacher"],
  ["attack", "attack on the student, 10 steps"],
  ["robustTeacher", "robust teacher"],
  ["forward", "student forward, both images"],
  ["learn", "losses, backward, update"],
];

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/run.mjs")
    .usage("$0\n\nTimes one whole B-MTARD training step; with --python, against the same step in PyTorch.")
    .option("dataset", { type: "string", default: "demo" })
    .option("student", { type: "string", default: "resnet-18" })
    .option("batch", { type: "number", default: 32, describe: "images a step" })
    .option("steps", { type: "number", default: 7, describe: `timed steps, after ${WARM_UP} to warm up` })
    .option("clean-teacher", { type: "string", default: "demo-clean" })
    .option("robust-teacher", { type: "string", default: "demo-robust" })
    .option("python", { type: "string", describe: "an interpreter with torch, to compare with" })
    .option("device", { type: "string", describe: "auto, cpu or cuda" })
    .option("data-dir", { type: "string", default: process.env["MTARD_DATA"] ?? "data" })
    .option("teachers-dir", { type: "string", default: process.env["MTARD_TEACHERS"] ?? "teachers" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .check(({ steps }) => {
      if (Number.isInteger(steps) && steps >= 1) return true;
      throw new InputError("--steps is wrong", {
        expected: "a whole number, 1 or more",
        found: String(steps),
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
 * Opens both sides, times them and closes them.
 *
 * @param {Arguments} args
 */
async function bench(args) {
  const device = requestedDevice(args.device);
  const threads = threadCount();
  prepareNativeLibraries(device, threads);
  if (args.dataset === "demo") await prepareDataset("demo", args.dataDir);
  const { openOurStep, studentsDevice } = await import("./ours.mjs");
  const runsOn = studentsDevice(device);
  const folder = mkdtempSync(join(tmpdir(), "mtard-bench-"));
  /** @type {{ close(): Promise<void> }[]} */
  const opened = [];
  try {
    const ours = await openOurStep({ ...args, device }, WARM_UP + args.steps, folder);
    opened.push(ours);
    const others = [];
    if (args.python !== undefined) {
      await ours.writeInputs();
      for (const channelsLast of [false, true]) {
        const options = { python: args.python, folder, channelsLast, threads, device: runsOn };
        const side = await openPyTorchStep(options);
        opened.push(side);
        others.push({
          title: `PyTorch ${side.version}, ${channelsLast ? "channels last" : "contiguous"}`,
          side,
        });
      }
    }
    const measured = await measure(ours, others, WARM_UP + args.steps);
    const { dataset, student, batch, cleanTeacher, robustTeacher } = args;
    return {
      machine: { cpu: cpus()[0]?.model ?? "unknown", threads, device: runsOn, node: process.version },
      subject: { dataset, student, batch, cleanTeacher, robustTeacher },
      ...measured,
    };
  } finally {
    for (const side of opened) await side.close();
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {OurStep} ours
 * @param {readonly Other[]} others
 * @param {number} count
 */
async function measure(ours, others, count) {
  /** @type {PyTorchCheck[]} */
  const checks = [];
  for (const { side } of others) checks.push(await side.check());
  const { ourSteps, theirSteps, idle, foreign } = await takeTurns(ours, others, count);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  /** @type {Parts[]} */
  const parts = [];
  for (let index = 0; index < count; index++) parts.push(await ours.parts(index));

  const withParts = ourSteps.map((step, index) => ({
    ...step,
    parts: /** @type {Parts} */ (parts[index]),
    idleCpuSeconds: /** @type {number} */ (idle[index]),
    peakBytes,
  }));
  const mtard = { title: "mtard", ...summarizeSteps(withParts) };
  const pytorch = others.map(({ title }, index) => ({
    title,
    ...summarizeSteps(/** @type {PyTorchStep[]} */ (theirSteps[index])),
    check: compare(mtard.reports[0] ?? {}, /** @type {PyTorchCheck} */ (checks[index])),
  }));
  const fastest = pytorch.toSorted((left, right) => left.median - right.median)[0];
  return {
    foreign,
    mtard,
    pytorch,
    ratio: fastest ? mtard.median / fastest.median : null,
    fastest: fastest?.title ?? null,
  };
}

/**
 * All but the first steps in numbers: medians, where it is not said otherwise.
 *
 * @param {readonly PyTorchStep[]} steps
 */
function summarizeSteps(steps) {
  const timed = steps.slice(WARM_UP);
  /** @param {(step: PyTorchStep) => number} value */
  const median = (value) => summarize(timed.map(value)).median;
  const seconds = timed.map((step) => step.seconds);
  return {
    seconds,
    ...summarize(seconds),
    cpuSeconds: median((step) => step.cpuSeconds),
    idleCpuSeconds: median((step) => step.idleCpuSeconds),
    parts: Object.fromEntries(PARTS.map(([part]) => [part, median((step) => step.parts[part])])),
    peakBytes: Math.max(...steps.map((step) => step.peakBytes)),
    reports: steps.map((step) => step.report),
  };
}

/**
 * A step of ours, one of each other side, and so on; the others wait asleep meanwhile.
 *
 * @param {OurStep} ours
 * @param {readonly Other[]} others
 * @param {number} count
 */
async function takeTurns(ours, others, count) {
  const ourSteps = [];
  /** @type {PyTorchStep[][]} */
  const theirSteps = others.map(() => []);
  const idle = [];
  let foreign = 0;
  for (let index = 0; index < count; index++) {
    const begun = usage();
    ourSteps.push(await ours.step(index));
    await sleep(REST_MILLISECONDS);
    const waiting = usage();
    let theirs = 0;
    for (const [other, { side }] of others.entries()) {
      const step = await side.step(index);
      theirSteps[other]?.push(step);
      theirs += step.cpuSeconds + step.idleCpuSeconds;
      await sleep(REST_MILLISECONDS);
    }
    const ended = usage();
    idle.push(ended.own - waiting.own);
    const busy = ended.machine - begun.machine - (ended.own - begun.own) - theirs;
    if (index >= WARM_UP) foreign += busy / (availableParallelism() * (ended.clock - begun.clock));
    log(`step ${index + 1}/${count}${index < WARM_UP ? ", to warm up" : ""}`);
  }
  return { ourSteps, theirSteps, idle, foreign: Math.max(0, foreign / (count - WARM_UP)) };
}

/** Seconds so far: of processor time, by this process and by all of the machine, and on the clock. */
function usage() {
  const { user, system } = process.cpuUsage();
  const machine = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return { own: (user + system) / 1e6, machine: machine / 1000, clock: performance.now() / 1000 };
}

/**
 * Both sides' losses of batch 0 on the same adversarial images.
 *
 * @param {Readonly<Record<string, number>>} report
 * @param {PyTorchCheck} theirs
 * @throws {WorkError} if they are not the same step.
 */
function compare(report, { lossNat, lossAdv, equalPixels }) {
  const difference = Math.max(
    Math.abs((report["lossNat"] ?? NaN) / lossNat - 1),
    Math.abs((report["lossAdv"] ?? NaN) / lossAdv - 1),
  );
  if (difference <= TOLERANCE) return { lossDifference: difference, equalPixels };
  throw new WorkError("the two sides do not make the same step", {
    expected: `losses ${lossNat} and ${lossAdv}, PyTorch's, within ${TOLERANCE}`,
    found: `${report["lossNat"]} and ${report["lossAdv"]}`,
  });
}

/** @param {Awaited<ReturnType<typeof bench>>} result */
function text({ machine, subject, foreign, mtard, pytorch, ratio, fastest }) {
  const sides = [mtard, ...pytorch];
  const steps = formatTable([
    ["one step", "median", "minimum", "quartiles", "images/s", "processor time", "peak memory"],
    ...sides.map(({ title, median, minimum, lowerQuartile, upperQuartile, cpuSeconds, peakBytes }) => [
      title,
      formatSeconds(median),
      formatSeconds(minimum),
      `${formatSeconds(lowerQuartile)} to ${formatSeconds(upperQuartile)}`,
      (subject.batch / median).toFixed(1),
      formatSeconds(cpuSeconds),
      formatBytes(peakBytes),
    ]),
  ]);
  const parts = formatTable([
    ["parts, one after the other", ...sides.map(({ title }) => title)],
    ...PARTS.map(([part, name]) => [name, ...sides.map((side) => formatSeconds(side.parts[part] ?? NaN))]),
    [
      "sum",
      ...sides.map((side) => formatSeconds(Object.values(side.parts).reduce((sum, part) => sum + part, 0))),
    ],
  ]);
  const compared = pytorch.map(
    ({ title, check, idleCpuSeconds }) =>
      `${title}: same losses within ${check.lossDifference.toExponential(1)}, ${(check.equalPixels * 100).toFixed(1)}% of attacked pixels equal; used ${formatSeconds(idleCpuSeconds)} of processor time while waiting`,
  );
  return [
    `B-MTARD, ${subject.student}, batch ${subject.batch}, ${subject.dataset}; teachers ${subject.cleanTeacher}, ${subject.robustTeacher}`,
    `${machine.cpu}, ${machine.threads} threads a side; ${mtard.seconds.length} steps after ${WARM_UP} to warm up`,
    `other processes had ${(100 * foreign).toFixed(1)}% of the machine${foreign > BUSY ? ": it was busy, do not compare these times" : ""}`,
    "",
    steps,
    "",
    parts,
    ...(ratio === null
      ? []
      : [
          "",
          ...compared,
          `mtard used ${formatSeconds(mtard.idleCpuSeconds)} of processor time while waiting`,
          "",
          `ratio mtard / PyTorch: ${ratio.toFixed(3)} (medians; against the faster, ${fastest})`,
        ]),
  ].join("\n");
}

await runBench(parse, bench, text);
