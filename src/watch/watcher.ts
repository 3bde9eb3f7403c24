import { setTimeout as wait } from "node:timers/promises";
import { join } from "node:path";
import type { Changes, JobRow, Measurements, Overview, RunDetail, RunRow } from "../browser/watch-types.js";
import { MEASUREMENTS_FOLDER } from "../evaluation/store.js";
import { oneLine } from "../harmless.js";
import { heldOutOf } from "../recipes/settings.js";
import { RUN_FILES, type RunDescription } from "../run/run-directory.js";
import { type Found, findRuns } from "./find-runs.js";
import { lookAtJobs } from "./jobs-look.js";
import { measuredTable, type RecordsOf } from "./measured.js";
import { lockedFiles } from "./run-lock.js";
import { type MetricsTail, tailMetrics } from "./tail-metrics.js";
import { detailOf, type WatchedRun, watchRun } from "./watched-run.js";

/**
 * Looks at a folder of runs for as long as somebody wants to know, and tells what changed. It reads files and writes none. Who asks while
 * nobody listens waits for a look, unless the last one is no older than folders are gone through anyway.
 */
export interface Watcher {
  overview(): Overview;
  /** All there is to show of a run; null if there is none with this id. What is new of its metrics is read first. */
  detail(id: string): Promise<RunDetail | null>;
  /** All measurements, as far as they can be read in a moment. */
  measurements(): Promise<Measurements>;
  /** The folder of a run; null if there is none with this id. */
  find(id: string): Promise<string | null>;
  /** Calls `listener` with every change until the function that is returned is called. */
  listen(listener: (changes: Changes) => void): () => void;
  /** Looks once, and resolves when all runs are in the overview, if not yet with their curves. */
  begin(): Promise<void>;
  end(): void;
}

/** How often known runs are looked at, folders are gone through, and jobs are asked for; milliseconds. */
export interface Rhythm {
  readonly look: number;
  readonly find: number;
  readonly jobs: number;
}

const USUAL: Rhythm = { look: 1000, find: 5000, jobs: 15_000 };

const SLICE = 2 ** 20;
/** How long metrics are read before the page is told; milliseconds. */
const READING = 250;
/** Runs whose whole metrics are kept thinned, as their pages are open. */
const MOST_OPEN = 24;
const OPEN_CAPACITY = 512;
const READING_RECORDS = 300;

