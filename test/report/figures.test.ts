import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { drawSvg } from "#mtard/report/figures/draw.js";
import { svgToPng } from "#mtard/report/figures/png.js";
import type { Figure } from "#mtard/report/figures/figure.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-figures-"));
afterAll(() => rmSync(folder, { recursive: true }));

const points = [0.5, 1, 1.5, 2].map((x) => ({ x, y: x * x }));
const panel = (title: string) => ({
  title,
  xTitle: "Training epoch",
  yTitle: "Entropy (nats)",
  series: [
    { name: "clean teacher", points },
    { name: "robust teacher", points: points.map(({ x, y }) => ({ x, y: 4 - y })) },
  ],
});
const lines: Figure = {
  kind: "lines",
  title: "Figure 6: entropies",
  subtitle: "demo data, 2 of 300 epochs",
  panels: [panel("left"), panel("right")],
  sameScale: true,
};
const bars: Figure = {
  kind: "bars",
  title: "Figure 3: ablation",
  subtitle: "demo data",
  yTitle: "W-Robust (%)",
  groups: ["PGD-sat", "CW"].map((title) => ({
    title,
    bars: [
      { name: "Baseline", value: 68.23, paper: 68.71 },
      { name: "B-MTARD", value: 69.91, paper: null },
    ],
  })),
};

const multiples: Figure = {
  kind: "multiples",
  title: "Accuracy while training",
  subtitle: null,
  xTitle: "Training epoch",
  yTitle: "%",
  sameScale: true,
  panels: ["SAT", "B-MTARD"].map((title) => ({
    title,
    series: ["clean", "W-Robust"].map((name, at) => ({
      name,
      points: points.map(({ x, y }) => ({ x, y: y + at, low: y + at - 0.5, high: y + at + 0.5 })),
    })),
  })),
};
/** Ten marks at nearly the same place. */
const crowded: Figure = {
  kind: "points",
  title: "Trade-off",
  subtitle: null,
  xTitle: "Clean accuracy (%)",
  yTitle: "Robust accuracy (%)",
  points: Array.from({ length: 10 }, (_, index) => ({
    name: `method ${index}`,
    group: index === 0 ? "teachers" : "students",
    x: 80,
    y: 50 + index / 100,
    xError: 1,
    yError: null,
  })),
};
const intervals: Figure = {
  kind: "intervals",
  title: "Difference from B-MTARD",
  subtitle: null,
  xTitle: "points",
  panels: ["clean", "PGD"].map((title) => ({
    title,
    rows: [
      { name: "SAT", value: -3, low: -4, high: -2 },
      { name: "TRADES", value: 1, low: null, high: null },
    ],
  })),
};

/** The texts of an SVG, in order. */
function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map(([, text]) => text ?? "");
}

describe("a figure", () => {
  it("of lines has titles on both axes of every panel, a legend, and lines told apart without colour", async () => {
    const svg = await drawSvg(lines);
    const texts = textsOf(svg);
    const count = (text: string): number => texts.filter((each) => each === text).length;
    expect(count("Training epoch")).toBe(2);
    expect(count("Entropy (nats)")).toBe(2);
    for (const text of [
      "clean teacher",
      "robust teacher",
      "left",
      "right",
      lines.title,
      "demo data, 2 of 300 epochs",
    ])
      expect(count(text), text).toBe(1);
    expect(svg).toContain('stroke="#0072B2"');
    expect(svg).toContain('stroke="#D55E00"');
    expect(new Set([...svg.matchAll(/stroke-dasharray="([^"]*)"/g)].map(([, dash]) => dash)).size).toBe(2);
  });

  it("of bars says what each is, how high, where the axis begins and which are the paper's", async () => {
    const texts = textsOf(await drawSvg(bars));
    for (const text of ["W-Robust (%)", "Baseline", "B-MTARD", "ours", "paper", "PGD-sat", "CW"])
      expect(texts, text).toContain(text);
    for (const value of ["68.2", "68.7", "69.9"])
      expect(
        texts.filter((text) => text === value),
        value,
      ).toHaveLength(2);
    expect(texts).toContain("The axis begins at 67.");
  });

  it("as PNG has twice the SVG's size, and is not blank", async () => {
    const svg = await drawSvg(lines);
    const [, width = "", height = ""] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
    const { data, info } = await sharp(await svgToPng(svg))
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.width).toBe(Math.round(2 * Number(width)));
    expect(info.height).toBe(Math.round(2 * Number(height)));
    expect(data.filter((value) => value < 100).length).toBeGreaterThan(5000);
  });

  it("has its text in the PNG on a machine without fonts", async () => {
    const svg = await drawSvg(bars);
    writeFileSync(join(folder, "figure.svg"), svg);
    writeFileSync(
      join(folder, "fonts.conf"),
      "<?xml version='1.0'?><fontconfig><dir>/nowhere</dir></fontconfig>",
    );
    const script = `
      import { readFileSync } from "node:fs";
      import { svgToPng } from ${JSON.stringify(resolve("dist/report/figures/png.js"))};
      process.stdout.write(await svgToPng(readFileSync(${JSON.stringify(join(folder, "figure.svg"))}, "utf8")));`;
    const env = { ...process.env, FONTCONFIG_FILE: join(folder, "fonts.conf") };
    const png = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      env,
      maxBuffer: 1 << 24,
    });
    const withoutText = await svgToPng(svg.replaceAll(/<text[^>]*>[^<]*<\/text>/g, ""));
    const dark = async (image: Buffer): Promise<number> => {
      const pixels = await sharp(image).greyscale().raw().toBuffer();
      return pixels.filter((value) => value < 100).length;
    };
    // The text is worth thousands of dark pixels, which a machine with fonts draws in the same places.
    expect((await dark(png)) - (await dark(withoutText))).toBeGreaterThan(3000);
    expect(await dark(png)).toBe(await dark(await svgToPng(svg)));
  });
});

describe("the panels of a figure", () => {
  const highest = {
    ...panel("low"),
    series: [
      {
        name: "clean teacher",
        points: [
          { x: 1, y: 0 },
          { x: 2, y: 900 },
        ],
      },
    ],
  };
  const ticks = async (sameScale: boolean): Promise<number> => {
    const texts = textsOf(await drawSvg({ ...lines, panels: [panel("left"), highest], sameScale }));
    return texts.filter((text) => text === "800").length;
  };

  it("have one y-axis where they are to be compared, and their own where not", async () => {
    expect(await ticks(true)).toBe(2);
    expect(await ticks(false)).toBe(1);
  });
});

describe("a figure that compares", () => {
  it("by small panels has each method's panel and one legend", async () => {
    const texts = textsOf(await drawSvg(multiples));
    for (const text of ["SAT", "B-MTARD", "clean", "W-Robust"])
      expect(texts.filter((each) => each === text)).toHaveLength(1);
  });

  it("by a trade-off writes no name over another", async () => {
    const svg = await drawSvg(crowded);
    const places = Array.from({ length: 10 }, (_, index) => {
      const [, y = ""] = new RegExp(`translate\\([^,]*,([^)]*)\\)[^>]*>method ${index}<`).exec(svg) ?? [];
      return Number(y);
    }).sort((one, other) => one - other);
    for (const [index, place] of places.slice(1).entries())
      expect(place - (places[index] ?? NaN)).toBeGreaterThanOrEqual(18);
  });

  it("by intervals names each row once, and draws those that have an interval", async () => {
    const svg = await drawSvg(intervals);
    expect(textsOf(svg).filter((text) => text === "TRADES")).toHaveLength(1);
    expect(textsOf(svg)).toContain("PGD");
  });
});
