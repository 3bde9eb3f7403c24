import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Norm } from "#mtard/attacks/norms.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import { agreement, subjects, withstood } from "../../scripts/golden/subjects.mjs";
import { goldenJson } from "../golden.js";
import { hasShared, shared } from "../shared.js";

/** On how many of the 256 images each attack is repeated here; scripts/golden/run.mjs takes all of them. */
const IMAGES = {
  clean: 256,
  fgsm: 256,
  "pgd-sat-no-start": 32,
  "pgd-trades": 32,
  cw: 32,
  "apgd-ce": 32,
  "apgd-dlr": 32,
  "apgd-t": 4,
  "fab-t": 4,
} as const;

/** In L2, with radius 0.5: the verdicts of the public AutoAttack and of PyTorch, which scripts/golden/l2.py wrote. */
const L2_IMAGES = { clean: 256, fgsm: 256, "apgd-ce": 16, "apgd-t": 4, "fab-t": 4 } as const;

type AttackName = keyof typeof IMAGES;
type Verdicts = Readonly<Record<string, Readonly<Partial<Record<string, readonly number[]>>>>>;

/** What takes long is repeated on one of the classifiers. */
const SLOW: readonly AttackName[] = ["apgd-dlr", "apgd-t", "fab-t"];

const folder = mkdtempSync(join(tmpdir(), "mtard-golden-"));
beforeAll(async () => {
  if (hasShared)
    await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
});
afterAll(() => rmSync(folder, { recursive: true }));

type Target = Awaited<ReturnType<(typeof subjects)[number]["open"]>>;

function expectSameImages(
  target: Target,
  golden: Verdicts,
  model: string,
  attack: string,
  count: number,
  norm: Norm,
) {
  const { test } = openDataset("cifar10", folder, { test: count });
  const theirs = golden[model]?.[attack]?.slice(0, count) ?? [];
  const ours = withstood(target, test, attack, { batch: 128, norm });
  expect(ours).toHaveLength(count);
  expect(theirs).toContain(1);
  // One image of 32 may fall on the other side: another random start, other kernels.
  expect(agreement(ours, theirs)).toBeGreaterThanOrEqual(count === 256 ? 0.98 : 1 - 1 / count);
}

describe.skipIf(!hasShared).each(subjects)("$model as $engine, against golden/attacks.json", (subject) => {
  const golden = hasShared ? goldenJson<Verdicts>("attacks.json") : {};
  let target: Target;

  beforeAll(async () => {
    target = await subject.open(shared("."), 2);
  });

  afterAll(() => target.dispose());

  const names = (Object.keys(IMAGES) as AttackName[]).filter(
    (name) => subject.engine === "student" || !SLOW.includes(name),
  );

  it.each(names)("%s fools the same images", (name) => {
    expectSameImages(target, golden, subject.model, name, IMAGES[name], "linf");
  });

  it.runIf(subject.engine === "student").each(Object.entries(L2_IMAGES))(
    "%s in L2 fools the same images, %i of them looked at",
    (name, count) => {
      const path = join(import.meta.dirname, "l2-verdicts.json");
      const verdicts = JSON.parse(readFileSync(path, "utf8")) as Verdicts;
      expectSameImages(target, verdicts, subject.model, name, count, "l2");
    },
  );
});