/** Watches the runs below a folder. */
export function watchFolder(folder: string, rhythm: Rhythm = USUAL): Watcher {
  let found: Found = { runs: new Map(), withJobs: [], measured: [], notes: [] };
  const runs = new Map<string, WatchedRun>();
  const rows = new Map<string, RunRow>();
  const unread = new Set<string>();
  /** Runs that are gone, which nobody was told yet. */
  const gone = new Set<string>();
  const open = new Map<string, { readonly tail: MetricsTail; turn: Promise<unknown> }>();
  const listeners = new Set<(changes: Changes) => void>();
  const records = measuredTable();
  let jobs: { readonly rows: readonly JobRow[]; readonly notes: readonly string[] } = { rows: [], notes: [] };
  let jobsAsked = -Infinity;
  let foundAt = -Infinity;
  let lookedAt = -Infinity;
  let failure: [string] | null = null;
  let told = { jobs: "[]", notes: "[]" };
  const ended = new AbortController();
  let wake = (): void => undefined;
  /** Those who wait for the next look. */
  const waiting = new Set<() => void>();

  const notes = (): string[] => [...found.notes, ...jobs.notes, ...(failure ?? [])].map(oneLine);

  /** The steps of an epoch, from another run of the same data, batch and images: until the first epoch is over a run does not show it. */
  function sibling(run: RunDescription): number | null {
    const likeness = likenessOf(run);
    for (const { description, stepsPerEpoch } of runs.values())
      if (stepsPerEpoch !== null && description && likenessOf(description) === likeness) return stepsPerEpoch;
    return null;
  }

  /** Goes through the folders. */
  async function find(): Promise<void> {
    found = await findRuns(folder);
    foundAt = performance.now();
    for (const id of [...runs.keys()].filter((each) => !found.runs.has(each))) {
      for (const each of [runs, rows, unread, open]) each.delete(id);
      gone.add(id);
    }
    for (const [id, each] of found.runs) {
      if (!runs.has(id)) runs.set(id, watchRun(id, each));
      gone.delete(id);
    }
  }

  /** Looks at all runs; returns the ids of those with changes. */
  async function look(): Promise<Set<string>> {
    const locked = await lockedFiles();
    const changed = new Set<string>();
    const all = [...runs.values()];
    for (let at = 0; at < all.length; at += AT_ONCE)
      await Promise.all(
        all.slice(at, at + AT_ONCE).map(async (run) => {
          if (!(await run.look(locked, Date.now()))) return;
          changed.add(run.id);
          // At once: it does not change again if the look at another one fails.
          unread.add(run.id);
        }),
      );
    lookedAt = performance.now();
    return changed;
  }

  /** Reads metrics for a moment: those of runs that are trained first, then the newest; adds the ids of those read to their end. */
  async function read(changed: Set<string>): Promise<void> {
    const until = performance.now() + READING;
    const isAtWork = (id: string): number => Number(rows.get(id)?.state === "training");
    const inOrder = [...unread].sort(
      (one, other) =>
        isAtWork(other) - isAtWork(one) || (runs.get(other)?.updated ?? 0) - (runs.get(one)?.updated ?? 0),
    );
    for (const id of inOrder) {
      const run = runs.get(id);
      let more = run !== undefined;
      while (more && performance.now() < until && !ended.signal.aborted)
        more = (await run?.readMore(SLICE)) ?? false;
      if (more) return;
      unread.delete(id);
      changed.add(id);
    }
  }

  function tell(changed: ReadonlySet<string>): void {
    const changedRows: RunRow[] = [];
    for (const id of changed) {
      const row = runs.get(id)?.row(sibling);
      if (!row) continue;
      rows.set(id, row);
      changedRows.push(row);
    }
    const now = { jobs: JSON.stringify(jobs.rows), notes: JSON.stringify(notes()) };
    const changes: Changes = {
      runs: changedRows,
      gone: [...gone],
      jobs: now.jobs === told.jobs ? null : jobs.rows,
      notes: now.notes === told.notes ? null : notes(),
    };
    told = now;
    gone.clear();
    if (changes.runs.length + changes.gone.length > 0 || changes.jobs || changes.notes)
      for (const listener of listeners) listener(changes);
  }

  function askForJobs(): void {
    if (performance.now() - jobsAsked < rhythm.jobs) return;
    jobsAsked = Infinity;
    // Slurm may keep an answer back for minutes, which the runs do not wait for.
    void lookAtJobs(folder, found.withJobs).then((looked) => {
      jobs = looked;
      jobsAsked = performance.now();
    });
  }

  async function round(): Promise<void> {
    if (performance.now() - foundAt > rhythm.find) await find();
    const changed = await look();
    // Before anything is read, so that every run is shown at once.
    if (changed.size > 0 && rows.size === 0) tell(changed);
    await read(changed);
    askForJobs();
    tell(changed);
  }

  async function loop(): Promise<void> {
    for (;;) {
      try {
        await round();
        failure = null;
      } catch (error) {
        // The next look may well succeed, and the page stays.
        failure = [`looking at ${folder} failed: ${error instanceof Error ? error.message : String(error)}`];
        tell(new Set());
      }
      for (const done of waiting) done();
      waiting.clear();
      if (failure === null && unread.size > 0) continue;
      if (ended.signal.aborted) return;
      if (listeners.size === 0) await new Promise<void>((awake) => (wake = awake));
      else await wait(rhythm.look, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  }

  /** Resolves at once where the last look is recent, else after the next one. */
  async function recentLook(): Promise<void> {
    if (ended.signal.aborted || performance.now() - lookedAt < rhythm.find) return;
    await new Promise<void>((done) => {
      waiting.add(done);
      wake();
    });
  }

  /** All of a run's metrics, thinned. */
  async function wholeMetrics(run: WatchedRun): Promise<MetricsTail> {
    const entry = open.get(run.id) ?? {
      tail: tailMetrics(join(run.folder, RUN_FILES.metrics), { capacity: OPEN_CAPACITY }),
      turn: Promise.resolve(),
    };
    // The last one used stands last.
    open.delete(run.id);
    open.set(run.id, entry);
    for (const id of open.keys()) if (open.size > MOST_OPEN) open.delete(id);
    const turn = entry.turn.then(() => entry.tail.look().catch(() => false));
    entry.turn = turn;
    await turn;
    return entry.tail;
  }

  return {
    overview: () => ({ folder, runs: [...rows.values()], jobs: jobs.rows, notes: notes() }),
    async detail(id) {
      await recentLook();
      const run = runs.get(id);
      if (!run) return null;
      const tail = await wholeMetrics(run);
      return detailOf(run.row(sibling), run.description, tail);
    },
    async measurements() {
      await recentLook();
      const ofRuns = [...runs.values()].map(({ id, name, folder: place, description }): RecordsOf => ({
        folder: join(place, MEASUREMENTS_FOLDER),
        model: name,
        run: id,
        classes: description?.inputs.shape?.classes,
      }));
      const ofOthers = found.measured.map((each): RecordsOf => ({ ...each, run: null, classes: undefined }));
      return records.look([...ofRuns, ...ofOthers], READING_RECORDS);
    },
    async find(id) {
      await recentLook();
      return runs.get(id)?.folder ?? null;
    },
    listen(listener) {
      listeners.add(listener);
      wake();
      return () => void listeners.delete(listener);
    },
    async begin() {
      await find();
      tell(await look());
      void loop();
    },
    end() {
      ended.abort();
      wake();
    },
  };
}

const AT_ONCE = 32;

function likenessOf({ settings, inputs }: RunDescription): string {
  return [inputs.data, settings.batchSize, settings.limitTrain, heldOutOf(settings)].join(" ");
}
