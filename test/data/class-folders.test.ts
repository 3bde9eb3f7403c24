import { describe, expect, it } from "vitest";
import { drawTest, readClassFolders } from "#mtard/data/class-folders.js";
import { InputError } from "#mtard/errors.js";

const sorted = (names: readonly string[]): string[] => names.toSorted();

function reportOf(names: readonly string[], split: { share: number; seed: number } | null = null): string {
  try {
    readClassFolders(sorted(names), split, "own");
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).report();
  }
  throw new Error("it was taken");
}

const files = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${folder}/${index}.png`);

describe("readClassFolders", () => {
  it("numbers class folders as Python sorts their names", () => {
    const names = ["b", "a", "B", "ä", "10", "9", "𝒵", "\uffee"].flatMap((name) => [
      `train/${name}/1.png`,
      `test/${name}/1.png`,
    ]);
    expect(readClassFolders(sorted(names), null, "own").classNames).toEqual([
      "10",
      "9",
      "B",
      "a",
      "b",
      "ä",
      "\uffee",
      "𝒵",
    ]);
  });

  it.each([
    ["train", "test"],
    ["train", "val"],
    ["Training", "validation"],
    ["train", "valid"],
  ])("takes %s/ and %s/", (train, test) => {
    const names = ["a", "b"].flatMap((name) => [`${train}/${name}/x.png`, `${test}/${name}/deep/er/y.png`]);
    expect(readClassFolders(sorted(names), null, "own")).toMatchObject({
      train: [
        { name: `${train}/a/x.png`, label: 0 },
        { name: `${train}/b/x.png`, label: 1 },
      ],
      test: [
        { name: `${test}/a/deep/er/y.png`, label: 0 },
        { name: `${test}/b/deep/er/y.png`, label: 1 },
      ],
      testFrom: `${test}/`,
    });
  });

  it("looks through a folder around all of it, and prefers test/ to val/", () => {
    const names = ["train", "test", "val"].flatMap((split) =>
      ["a", "b"].map((name) => `pets/v1/${split}/${name}/1.png`),
    );
    const { testFrom, notUsed } = readClassFolders(sorted(names), null, "own");
    expect(testFrom).toBe("test/");
    expect([...notUsed]).toEqual([['files in "val"', { count: 2, first: "pets/v1/val/a/1.png" }]]);
  });

  it("takes each class in turn, in its share", () => {
    const names = [...files("train/a", 4), ...files("train/b", 2), "test/a/1.png", "test/b/1.png"];
    const { train } = readClassFolders(sorted(names), null, "own");
    expect(train.map(({ label }) => label)).toEqual([0, 1, 0, 0, 1, 0]);
  });

  it("names what is not used, and images that lie in no class folder", () => {
    const names = ["train/a/1.png", "train/b/1.png", "train/x.JPG", "test/a/1.png", "test/b/1.png"];
    const others = [
      "README.md",
      "train/labels.csv",
      "train/a/.DS_Store",
      "__MACOSX/train/a/1.png",
      "train/b/Thumbs.db",
    ];
    const { misplaced, notUsed } = readClassFolders(sorted([...names, ...others]), null, "own");
    expect(misplaced).toEqual([{ name: "train/x.JPG", reason: "it lies in no class folder" }]);
    expect(Object.fromEntries(notUsed)).toEqual({
      "hidden or system files": { count: 3, first: "__MACOSX/train/a/1.png" },
      "files outside the class folders": { count: 2, first: "README.md" },
    });
  });

  it("may have a class called train", () => {
    const names = ["bus", "car", "train"].flatMap((name) => files(name, 4));
    const { classNames } = readClassFolders(sorted(names), { share: 0.5, seed: 0 }, "own");
    expect(classNames).toEqual(["bus", "car", "train"]);
  });

  it("draws a share of each class, the same for the same seed", () => {
    const names = [...files("a", 40), ...files("b", 20), ...files("c", 2)];
    const draw = (seed: number) => readClassFolders(sorted(names), { share: 0.1, seed }, "own");
    const { train, test, testFrom } = draw(0);
    const counts = (images: readonly { label: number }[]): number[] =>
      [0, 1, 2].map((label) => images.filter((image) => image.label === label).length);
    expect([counts(train), counts(test)]).toEqual([
      [36, 18, 1],
      [4, 2, 1],
    ]);
    expect(new Set([...train, ...test].map(({ name }) => name)).size).toBe(62);
    expect(testFrom).toBe("a share of 0.1 of each class, drawn with seed 0");
    expect(draw(0).test).toEqual(test);
    expect(draw(1).test).not.toEqual(test);
  });
});

describe("readClassFolders refuses", () => {
  it.each([
    ["no files", [], null, /class folders of a classifier[^]*no folder with files/],
    ["files alone", ["a.png", "b.png"], null, /no folder with files/],
    ["one class", files("a", 3), { share: 0.1, seed: 0 }, /1: a/],
    ["no test split", [...files("a", 3), ...files("b", 3)], null, /no test images[^]*--split 0.1/],
    ["train alone", [...files("train/a", 3), ...files("train/b", 3)], null, /train\/ alone: a, b/],
    [
      "a share of what has a test split",
      [...files("train/a", 3), ...files("train/b", 3), ...files("test/a", 1), ...files("test/b", 1)],
      { share: 0.1, seed: 0 },
      /test split of its own/,
    ],
    [
      "other classes in test/",
      [...files("train/a", 1), ...files("train/b", 1), ...files("test/a", 1), ...files("test/c", 1)],
      null,
      /in train\/ alone: b; in test\/ alone: c/,
    ],
    [
      "test images in no class folder",
      [...files("train/a", 1), ...files("train/b", 1), ...files("test", 2)],
      null,
      /in train\/ alone: a, b/,
    ],
    [
      "a class of one image",
      [...files("a", 1), ...files("b", 3)],
      { share: 0.1, seed: 0 },
      /class a of own cannot be divided/,
    ],
    ["too many classes", Array.from({ length: 257 }, (_, n) => `${n}/1.png`), null, /257: /],
    [
      "a name that would command a terminal",
      [...files("a\u001b[2J", 3), ...files("b", 3)],
      null,
      /found +"a\\u001b\[2J"/,
    ],
  ] as const)("%s", (_, names, split, pattern) => {
    expect(reportOf(names, split)).toMatch(pattern);
  });
});

it("draws from no class all of its images", () => {
  const labels = Uint8Array.from([0, 0, 1, 1, 1]);
  const isTest = drawTest(labels, ["a", "b"], { share: 0.99, seed: 3 }, "own");
  expect(isTest.slice(0, 2).filter(Boolean)).toHaveLength(1);
  expect(isTest.slice(2).filter(Boolean)).toHaveLength(2);
});
