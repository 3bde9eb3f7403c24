import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { EvaluationPoint } from "../browser/watch-types.js";
import { evaluationIn, stepIn } from "../run/metrics.js";
import { type Thinned, thinned } from "./thinned.js";

/** How much of a metrics file is kept. */
export interface Keeping {
  readonly capacity: number;
  readonly wanted?: (name: string) => boolean;
  /** Of how many steps at least are values taken, spread evenly by bytes, where the file is first read; all of them where it has fewer. */
  readonly sample?: number;
}

/** A run's metrics as far as they were read, in bounded memory however long they are. */
export interface MetricsTail {
  readonly thinned: Thinned;
  /** All evaluations; of very many every other one, the best ones kept. */
  readonly evaluations: readonly EvaluationPoint[];
  /** The last step, and what is known from it. */
  readonly last: { readonly epoch: number; readonly step: number; readonly seconds: number } | null;
  readonly stepsPerEpoch: number | null;
  readonly unreadableLines: number;
  /** Whether all that was there at the last look was read. */
  readonly isRead: boolean;
  /**
   * Reads what came since the last look, in slices between which others work; a file that shrank, or no longer has what was read, is
   * read anew. A last line without its end is left for later.
   *
   * @param mostBytes No more than this is read in one call.
   * @returns Whether something was read: a last line without its end is not.
   */
  look(mostBytes?: number): Promise<boolean>;
}

const SLICE = 2 ** 20;
/** Enough of what was read last to know it again. */
const MARK = 64;
const MOST_EVALUATIONS = 4096;
const NEWLINE = 10;
const EVALUATION = Buffer.from('"wRobust"');

/** Reads the metrics of a run little by little; nothing is read before the first look. */
export function tailMetrics(path: string, keeping: Keeping): MetricsTail {
  let state = emptyState(keeping);

  async function readOn(file: FileHandle, mostBytes: number): Promise<boolean> {
    const { size, ino } = await file.stat();
    if (size < state.end || ino !== state.inode || !(await isAsRead(file))) {
      state = emptyState(keeping);
      state.inode = ino;
    }
    const isFirst = state.end === 0;
    const stride = keeping.sample !== undefined && isFirst ? Math.floor(size / keeping.sample) : 0;
    if (isFirst) state.stride = stride > FEWEST_BYTES ? stride : 0;
    // What comes later is little, and is taken whole.
    state.sampledTo = isFirst ? size : state.sampledTo;
    const until = Math.min(size, state.end + mostBytes);
    const from = state.end;
    const buffer = Buffer.allocUnsafe(Math.min(SLICE, Math.max(0, until - state.end)));
    while (state.end < until) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, until - state.end), state.end);
      if (bytesRead === 0) break;
      const whole = buffer.lastIndexOf(NEWLINE, bytesRead - 1) + 1;
      // A line that fills a slice is none of metrics.
      if (whole === 0 && bytesRead < SLICE) break;
      if (whole === 0) state.isWithinLine = true;
      else takeLines(state, buffer.subarray(0, whole));
      state.end += whole === 0 ? bytesRead : whole;
      const taken = whole || bytesRead;
      state.mark = Buffer.from(buffer.subarray(Math.max(0, taken - MARK), taken));
    }
    state.isRead = until === size;
    return state.end > from;
  }

  async function isAsRead(file: FileHandle): Promise<boolean> {
    const { mark, end } = state;
    if (mark.length === 0) return true;
    const found = Buffer.alloc(mark.length);
    await file.read(found, 0, found.length, end - found.length);
    return found.equals(mark);
  }

  return {
    get thinned() {
      return state.thinned;
    },
    get evaluations() {
      return state.evaluations;
    },
    get last() {
      return state.last;
    },
    get stepsPerEpoch() {
      return state.stepsPerEpoch;
    },
    get unreadableLines() {
      return state.unreadableLines;
    },
    get isRead() {
      return state.isRead;
    },
    async look(mostBytes = Infinity) {
      const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        return await readOn(file, mostBytes);
      } finally {
        await file.close().catch(() => undefined);
      }
    },
  };
}

