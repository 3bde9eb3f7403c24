import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanKey } from "#mtard/evaluation/key.js";
import { openStore } from "#mtard/evaluation/store.js";
import { tryLock, workingLock } from "#mtard/files/lock.js";
import { watchFolder, type Watcher } from "#mtard/watch/watcher.js";
import type { Changes, RunRow } from "../../src/browser/watch-types.js";
import { contentsOf } from "../cli/mtard.js";
import { evaluationLine, madeFolder, makeRun, PER_EPOCH, stepLine } from "./made-runs.js";

const folder = madeFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const HOSTILE = `<img src=x onerror="alert(1)">'&amp;\u001b[31m\u202e`;
const isRoot = process.getuid?.() === 0;

let watcher: Watcher;

/** Waits until a change is told of which `isWanted` holds; the listener is there before `act` is done. */
function toldOf(
  isWanted: (changes: Changes) => boolean,
  act: () => void = () => undefined,
): Promise<Changes> {
  return new Promise((done) => {
    const forget = watcher.listen((changes) => {
      if (!isWanted(changes)) return;
      forget();
      done(changes);
    });
    act();
  });
}

const rowOf = (name: string): RunRow | undefined => watcher.overview().runs.find((row) => row.name === name);

beforeAll(async () => {
  makeRun(at("finished"));
  makeRun(at("deep", "down", "paused"), { epochs: 10, done: 3 });
  makeRun(at("fresh"), { epochs: 10, done: 0 });
  makeRun(at("working"), { epochs: 10, done: 2 });
  makeRun(at(HOSTILE));
  // Its training was killed while it wrote a line; as it is the newest, the others come after it.
  makeRun(at("torn"));
  appendFileSync(at("torn", "metrics.jsonl"), stepLine(201).slice(0, 30));
  utimesSync(at("torn", "metrics.jsonl"), 2e9, 2e9);
  makeRun(at(...Array<string>(17).fill("n".repeat(200)), "deepest"));
  mkdirSync(at("damaged"));
  writeFileSync(at("damaged", "settings.json"), '{"method": "<b>"');
  makeRun(at("odd"));
  rmSync(at("odd", "metrics.jsonl"));
  mkdirSync(at("odd", "metrics.jsonl"));
  // A folder within itself, and one that may not be looked into.
  symlinkSync("..", at("deep", "circle"));
  mkdirSync(at("closed"), { mode: 0 });
  watcher = watchFolder(folder.path, { look: 20, find: 40, jobs: 1e9 });
  await watcher.begin();
  await toldOf(() => watcher.overview().runs.every(({ read }) => read));
});

afterAll(() => {
  watcher.end();
  chmodSync(at("closed"), 0o700);
  folder.remove();
});

describe("the runs below a folder", () => {
  it("are found sixteen folders deep, whatever they are called", () => {
    const shown = watcher.overview().runs.map(({ name, state }) => [name, state]);
    expect(new Map(shown as [string, string][])).toEqual(
      new Map([
        ["finished", "finished"],
        [join("deep", "down", "paused"), "paused"],
        ["fresh", "paused"],
        ["working", "paused"],
        ["torn", "finished"],
        [`<img src=x onerror="alert(1)">'&amp;?[31m?`, "finished"],
        ["damaged", "damaged"],
        ["odd", "finished"],
      ]),
    );
  });

  it("have their progress, best evaluation and small curves", () => {
    expect(rowOf(join("deep", "down", "paused"))).toMatchObject({
      ...{
        epoch: 3,
        epochs: 10,
        step: 3 * PER_EPOCH,
        stepsPerEpoch: PER_EPOCH,
        share: 0.3,
        secondsLeft: null,
      },
      best: { epoch: 3, clean: 0.9 },
      about: "sat, resnet-8 on demo, seed 0",
    });
    const { loss = [], wRobust = [] } = rowOf("finished") ?? {};
    expect([loss.length, wRobust.length]).toEqual([34, 4]);
    expect(loss[0]).toBeGreaterThan(loss.at(-1) ?? Infinity);
    // Another run of the same data tells how long an epoch will be.
    expect(rowOf("fresh")).toMatchObject({ step: 0, stepsPerEpoch: PER_EPOCH, share: 0 });
  });

  it("that are damaged say why, and what may not be looked into is named", () => {
    expect(rowOf("damaged")?.problem).toContain("cannot be read as a run's settings");
    if (!isRoot) expect(watcher.overview().notes.join()).toContain("closed cannot be looked into: EACCES");
  });

  it("are trained while somebody has their lock, with the time left at their pace", async () => {
    const isTraining = toldOf(({ runs }) => runs.some(({ state }) => state === "training"));
    const lock = tryLock(workingLock(at("working")));
    await isTraining;
    expect(rowOf("working")).toMatchObject({ state: "training", step: 100 });
    // A tenth of a second a step, and 400 to come.
    expect(rowOf("working")?.secondsLeft).toBeCloseTo(40, 0);
    if (typeof lock === "string") throw new Error(lock);
    await toldOf(
      ({ runs }) => runs.some(({ state }) => state === "paused"),
      () => lock.release(),
    );
    expect(rowOf("working")?.state).toBe("paused");
  });

  it("whose owner was killed are paused; of another host's the age of the metrics tells", async () => {
    const mark = (host: string) =>
      writeFileSync(workingLock(at("working")), `mtard train, process 7 on ${host}, since 2026\n`);
    await toldOf(
      ({ runs }) => runs.some(({ state }) => state === "training"),
      () => mark("elsewhere"),
    );
    rmSync(workingLock(at("working")));
    await toldOf(({ runs }) => runs.some(({ state }) => state === "paused"));
    mark(hostname());
    appendFileSync(at("working", "metrics.jsonl"), stepLine(101));
    await toldOf(({ runs }) => runs.some(({ step }) => step === 101));
    expect(rowOf("working")?.state).toBe("paused");
    rmSync(workingLock(at("working")));
  });
});

