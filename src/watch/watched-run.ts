import { existsSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { EvaluationPoint, RunDetail, RunRow, RunState } from "../browser/watch-types.js";
import { InputError, WorkError } from "../errors.js";
import { readTextFile } from "../files/read-text.js";
import { isSystemError } from "../files/system-error.js";
import { oneLine } from "../harmless.js";
import { heldOutOf } from "../recipes/settings.js";
import { evaluationIn, stepIn } from "../run/metrics.js";
import { readRun, RUN_FILES, type RunDescription } from "../run/run-directory.js";
import { signOf } from "./file-sign.js";
import type { FoundRun } from "./find-runs.js";
import { type LockedFiles, lockOf } from "./run-lock.js";
import { type MetricsTail, tailMetrics } from "./tail-metrics.js";

/** A run that is looked at again and again. */
export interface WatchedRun extends FoundRun {
  readonly id: string;
  /** Looks at its files without reading its metrics; whether anything has changed. */
  look(locked: LockedFiles | null, now: number): Promise<boolean>;
  /** Reads the next slice of its metrics; false once nothing is left. */
  readMore(mostBytes: number): Promise<boolean>;
  /** When its metrics were last written. */
  readonly updated: number;
  row(sibling: SiblingSteps): RunRow;
  /** Null before the first look. */
  readonly description: RunDescription | null;
  readonly stepsPerEpoch: number | null;
}

/** How many steps an epoch has in a run of the same data and settings. */
export type SiblingSteps = (run: RunDescription) => number | null;

/** The list shows a curve of this many points, from at least this many steps. */
const SMALL_POINTS = 48;
const SAMPLE = 768;
const CAPACITY = 128;
/** A run whose lock another host may have is at work if its metrics grew within this time; milliseconds. */
const AT_WORK = 15 * 60_000;

const summarySchema = z.object({ status: z.literal("finished") });
const MOST_BYTES = 2 ** 22;

/** A run as the list shows it; nothing is read before the first look. */
export function watchRun(id: string, { folder, name }: FoundRun): WatchedRun {
  const path = (file: keyof typeof RUN_FILES): string => join(folder, RUN_FILES[file]);
  const tail = tailMetrics(path("metrics"), {
    capacity: CAPACITY,
    sample: SAMPLE,
    wanted: (value) => value.startsWith("loss") || value === "seconds",
  });
  let signs = "";
  let description: RunDescription | null = null;
  let problem: string | null = null;
  let state: RunState = "paused";
  let updated = 0;
  let glance: MetricsGlance = NOTHING;
  let metricsSigns = "";
  let isRefused = false;

  /** What has been read of the metrics, or before that what their end shows. */
  const known = (): MetricsGlance =>
    tail.isRead
      ? {
          last: tail.last ?? glance.last,
          best: tail.evaluations.filter(({ best }) => best).at(-1) ?? null,
          stepsPerEpoch: tail.stepsPerEpoch,
          pace: null,
        }
      : glance;

  return {
    id,
    folder,
    name,
    get updated() {
      return updated;
    },
    get description() {
      return description;
    },
    get stepsPerEpoch() {
      return tail.stepsPerEpoch ?? glance.stepsPerEpoch;
    },
    async look(locked, now) {
      const [settings, metrics, summary] = await Promise.all(
        [path("settings"), path("metrics"), path("summary")].map(lookAt),
      );
      const held = await lockOf(folder, locked);
      const isOverdue = held === "unknown" && now - (metrics?.time ?? 0) > AT_WORK;
      const seen = [settings?.sign, metrics?.sign, summary?.sign, held, isOverdue].join(" ");
      if (seen === signs) return false;
      if (!signs.startsWith(`${settings?.sign ?? ""} `)) {
        [description, problem] = described(folder);
      }
      signs = seen;
      updated = metrics?.time ?? settings?.time ?? 0;
      if (metrics && metrics.sign !== metricsSigns) {
        metricsSigns = metrics.sign;
        isRefused = false;
        if (!tail.isRead) glance = await glanceAt(path("metrics"));
      }
      if (description === null) state = "damaged";
      else if (held === "held" || (held === "unknown" && !isOverdue)) state = "training";
      else if (summary && isSummary(path("summary")) && existsSync(path("best"))) state = "finished";
      else state = "paused";
      return true;
    },
    async readMore(mostBytes) {
      if (metricsSigns === "") return false;
      try {
        return await tail.look(mostBytes);
      } catch (error) {
        if (!isSystemError(error)) throw error;
        // Between a look and this the run may have been removed, too.
        problem = `${RUN_FILES.metrics} cannot be read: ${error.code}`;
        isRefused = true;
        return false;
      }
    },
    row(sibling) {
      const { last, best, pace, ...rest } = known();
      const settings = description?.settings;
      const epochs = settings?.epochs ?? 0;
      const stepsPerEpoch =
        rest.stepsPerEpoch ?? (description && (ofLimit(description) ?? sibling(description)));
      const step = last?.step ?? 0;
      const all = stepsPerEpoch === null ? null : epochs * stepsPerEpoch;
      const left = all === null ? null : Math.max(0, all - step);
      const secondsPerStep =
        state === "training" && last ? (pace ?? paceIn(tail, last, stepsPerEpoch)) : null;
      const share = state === "finished" ? 1 : all === null || all === 0 ? null : Math.min(1, step / all);
      return {
        id,
        name: oneLine(name),
        state,
        problem,
        about: settings ? oneLine(aboutOf(settings)) : "",
        epoch: last?.epoch ?? 0,
        epochs,
        step,
        stepsPerEpoch,
        share,
        secondsLeft: secondsPerStep === null || left === null ? null : secondsPerStep * left,
        updated,
        best,
        loss: tail.thinned.small(lossOf(tail), SMALL_POINTS),
        wRobust: smallEvaluations(tail.evaluations),
        read: tail.isRead || isRefused || metricsSigns === "",
      };
    },
  };
}

/** The rest of what a run's page shows; `tail` has all of its metrics. */
export function detailOf(row: RunRow, description: RunDescription | null, tail: MetricsTail): RunDetail {
  const { settings, recipe } = description ?? {};
  const names = Object.entries(settings ?? {}).map(([name, value]): [string, string] => [
    name,
    oneLine(typeof value === "string" ? value : JSON.stringify(value)) +
      (Object.hasOwn(recipe ?? {}, name)
        ? ` (the recipe: ${JSON.stringify(recipe?.[name as keyof typeof recipe])})`
        : ""),
  ]);
  return {
    row,
    settings: names,
    curves: tail.thinned.curves(),
    evaluations: tail.evaluations,
    unreadableLines: tail.unreadableLines,
  };
}

function aboutOf({ method, dataset, student, seed }: RunDescription["settings"]): string {
  return `${method}, ${student} on ${dataset}, seed ${seed}`;
}

/** The value that stands for the training: the whole loss, else the first that there is. */
function lossOf({ thinned }: MetricsTail): string {
  const names = thinned.names().filter((name) => name.startsWith("loss"));
  return names.includes("lossTotal") ? "lossTotal" : (names[0] ?? "lossTotal");
}

function smallEvaluations(evaluations: readonly EvaluationPoint[]): number[] {
  const stride = Math.ceil(evaluations.length / SMALL_POINTS);
  return evaluations
    .filter((_, at) => (evaluations.length - 1 - at) % stride === 0)
    .map(({ wRobust }) => Number(wRobust.toPrecision(4)));
}

/** What a limit says of a run that shows nothing yet; without one nobody knows here how many images there are. */
function ofLimit({ settings }: RunDescription): number | null {
  const { limitTrain, batchSize } = settings;
  if (limitTrain === null) return null;
  return Math.max(1, Math.ceil((limitTrain - heldOutOf(settings)) / batchSize));
}

/** Seconds a step over the last epoch or the last hundred steps, evaluations included; null before there are two. */
function paceIn(
  tail: MetricsTail,
  last: NonNullable<MetricsTail["last"]>,
  stepsPerEpoch: number | null,
): number | null {
  const window = Math.max(100, stepsPerEpoch ?? 0);
  const from = tail.thinned.before("seconds", Math.max(1, last.step - window));
  if (!from || last.step <= from.step || last.seconds < from.value) return null;
  return (last.seconds - from.value) / (last.step - from.step);
}

interface MetricsGlance {
  readonly last: MetricsTail["last"];
  readonly best: EvaluationPoint | null;
  readonly stepsPerEpoch: number | null;
  /** Seconds a step. */
  readonly pace: number | null;
}

const NOTHING: MetricsGlance = { last: null, best: null, stepsPerEpoch: null, pace: null };
const GLANCE_BYTES = 2 ** 16;

/** What the last lines of metrics say, in little time however long they are. */
async function glanceAt(path: string): Promise<MetricsGlance> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - GLANCE_BYTES);
      const buffer = Buffer.alloc(size - start);
      await file.read(buffer, 0, buffer.length, start);
      const lines = buffer
        .toString("utf8")
        .split("\n")
        .slice(start === 0 ? 0 : 1, -1);
      const steps = lines.flatMap((line) => stepIn(line) ?? []);
      const evaluation = lines
        .flatMap((line) => (line.includes('"wRobust"') ? (evaluationIn(line) ?? []) : []))
        .at(-1);
      const [first, last] = [steps[0], steps.at(-1)];
      if (!first || !last) return NOTHING;
      const seconds = (step: typeof first): number => Number(step["seconds"] ?? 0);
      const count = last.step - first.step;
      return {
        last: { epoch: last.epoch, step: last.step, seconds: seconds(last) },
        best: evaluation?.best ? { ...evaluation, averaged: evaluation.averaged?.wRobust ?? null } : null,
        stepsPerEpoch:
          evaluation && evaluation.epoch > 0 ? Math.round(evaluation.step / evaluation.epoch) : null,
        pace: count > 0 ? (seconds(last) - seconds(first)) / count : null,
      };
    } finally {
      await file.close();
    }
  } catch {
    return NOTHING;
  }
}

async function lookAt(path: string): Promise<{ readonly sign: string; readonly time: number } | null> {
  try {
    const status = await stat(path);
    // A pipe would wait for its writer.
    if (!status.isFile()) return null;
    return { sign: signOf(status), time: status.mtimeMs };
  } catch {
    return null;
  }
}

function described(folder: string): [RunDescription | null, string | null] {
  try {
    return [readRun(folder), null];
  } catch (error) {
    if (!(error instanceof InputError || error instanceof WorkError)) throw error;
    return [null, oneLine(`${error.message}${error.detail.found ? `: ${error.detail.found}` : ""}`)];
  }
}

function isSummary(path: string): boolean {
  try {
    return summarySchema.safeParse(JSON.parse(readTextFile(path, MOST_BYTES))).success;
  } catch {
    return false;
  }
}