/** Where lines of a sample would be neighbours, all are taken. */
const FEWEST_BYTES = 2000;

interface State {
  thinned: Thinned;
  evaluations: EvaluationPoint[];
  last: MetricsTail["last"];
  stepsPerEpoch: number | null;
  unreadableLines: number;
  isRead: boolean;
  inode: number | null;
  /** All before this was read. */
  end: number;
  mark: Buffer;
  /** Of each so many bytes up to `sampledTo` one line is taken; 0 for all lines. */
  stride: number;
  sampledTo: number;
  /** Whether the last slice ended within a line too long to be one. */
  isWithinLine: boolean;
}

function emptyState({ capacity, wanted }: Keeping): State {
  return {
    thinned: thinned(capacity, wanted),
    evaluations: [],
    last: null,
    stepsPerEpoch: null,
    unreadableLines: 0,
    isRead: false,
    inode: null,
    end: 0,
    mark: Buffer.alloc(0),
    stride: 0,
    sampledTo: 0,
    isWithinLine: false,
  };
}

/** Takes whole lines, the first of which begins at `state.end`. */
function takeLines(state: State, given: Buffer): void {
  let lines = given;
  if (state.isWithinLine) {
    state.isWithinLine = false;
    state.unreadableLines++;
    lines = given.subarray(given.indexOf(NEWLINE) + 1);
  }
  if (state.stride > 0 && state.end < state.sampledTo) takeSome(state, lines);
  else
    for (const line of lines.toString("utf8", 0, Math.max(0, lines.length - 1)).split("\n"))
      takeLine(state, line);
}

/** Takes all evaluations, the last two lines, and one line of each stride. */
function takeSome(state: State, lines: Buffer): void {
  const starts = new Set<number>();
  for (let at = lines.indexOf(EVALUATION); at >= 0; at = lines.indexOf(EVALUATION, at + 1))
    starts.add(lines.lastIndexOf(NEWLINE, at) + 1);
  for (let at = 0; at < lines.length; at += state.stride) {
    const start = at === 0 ? 0 : lines.indexOf(NEWLINE, at) + 1;
    if (start > 0 || at === 0) starts.add(start);
  }
  // The last line may be of an evaluation; the one before is of the last step then.
  for (let end = lines.length - 1, taken = 0; end > 0 && taken < 2; taken++) {
    end = lines.lastIndexOf(NEWLINE, end - 1);
    starts.add(end + 1);
  }
  for (const start of [...starts].sort((one, other) => one - other)) {
    if (start >= lines.length) continue;
    takeLine(state, lines.toString("utf8", start, lines.indexOf(NEWLINE, start)));
  }
}

function takeLine(state: State, line: string): void {
  if (line === "") return;
  const evaluation = line.includes('"wRobust"') ? evaluationIn(line) : null;
  if (evaluation) {
    const { epoch, step, clean, robust, wRobust, best, averaged } = evaluation;
    state.stepsPerEpoch = step > 0 && epoch > 0 ? Math.round(step / epoch) : state.stepsPerEpoch;
    const point = { epoch, step, clean, robust, wRobust, best, averaged: averaged?.wRobust ?? null };
    state.evaluations.push(point);
    if (state.evaluations.length > MOST_EVALUATIONS)
      state.evaluations = state.evaluations
        .filter(({ best: kept }, at) => kept || at % 2 === 1)
        .slice(-MOST_EVALUATIONS);
    return;
  }
  const step = stepIn(line);
  if (!step) {
    state.unreadableLines++;
    return;
  }
  // The first step of an epoch tells how many the ones before had.
  if (
    state.stride === 0 &&
    state.last &&
    step.epoch === state.last.epoch + 1 &&
    step.step === state.last.step + 1
  )
    state.stepsPerEpoch = Math.round(state.last.step / state.last.epoch);
  const seconds = typeof step["seconds"] === "number" ? step["seconds"] : 0;
  state.last = { epoch: step.epoch, step: step.step, seconds };
  state.thinned.add(step.step, step);
}
