import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "#mtard/runtime/random.js";
import { openDataset } from "#mtard/data/store.js";
import { pngClaiming } from "../data/own-sources.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

const work = workFolder();
afterAll(() => work.remove());
const at = (...path: string[]): string => join(work.path, ...path);

const CLASSES = ["Birke", "birch", "weiße Tanne"];
const FORMATS = ["jpeg", "png", "webp", "gif"] as const;
/** What is put among the 300 images, and why each cannot be read. */
const BAD: Readonly<Record<string, RegExp>> = {
  "train/birch/empty.jpg": /it is empty/,
  "train/birch/text.jpg": /none of JPEG/,
  "train/birch/notes.txt": /none of JPEG/,
  "train/Birke/cut.jpg": /premature end|truncated/i,
  "train/Birke/cut.png": /read error/,
  "train/Birke/cut.webp": /corrupt header/,
  "train/weiße Tanne/cut.gif": /corrupt header|end of GIF/i,
  "train/weiße Tanne/drawing.svg": /none of JPEG/,
  "test/birch/bomb.png": /pixel/i,
  "test/birch/link.png": /leaves the folder/,
};

/** 300 noisy images of many sizes, kinds and formats, and ten that are none. */
async function makeFolder(root: string): Promise<void> {
  const random = Random.fromSeed(7);
  const image = (number: number): Sharp => {
    const [width, height] = [20 + random.below(60), 20 + random.below(60)];
    const colour = number % 3;
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, place) =>
      place % 3 === colour ? 150 + random.below(100) : random.below(100),
    );
    const whole = sharp(pixels, { raw: { width, height, channels: 3 } });
    if (number % 25 === 0) return whole.toColourspace("b-w");
    return number % 25 === 1 ? whole.ensureAlpha(0.5) : whole;
  };
  for (let number = 0; number < 300; number++) {
    const name = CLASSES[number % 3] ?? "";
    const folder = join(root, number < 240 ? "train" : "test", name);
    mkdirSync(folder, { recursive: true });
    const format = FORMATS[Math.floor(number / 3) % 4] ?? "png";
    await image(number)
      .toFormat(format)
      .toFile(join(folder, `${number}.${format}`));
  }
  const half = async (format: (typeof FORMATS)[number]): Promise<Buffer> => {
    const bytes = await image(2).toFormat(format).toBuffer();
    return bytes.subarray(0, bytes.length / 2);
  };
  const contents: Readonly<Record<string, Uint8Array | string>> = {
    "train/birch/empty.jpg": "",
    "train/birch/text.jpg": "no image",
    "train/birch/notes.txt": "no image",
    "train/Birke/cut.jpg": await half("jpeg"),
    "train/Birke/cut.png": await half("png"),
    "train/Birke/cut.webp": await half("webp"),
    "train/weiße Tanne/cut.gif": await half("gif"),
    "train/weiße Tanne/drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "test/birch/bomb.png": await pngClaiming(30_000, 30_000),
  };
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(root, name), content);
  symlinkSync("/etc/hostname", join(root, "test/birch/link.png"));
}

beforeAll(() => makeFolder(at("trees")));