describe("what changes", () => {
  it("is told as it happens, and of nothing else", async () => {
    const grown = await toldOf(
      ({ runs }) => runs.some(({ step }) => step === 102),
      () => appendFileSync(at("working", "metrics.jsonl"), stepLine(102)),
    );
    expect(grown.runs.map(({ name }) => name)).toEqual(["working"]);
    const added = await toldOf(
      ({ runs }) => runs.some(({ read, step }) => read && step > 0),
      () => makeRun(at("new"), { epochs: 2, done: 1 }),
    );
    expect(added.runs.map(({ name }) => name)).toEqual(["new"]);
    const id = rowOf("new")?.id;
    const gone = await toldOf(
      ({ gone: ids }) => ids.length > 0,
      () => rmSync(at("new"), { recursive: true }),
    );
    expect(gone.gone).toEqual([id]);
    expect(await watcher.detail(id ?? "")).toBeNull();
  });

  it("is in a run's whole metrics too", async () => {
    const { id = "" } = rowOf("working") ?? {};
    expect((await watcher.detail(id))?.curves.steps).toHaveLength(102);
    appendFileSync(at("working", "metrics.jsonl"), `${stepLine(103)}nonsense\n${evaluationLine(3)}`);
    const detail = await watcher.detail(id);
    expect(detail?.curves.steps).toHaveLength(103);
    expect(detail).toMatchObject({
      unreadableLines: 1,
      settings: expect.arrayContaining([["epochs", expect.stringMatching(/^10/) as string]]) as string[],
    });
    expect(detail?.evaluations.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });
});

describe("who asks while nobody listens", () => {
  it("is told what is there now", async () => {
    const place = madeFolder();
    const run = makeRun(join(place.path, "one"));
    const other = watchFolder(place.path, { look: 1e6, find: 0, jobs: 1e9 });
    await other.begin();
    const [row] = other.overview().runs;
    const id = row?.id ?? "";
    expect((await other.measurements()).rows).toEqual([]);
    const late = makeRun(join(place.path, "two"));
    for (const [folderOf, model] of [
      [run, "a"],
      [late, "c"],
    ] as const)
      openStore(join(folderOf, "evaluations")).write(
        cleanKey({ model: model.repeat(64), data: "b".repeat(64), images: 1, batchSize: 1 }),
        {
          ...{ device: "cpu", labels: [0], clean: [0], attack: null, images: null },
          warnings: { answers: [], gradients: null },
        },
      );
    expect((await other.measurements()).rows.map(({ model }) => model).sort()).toEqual(["one", "two"]);
    rmSync(join(run, "summary.json"));
    expect((await other.detail(id))?.row.state).toBe("paused");
    rmSync(run, { recursive: true });
    expect(await other.find(id)).toBeNull();
    other.end();
    place.remove();
  });
});

it("nothing is written", async () => {
  chmodSync(at("closed"), 0o700);
  // Which would be gone through again and again.
  rmSync(at("deep", "circle"));
  const before = contentsOf(folder.path);
  const other = watchFolder(folder.path);
  await other.begin();
  for (const { id } of other.overview().runs) await other.detail(id);
  await other.measurements();
  other.end();
  expect(contentsOf(folder.path)).toEqual(before);
});
