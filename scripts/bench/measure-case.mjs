import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { log } from "#mtard/cli/output.js";
import { WorkError } from "#mtard/errors.js";
import { secondsAtPeak } from "./arithmetic.mjs";
import { caseName } from "./cases.mjs";
import { machineUsage, takenBy } from "./processes.mjs";
import { openPyTorchStep } from "./pytorch.mjs";
import { openSide } from "./side.mjs";
import { summarize } from "./summary.mjs";

/* One case: every side in a process of its own, and all of them by turns. */

/** Rest between two sides' steps, so that threads of the one have gone to sleep when the other begins. */
const REST_MILLISECONDS = 100;
/** Both sides' losses on the same images may differ so much, relatively. */
const TOLERANCE = { float32: 1e-4, bfloat16: 0.05 };

/**
 * @typedef {import("./cases.mjs").Case} Case
 * @typedef {import("./cases.mjs").Precision} Precision
 * @typedef {import("./ours.mjs").Part} Part
 * @typedef {"step" | "attack" | "forward" | "learn"} Compared
 *
 * @typedef {object} Plan What is measured of every case.
 * @property {number} rounds
 * @property {number} warmUp Rounds before those that count.
 * @property {number} threads
 * @property {readonly Precision[]} precisions
 * @property {readonly import("./cases.mjs").Compile[]} compile
 * @property {string | undefined} python
 * @property {string | null} dataset
 * @property {string | null} cleanTeacher
 * @property {string | null} robustTeacher
 * @property {string} dataDir
 * @property {string} teachersDir
 * @property {import("#mtard/runtime/device.js").DeviceRequest} device
 *
 * @typedef {object} Turn
 * @property {number} seconds Of the whole step.
 * @property {Readonly<Record<Part, number>>} parts Seconds of its parts, one after the other.
 * @property {number} cpuSeconds Processor time of the step.
 * @property {number} idleCpuSeconds Processor time used since the turn before.
 *
 * @typedef {Partial<Record<"float32" | "bfloat16", { lossNat: number, lossAdv: number }>>} Losses
 * @typedef {Partial<Record<"float32" | "bfloat16", number>>} Peaks Operations a second.
 *
 * @typedef {object} Entrant
 * @property {string} title
 * @property {boolean} ours
 * @property {Precision} precision
 * @property {import("./side.mjs").Side} side
 * @property {Turn[]} turns
 */

/** The parts that are compared, beside the whole step. @type {readonly Compared[]} */
export const COMPARED = ["step", "attack", "forward", "learn"];

/**
 * Measures a case.
 *
 * @param {Case} one
 * @param {Plan} plan
 * @throws {WorkError} if the two sides do not make the same step.
 */
