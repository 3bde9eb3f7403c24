import { mkdirSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readMeasurements } from "#mtard/report/leaderboard-records.js";
import { cleanKey } from "#mtard/evaluation/key.js";
import { openStore } from "#mtard/evaluation/store.js";
import { findRuns } from "#mtard/watch/find-runs.js";
import { madeFolder, makeRun } from "./made-runs.js";

const folder = madeFolder();
afterAll(() => folder.remove());

it("what is watched is what the leaderboard reads", async () => {
  const top = join(folder.path, "watched");
  const deep = (levels: number): string => join(top, ...Array<string>(levels).fill("n"));
  const outside = [makeRun(join(folder.path, "one")), makeRun(join(folder.path, "more", "two"))];
  const inside = [makeRun(join(top, "run")), makeRun(join(deep(16), "run"))];
  const tooDeep = makeRun(join(deep(17), "run"));
  mkdirSync(join(top, "links"));
  symlinkSync(join(folder.path, "one"), join(top, "links", "run"));
  // Neither a folder elsewhere nor a circle is gone into.
  symlinkSync(join(folder.path, "more"), join(top, "links", "folder"));
  symlinkSync(top, join(top, "links", "circle"));
  const stores = [...outside, ...inside, tooDeep].map((run) => join(run, "evaluations"));
  const ofModel = join(top, "n", "evaluations", "teacher");
  for (const store of [...stores, ofModel])
    openStore(store).write(
      cleanKey({ model: "a".repeat(64), data: "b".repeat(64), images: 1, batchSize: 1 }),
      {
        ...{ device: "cpu", labels: [0], clean: [0], attack: null, images: null },
        warnings: { answers: [], gradients: null },
      },
    );
  const { runs, measured } = await findRuns(top);
  const found = [...runs.values(), ...measured].map((each) => relative(top, each.folder));
  expect(found.sort()).toEqual(
    readMeasurements(top)
      .finished.map(({ place }) => relative(top, place.folder))
      .sort(),
  );
  expect(found).toHaveLength(4);
});