describe("a folder of 300 mixed images with ten bad ones", () => {
  const run = "runs/trees";
  const pack = ["data", "trees", "--from", "trees", "--size", "32"];

  it("is refused as it is: every bad file is named with its reason, and nothing is stored", async () => {
    const { code, stdout, stderr } = await mtard(pack, work.path);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/error: 10 of 310 files of trees cannot be read as images/);
    for (const [name, reason] of Object.entries(BAD)) {
      const [line = ""] = stderr
        .split("\n")
        .filter((each) => each.includes(`cannot be read: "${printed(name)}"`));
      expect(line, name).toMatch(reason);
    }
    expect(existsSync(at("data"))).toBe(false);
  });

  it("says which sizes it has where none is asked for", async () => {
    const { code, stderr } = await mtard(pack.slice(0, -2), work.path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/the images of trees have \d+ sizes[^]*\(\d+\)[^]*--size 32/);
  });

  it("is packed without the bad ones where that is asked, and everything is counted", async () => {
    const packed = await mtardJson([...pack, "--skip-broken"], work.path);
    expect(packed).toMatchObject({
      ...{ dataset: "trees", train: 240, test: 60, classes: 3, folder: "data/trees" },
      image: { height: 32, width: 32, channels: 3 },
      source: { from: "trees", size: "32x32" },
      images: { leftOut: 10 },
    });
    expect((packed["leftOut"] as { name: string }[]).map(({ name }) => name).toSorted()).toEqual(
      Object.keys(BAD).toSorted(),
    );
    const { description, train } = openDataset("trees", at("data"));
    expect(description.classNames).toEqual(CLASSES);
    const { converted } = packed["images"] as { converted: Record<string, number> };
    expect(Object.keys(converted).toSorted()).toEqual([
      "grey, given three equal channels",
      "smaller than the size asked for, enlarged",
      "with transparent parts, laid on white",
    ]);
    // The first images hold all classes alike.
    expect([...train.labels.subarray(0, 6)]).toEqual([0, 1, 2, 0, 1, 2]);
    const again = await mtard(["data", "trees"], work.path);
    expect(again.stdout).toMatch(/is already there in data\/trees: 240 train and 60 test images, 3 classes/);
  });

  it("is trained on", async () => {
    const settings = ["--epochs", "1", "--batch-size", "32", "--limit-train", "96", "--limit-test", "24"];
    const call = [
      "train",
      "--dataset",
      "trees",
      "--method",
      "sat",
      "--student",
      "resnet-8",
      "--out",
      run,
      ...settings,
    ];
    expect(await mtardJson([...call, "--set", "innerSteps=2"], work.path)).toMatchObject({
      status: "finished",
    });
  });

  it("is evaluated on, also where a model of it comes back as a teacher", async () => {
    const evaluate = ["--attacks", "fgsm", "--limit", "12"];
    const student = await mtardJson(["evaluate", run, ...evaluate], work.path);
    expect(student).toMatchObject({ dataset: "trees", total: 12 });
    await mtardJson(["export", run, "--to", "onnx", "--out", "trees.onnx"], work.path);
    const teacher = [
      "teacher",
      "import",
      "--name",
      "trees-robust",
      "--dataset",
      "trees",
      "--onnx",
      "trees.onnx",
    ];
    expect(await mtardJson(teacher, work.path)).toMatchObject({
      teacher: { dataset: "trees", network: "resnet-8", classes: 3 },
    });
    const { clean, attacks } = await mtardJson(["evaluate", "trees-robust", ...evaluate], work.path);
    expect({ clean, robust: (attacks as { fgsm: { robust: number } }).fgsm.robust }).toEqual({
      clean: student["clean"],
      robust: (student["attacks"] as { fgsm: { robust: number } }).fgsm.robust,
    });
    const check = ["teacher", "check", "trees-robust", "--limit", "12", "--attacks", "none"];
    expect(await mtardJson(check, work.path)).toMatchObject({ measured: { total: 12 } });
  });

  it("is pictured, with its class names", async () => {
    const { stdout, code } = await mtard(["attack", run, "--limit", "3", "--out", "attack.png"], work.path);
    expect(code).toBe(0);
    expect(
      stdout
        .split("\n")
        .slice(1, 4)
        .map((line) => line.slice(7, 20).trim())
        .toSorted(),
    ).toEqual(CLASSES);
    expect((await sharp(at("attack.png")).metadata()).format).toBe("png");
    const { file, examples } = await mtardJson(["report", run], work.path);
    const page = readFileSync(at(file as string), "utf8");
    expect(page).toContain("trees");
    // The examples are made once and kept: another report has the same without an engine.
    expect(examples).toMatchObject({ attack: "pgd-trades", images: { length: 12 } });
    for (const name of CLASSES) expect(page).toContain(`<li><h3>${name}`);
    const again = await mtardJson(["report", run, "--no-examples"], work.path);
    expect(again["examples"]).toEqual(examples);
  });

  it("has the paper's CIFAR-10 recipe, which says so", async () => {
    const { settings } = await mtardJson(["recipe", "show", "--dataset", "trees"], work.path);
    expect(settings).toMatchObject({
      epochs: { value: 300, source: "B-MTARD, section 4.1, as on CIFAR-10: trees is an own data set" },
    });
    const { stdout } = await mtard(["networks", "--dataset", "trees"], work.path);
    expect(stdout).toMatch(/Parameters are those for trees/);
    const { stderr } = await mtard(["train", "--dataset", "trees"], work.path);
    expect(stderr).toMatch(/no clean teacher is named[^]*trees-clean[^]*found +for trees: trees-robust/);
    expect((await mtard(["doctor"], work.path)).stdout).toMatch(/trees \(240 train, 60 test\)/);
  });

  it("is another data set once it is made anew: models of before are refused where they do not fit", async () => {
    const anew = ["data", "trees", "--from", "trees", "--size", "24", "--skip-broken"];
    const { code, stderr } = await mtard(anew, work.path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/already there with other contents[^]*--force/);
    await mtardJson([...anew, "--force"], work.path);
    const refused = await mtard(["evaluate", run, "--limit", "12"], work.path);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/takes images of 32x32x3, but those of trees are 24x24x3/);
    expect(existsSync(at("data/trees/store.json"))).toBe(true);
  });
});

/** A name as it is printed: quoted, ASCII alone. */
function printed(name: string): string {
  return name.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

describe("a call that is wrong", () => {
  it.each([
    [["data", "trees", "--from", "trees", "--size", "0"], /--size is no size[^]*4 to 1024/],
    [["data", "trees", "--from", "trees", "--size", "32x"], /--size is no size/],
    [["data", "trees", "--from", "trees", "--split", "1"], /--split is no share/],
    [["data", "trees", "--from", "trees", "--split", "x"], /--split is wrong/],
    [["data", "trees", "--size", "32"], /need the images|only be made of your images/],
    [["data", "forest"], /there is no data set "forest"[^]*of your own: trees/],
    [["data", "../forest", "--from", "trees"], /cannot be the name/],
    [["data", "forest", "--from", "nowhere"], /there is no file or folder nowhere/],
    [["data", "demo", "--size", "32"], /is built in/],
    [["train", "--dataset", "forest"], /there is no data set "forest"/],
    [["evaluate", "runs/trees", "--dataset", "forest"], /there is no data set "forest"/],
  ])("%j", async (args, pattern) => {
    const { code, stdout, stderr } = await mtard(args, work.path);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(pattern);
  });
});