export async function measureCase(one, plan) {
  const { precisions, rounds, warmUp } = plan;
  const folder = mkdtempSync(join(tmpdir(), "mtard-bench-"));
  /** @type {Entrant[]} */
  const entrants = [];
  try {
    /** @param {Precision} precision @param {import("./cases.mjs").Compile} compile */
    const open = (precision, compile) => openOurs(one, plan, { precision, compile, folder });
    const written = await writeInputs(one, plan, folder);
    const checks = [];
    for (const precision of precisions) {
      for (const compile of plan.compile) {
        // Only functions can compute in bfloat16.
        if (compile === "off" && precision !== "float32") continue;
        const title = ["mtard", ...(compile === "off" ? ["kernel by kernel"] : []), precision].join(", ");
        entrants.push({ title, ours: true, precision, side: await open(precision, compile), turns: [] });
      }
      for (const channelsLast of plan.python === undefined ? [] : [false, true]) {
        const { python = "", threads } = plan;
        const options = { python, folder, channelsLast, threads, precision, device: written.device };
        const side = await openPyTorchStep(options);
        const title = `PyTorch ${side.version}, ${channelsLast ? "channels last" : "contiguous"}, ${precision}`;
        entrants.push({ title, ours: false, precision, side, turns: [] });
        checks.push({ title, ...compareLosses(written.losses, await side.ask({ check: true }), precision) });
      }
    }
    const peaks = await measurePeaks(written.peaks, entrants);
    const foreign = await takeTurns(entrants, { name: caseName(one), rounds, warmUp });
    const sides = entrants.map((entrant) => summarizeSide(entrant, warmUp, written.operations, peaks));
    return {
      case: one,
      device: written.device,
      foreign,
      peaks,
      operations: written.operations,
      checks,
      sides,
      ratios: compareSides(entrants, warmUp),
    };
  } finally {
    for (const { side } of entrants) await side.close();
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {Case} one
 * @param {Plan} plan
 * @param {{ precision: Precision, compile: import("./cases.mjs").Compile, folder: string }} way
 */
function openOurs(one, plan, { precision, compile, folder }) {
  const { dataset, cleanTeacher, robustTeacher, dataDir, teachersDir, device, rounds, warmUp } = plan;
  /** @type {import("./subject.mjs").Subject} */
  const subject = {
    ...{ case: one, dataset, cleanTeacher, robustTeacher, dataDir, teachersDir, device, precision, folder },
    batches: rounds + warmUp,
  };
  return openSide({
    command: process.execPath,
    args: [fileURLToPath(new URL("ours-side.mjs", import.meta.url)), JSON.stringify(subject)],
    environment: {
      MTARD_THREADS: String(plan.threads),
      ...(compile === "off" ? { MTARD_COMPILE: "0" } : {}),
    },
    problem: "this program cannot make the step",
    expected: "a set-up project: make setup",
  });
}

/**
 * Writes what PyTorch needs, in a process that is gone when the sides begin, so that the first step of each is its first.
 *
 * @param {Case} one
 * @param {Plan} plan
 * @param {string} folder
 */
async function writeInputs(one, plan, folder) {
  const side = await openOurs(one, plan, { precision: "float32", compile: "on", folder });
  try {
    const halves = plan.precisions.filter((each) => each !== "float32");
    const trained = plan.precisions.includes("bfloat16") ? ["float32", "bfloat16"] : ["float32"];
    /** @type {{ losses: Losses, operations: Record<Part, number> }} */
    const { losses, operations } = await side.ask({ inputs: trained });
    /** @type {Peaks} */
    const peaks = { float32: (await side.ask({ peak: "float32" })).peak };
    if (halves.length > 0) peaks.bfloat16 = (await side.ask({ peak: "bfloat16" })).peak;
    const device = /** @type {import("#mtard/runtime/device.js").Device} */ (side.hello.device);
    return { losses, operations, device, peaks };
  } finally {
    await side.close();
  }
}

/**
 * The machine's peaks: what the faster of both sides' matrix products reaches.
 *
 * @param {Peaks} ours
 * @param {readonly Entrant[]} entrants
 */
async function measurePeaks(ours, entrants) {
  const peaks = { ...ours };
  const other = entrants.find((entrant) => !entrant.ours);
  for (const precision of /** @type {(keyof Peaks)[]} */ (Object.keys(peaks))) {
    const theirs = other ? (await other.side.ask({ peak: precision })).peak : 0;
    peaks[precision] = Math.max(peaks[precision] ?? 0, theirs);
  }
  return peaks;
}

/**
 * Losses of batch 0 on the same adversarial images, of this program and of PyTorch.
 *
 * @param {Losses} losses
 * @param {import("./pytorch.mjs").Check} theirs
 * @param {Precision} precision
 * @throws {WorkError} if they are not the same step.
 */
export function compareLosses(losses, { lossNat, lossAdv, equalPixels }, precision) {
  const trained = precision === "bfloat16" ? precision : "float32";
  const ours = losses[trained];
  const difference = Math.max(
    Math.abs((ours?.lossNat ?? NaN) / lossNat - 1),
    Math.abs((ours?.lossAdv ?? NaN) / lossAdv - 1),
  );
  if (difference <= TOLERANCE[trained]) return { lossDifference: difference, equalPixels };
  throw new WorkError("the two sides do not make the same step", {
    expected: `losses ${lossNat} and ${lossAdv}, PyTorch's, within ${TOLERANCE[trained]}`,
    found: `${ours?.lossNat} and ${ours?.lossAdv}`,
  });
}

/**
 * A step of each side after the other, and so on; the others wait asleep meanwhile.
 *
 * @param {readonly Entrant[]} entrants
 * @param {{ name: string, rounds: number, warmUp: number }} plan
 * @returns {Promise<number>} The share of the machine that other processes had in the rounds that count.
 */
async function takeTurns(entrants, { name, rounds, warmUp }) {
  let [busy, available] = [0, 0];
  const rested = new Map(entrants.map(({ side }) => [side, takenBy(side.pid).cpuSeconds]));
  for (let round = 0; round < warmUp + rounds; round++) {
    const begun = machineUsage();
    const sidesBegun = sumOf(entrants, ({ side }) => takenBy(side.pid).cpuSeconds);
    for (const { side, ours, turns } of entrants) {
      const before = takenBy(side.pid).cpuSeconds;
      const step = await side.ask({ step: round });
      const cpuSeconds = takenBy(side.pid).cpuSeconds - before;
      const { parts } = ours ? await side.ask({ parts: round }) : step;
      turns.push({
        seconds: step.seconds,
        parts,
        cpuSeconds,
        idleCpuSeconds: before - (rested.get(side) ?? before),
      });
      rested.set(side, takenBy(side.pid).cpuSeconds);
      await sleep(REST_MILLISECONDS);
    }
    const ended = machineUsage();
    const own = sumOf(entrants, ({ side }) => takenBy(side.pid).cpuSeconds) - sidesBegun;
    if (round >= warmUp) {
      busy += ended.cpuSeconds - begun.cpuSeconds - own;
      available += availableParallelism() * (ended.clock - begun.clock);
    }
    log(`${name}: round ${round + 1}/${warmUp + rounds}${round < warmUp ? ", to warm up" : ""}`);
  }
  return Math.max(0, busy / available);
}

/**
 * One side in numbers: medians of the rounds that count, where it is not said otherwise.
 *
 * @param {Entrant} entrant
 * @param {number} warmUp
 * @param {Record<Part, number>} operations
 * @param {Peaks} peaks
 */
function summarizeSide({ title, ours, precision, side, turns }, warmUp, operations, peaks) {
  const timed = turns.slice(warmUp);
  /** @param {(turn: Turn) => number} value */
  const median = (value) => summarize(timed.map(value)).median;
  const seconds = timed.map((turn) => turn.seconds);
  const summary = summarize(seconds);
  /** @type {Record<string, number>} */
  const parts = {};
  for (const part of /** @type {Part[]} */ (Object.keys(operations)))
    parts[part] = median((turn) => turn.parts[part]);
  return {
    ...{ title, ours, precision, seconds, ...summary, parts },
    firstSeconds: turns[0]?.seconds ?? NaN,
    cpuSeconds: median((turn) => turn.cpuSeconds),
    idleCpuSeconds: median((turn) => turn.idleCpuSeconds),
    peakBytes: takenBy(side.pid).peakBytes,
    shareOfPeak: secondsAtPeak(operations, precision, peaks) / summary.median,
  };
}

/**
 * Ratios of this program's ways to the faster PyTorch, of the same precision and of float32.
 *
 * @param {readonly Pick<Entrant, "title" | "ours" | "precision" | "turns">[]} entrants
 * @param {number} warmUp
 */
export function compareSides(entrants, warmUp) {
  /** @param {Pick<Entrant, "turns">} entrant @param {Compared} what */
  const times = ({ turns }, what) =>
    turns.slice(warmUp).map((turn) => (what === "step" ? turn.seconds : turn.parts[what]));
  return entrants
    .filter(({ ours }) => ours)
    .flatMap((own) => {
      const against = [...new Set(/** @type {Precision[]} */ ([own.precision, "float32"]))];
      return against.flatMap((precision) => {
        const others = entrants.filter((each) => !each.ours && each.precision === precision);
        if (others.length === 0) return [];
        const ratios = COMPARED.map((what) => [
          what,
          ratioOf(
            times(own, what),
            others.map((each) => times(each, what)),
          ),
        ]);
        return [
          {
            ...{ title: own.title, precision: own.precision, against: precision },
            .../** @type {Record<Compared, ReturnType<typeof ratioOf>>} */ (Object.fromEntries(ratios)),
          },
        ];
      });
    });
}

/**
 * The ratio of medians to the fastest of others, and the quartiles of the ratios of rounds.
 *
 * @param {readonly number[]} ours
 * @param {readonly (readonly number[])[]} others
 */
function ratioOf(ours, others) {
  const fastest = others.toSorted((one, other) => summarize(one).median - summarize(other).median)[0] ?? [];
  const { lowerQuartile, upperQuartile } = summarize(
    ours.map((seconds, round) => seconds / (fastest[round] ?? NaN)),
  );
  return { ratio: summarize(ours).median / summarize(fastest).median, lowerQuartile, upperQuartile };
}

/** @template One @param {readonly One[]} all @param {(one: One) => number} value */
function sumOf(all, value) {
  return all.reduce((sum, one) => sum + value(one), 0);
}
