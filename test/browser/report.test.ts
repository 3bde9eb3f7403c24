import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agreementsOf } from "#mtard/report/comparison/agreement.js";
import { comparisonHtml } from "#mtard/report/comparison/page.js";
import { differencesOf } from "#mtard/report/comparison/read.js";
import { accuracyRows } from "#mtard/report/run-report/accuracies.js";
import { runReportHtml } from "#mtard/report/run-report/page.js";
import type { RunReport } from "#mtard/report/run-report/read.js";
import { kept, student } from "../report/run-report/records.js";
import { tinySettings } from "../training/tiny-run.js";
import { accessibilityFindings, CHROMIUM, startChromium, watchedPage, type WatchedPage } from "./chromium.js";

const EVIL = `<img src=x onerror="document.title='bad'">"'\u001b[2J\u202e`;
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const answer = { answer: 1, confidence: 0.9 };
const levels = [2, 4, 8];
const settings = tinySettings({ cleanTeacher: `${EVIL}${"x".repeat(10_000)}` });

function report(name: string, seed: number, answers: readonly number[]): RunReport {
  const labels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const records = levels.map((each) =>
    kept("pgd-trades", { labels, answers, epsilon: each / 255, batchSize: settings.evaluationBatch }),
  );
  return {
    ...{ name, folder: `runs/${name}`, finished: true, testImages: 40 },
    run: {
      settings: { ...settings, seed },
      inputs: { data: "d", cleanTeacher: "c", robustTeacher: null },
      recipe: {},
    },
    metrics: {
      steps: [{ epoch: 1, step: 1, lossTotal: 2 }],
      evaluations: [{ epoch: 1, step: 1, clean: 0.5, robust: 0.25, wRobust: 0.375, best: true }],
      ...{ problems: [], torn: false },
    },
    students: [student(records)],
    classNames: labels.map((label) => (label === 0 ? "y".repeat(10_000) : `${EVIL}${label}`)),
    examples: {
      ...{ format: 1, model: "a", data: "d", attack: "pgd-trades", epsilon: 8 / 255, gain: 12 },
      examples: [
        {
          ...{ index: 0, label: 0, linf: 0.03, before: answer, after: answer },
          pictures: { clean: PIXEL, difference: PIXEL, adversarial: PIXEL },
        },
      ],
    },
    warnings: [EVIL],
  };
}

const reports = [
  report(`${EVIL}${"z".repeat(10_000)}`, 1, [0, 1, 2, 3, 4, 0, 0, 0, 0, 0]),
  report(EVIL, 2, [0, 1, 2, 0, 0, 5, 0, 0, 0, 0]),
];

describe.skipIf(CHROMIUM === null)("pages about runs in Chromium, with hostile names", () => {
  let browser: Browser;
  let watched: WatchedPage;

  beforeAll(async () => {
    browser = await startChromium();
    watched = await watchedPage(browser, null, { viewport: { width: 390, height: 800 } });
  });

  afterAll(() => browser.close());

  /** Opens a page and returns what is wrong with it, light and dark, at a phone's and a desk's width. */
  async function problemsOf(html: string): Promise<string[]> {
    const { page, complaints } = watched;
    await page.goto("about:blank");
    await page.setContent(html);
    const found: string[] = [];
    for (const [width, colorScheme] of [
      [390, "dark"],
      [1280, "light"],
    ] as const) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      found.push(...(await accessibilityFindings(watched)));
      const broad = await page.evaluate<number>("document.documentElement.scrollWidth");
      if (broad > width) found.push(`${broad} pixels wide at ${width}`);
    }
    const broken = await page.evaluate<string[]>(
      "[...document.images].filter((image) => image.naturalWidth === 0).map(({ alt }) => alt)",
    );
    return [...found, ...broken, ...complaints];
  }

  it("a run's page has no error, nothing too broad, no broken picture and is reached by its contents", async () => {
    const [first] = reports;
    if (!first) throw new Error("no report");
    expect(await problemsOf(await runReportHtml(first))).toEqual([]);
    const { page } = watched;
    expect(await page.title()).not.toBe("bad");
    const pictures = await page.getByRole("img").all();
    const titles = await Promise.all(pictures.map((each) => each.getAttribute("alt")));
    expect(titles).toEqual(expect.arrayContaining(["Accuracy against epsilon", "Confusion under attack"]));
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate<string>("document.activeElement.id")).toBe("examples");
  });

  it("a comparison sorts and filters", async () => {
    const runs = reports.map((each, index) => ({
      letter: "AB"[index] ?? "",
      title: `${"AB"[index] ?? ""}: seed ${each.run.settings.seed}`,
      report: each,
      accuracies: accuracyRows(each.students, each.run.settings),
    }));
    const comparison = {
      runs,
      differences: differencesOf(reports.map(({ run }) => run)),
      agreements: agreementsOf(runs.map(({ accuracies }) => accuracies)),
    };
    expect(await problemsOf(await comparisonHtml(comparison))).toEqual([]);
    const { page } = watched;
    const section = page.locator("section", { has: page.locator("#accuracy") });
    await section.getByRole("button", { name: /^robust/ }).click();
    expect(await section.locator("tbody tr:first-child td").allTextContents()).toEqual([
      ...["A: seed 1", "PGD-trades", "10", "100.00%", "72.2 to 100.0", "50.00%", "23.7 to 76.3", "75.00%"],
    ]);
    await section.getByRole("searchbox").fill("B:");
    expect(await section.locator("output").textContent()).toBe("3 of 6");
  });
});
