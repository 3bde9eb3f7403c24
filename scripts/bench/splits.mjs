// Times whole B-MTARD steps with the cores split between the student's engine and the teachers' in several ways, by turns.
import { fork } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import yargs from "yargs";
import { log } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { InputError } from "#mtard/errors.js";
import { runBench } from "./main.mjs";
import { formatSeconds, summarize } from "./summary.mjs";

/** Steps before the timed ones. */
const WARM_UP = 2;
/** Rest between two steps, so that threads of the one have gone to sleep when the other begins. */
const REST_MILLISECONDS = 100;
const CORES = availableParallelism();
const HALF = Math.max(1, Math.floor(CORES / 2));

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/splits.mjs")
    .usage("$0\n\nTimes whole B-MTARD steps at several splits of the cores between student and teachers.")
    .option("dataset", { type: "string", default: "demo" })
    .option("student", { type: "string", default: "resnet-20" })
    .option("batch", { type: "number", default: 128, describe: "images a step" })
    .option("steps", { type: "number", default: 7, describe: `timed steps, after ${WARM_UP} to warm up` })
    .option("clean-teacher", { type: "string", default: "demo-clean" })
    .option("robust-teacher", { type: "string", default: "demo-robust" })
    .option("splits", {
      type: "string",
      default: `${CORES}/${CORES},${CORES}/${HALF},${CORES}/1`,
      describe: "threads of the student / of each teacher, + how much lower the teachers' priority is",
    })
    .option("checkout", { type: "string", describe: "another checkout, timed beside at the first split" })
    .option("data-dir", { type: "string", default: process.env["MTARD_DATA"] ?? "data" })
    .option("teachers-dir", { type: "string", default: process.env["MTARD_TEACHERS"] ?? "teachers" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw (
        error ??
        new InputError(message ?? "the call is wrong", { fix: "node scripts/bench/splits.mjs --help" })
      );
    })
    .parseAsync();
}

/**
 * @param {string} text Such as `4/2+10`.
 * @throws {InputError} if it is no split.
 */
function parseSplit(text) {
  const [, student = "", teacher = "", nice = "0"] = /^(\d+)\/(\d+)(?:\+(\d+))?$/.exec(text) ?? [];
  if (student !== "") return { student, teacher, nice: Number(nice) };
  throw new InputError("--splits is wrong", { expected: "such as 4/4,4/2,4/1+10", found: text });
}

/**
 * Starts the program of one split.
 *
 * @param {Awaited<ReturnType<typeof parse>>} args
 * @param {string} split
 * @param {string} title
 * @param {string} folder The checkout's scripts/bench.
 */
async function openSplit(args, split, title, folder) {
  const { student, teacher, nice } = parseSplit(split);
  const child = fork(join(folder, "splits-step.mjs"), {
    env: { ...process.env, MTARD_THREADS: teacher, TF_NUM_INTRAOP_THREADS: student },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  /** @type {{ resolve(answer: Record<string, number>): void, reject(error: Error): void }} */
  let waiting;
  child.on("message", (answer) => waiting.resolve(/** @type {Record<string, number>} */ (answer)));
  child.on("exit", (code) => waiting.reject(new Error(`the program of ${title} ended with ${String(code)}`)));
  /**
   * @param {import("node:child_process").Serializable} message
   * @returns {Promise<Record<string, number>>}
   */
  const ask = (message) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      child.send(message);
    });
  const { opened = NaN } = await ask({ ...args, device: "cpu", steps: WARM_UP + args.steps, nice });
  return {
    title,
    opened,
    ask,
    end() {
      child.removeAllListeners("exit");
      child.send("end");
    },
  };
}

/** @param {Awaited<ReturnType<typeof parse>>} args */
async function bench(args) {
  const here = import.meta.dirname;
  const wanted = args.splits.split(",").map((split) => ({ split, title: split, folder: here }));
  const [first] = wanted;
  if (args.checkout !== undefined && first)
    wanted.push({
      split: first.split,
      title: `${first.split} in ${args.checkout}`,
      folder: join(args.checkout, "scripts/bench"),
    });
  const sides = [];
  try {
    for (const { split, title, folder } of wanted) sides.push(await openSplit(args, split, title, folder));
    const times = sides.map(() => ({
      /** @type {number[]} */ seconds: [],
      /** @type {number[]} */ cpuSeconds: [],
    }));
    for (let step = 0; step < WARM_UP + args.steps; step++) {
      for (const [index, side] of sides.entries()) {
        const { seconds = NaN, cpuSeconds = NaN } = await side.ask(step);
        if (step >= WARM_UP) {
          times[index]?.seconds.push(seconds);
          times[index]?.cpuSeconds.push(cpuSeconds);
        }
        await sleep(REST_MILLISECONDS);
      }
      log(`step ${step + 1} of ${WARM_UP + args.steps}`);
    }
    return {
      processor: cpus()[0]?.model ?? "unknown",
      cores: CORES,
      splits: sides.map(({ title, opened }, index) => ({
        split: title,
        opened,
        wall: summarize(times[index]?.seconds ?? []),
        processor: summarize(times[index]?.cpuSeconds ?? []),
      })),
    };
  } finally {
    for (const side of sides) side.end();
  }
}

/** @param {Awaited<ReturnType<typeof bench>>} result */
function text({ processor, cores, splits }) {
  const base = splits[0]?.wall.median ?? NaN;
  return formatTable([
    [`${cores} cores, ${processor}`, "median", "quartiles", "processor time", "ratio", "opened in"],
    ...splits.map(({ split, wall, processor: taken, opened }) => [
      split,
      formatSeconds(wall.median),
      `${formatSeconds(wall.lowerQuartile)} to ${formatSeconds(wall.upperQuartile)}`,
      formatSeconds(taken.median),
      (wall.median / base).toFixed(3),
      formatSeconds(opened),
    ]),
  ]);
}

await runBench(parse, bench, text);
