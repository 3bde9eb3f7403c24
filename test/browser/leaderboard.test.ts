import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildLeaderboard } from "#mtard/report/leaderboard.js";
import { describeMeasured } from "#mtard/report/leaderboard-models.js";
import { readMeasurements } from "#mtard/report/leaderboard-records.js";
import { leaderboardHtml } from "#mtard/report/render-leaderboard.js";
import { hex, keep } from "../report/leaderboard-runs.js";
import { accessibilityFindings, CHROMIUM, startChromium, watchedPage, type WatchedPage } from "./chromium.js";

const EVIL = `<img src=x onerror="document.title='owned'">"'&\u202e`;

describe.skipIf(CHROMIUM === null)("a leaderboard in Chromium", () => {
  const work = mkdtempSync(join(tmpdir(), "mtard-leaderboard-page-"));
  let browser: Browser;
  let watched: WatchedPage;

  beforeAll(async () => {
    const stores = join(work, "runs", "evaluations");
    for (const [index, name] of ["first", EVIL, "weak", "x".repeat(250)].entries()) {
      const store = join(stores, name);
      if (name !== "weak") keep(store, hex(`a${index}`), "pgd-trades", [18 - index, 12 - 4 * index]);
      keep(store, hex(`a${index}`), "fgsm", [18, 10 + index], { images: 20 });
      if (index < 2) keep(store, hex(`a${index}`), "fgsm", [9, 9], { epsilon: 4 / 255, images: 10 });
    }
    const measurements = readMeasurements(join(work, "runs"));
    const places = { dataDir: join(work, "data"), teachersDir: join(work, "teachers") };
    const described = await describeMeasured(measurements.finished, places, []);
    const board = buildLeaderboard(EVIL, measurements, described, { rankBy: "pgd-trades" });
    const file = join(work, "leaderboard.html");
    writeFileSync(file, leaderboardHtml(board));
    browser = await startChromium();
    watched = await watchedPage(browser, null, {
      viewport: { width: 390, height: 800 },
      colorScheme: "dark",
    });
    await watched.page.goto(`file://${file}`);
  });

  afterAll(async () => {
    await browser.close();
    rmSync(work, { recursive: true });
  });

  const shown = (column: number): Promise<string[]> =>
    watched.page.locator(`#section-0 tbody tr:visible td:nth-child(${column})`).allTextContents();

  it("sorts by each column with the keyboard, and what is not ranked stays last", async () => {
    expect(await shown(1)).toEqual(["1", "2", "3", "–"]);
    await watched.page.locator("#section-0").getByRole("button", { name: "FGSM" }).focus();
    await watched.page.keyboard.press("Enter");
    expect((await shown(2))[0]).toMatch(/^x+\.\.\.model/);
    await watched.page.locator("#section-0").getByRole("button", { name: "W-Robust" }).click();
    expect((await shown(2)).at(-1)).toMatch(/^weakmodel/);
    await watched.page.keyboard.press("Enter");
    expect((await shown(2)).at(-1)).toMatch(/^weakmodel/);
    expect((await shown(1))[0]).toBe("3");
  });

  it("filters each section by itself", async () => {
    const [first] = await watched.page.getByRole("searchbox").all();
    await first?.fill("owned");
    expect(await shown(1)).toEqual(["2"]);
    expect(await watched.page.locator("#section-1 tbody tr:visible").count()).toBe(2);
    await first?.fill("");
  });

  it("fits a phone and a desk, takes names for text, and has no error, request outside or serious finding", async () => {
    for (const width of [390, 1280]) {
      await watched.page.setViewportSize({ width, height: 800 });
      expect(await watched.page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    }
    expect(await watched.page.locator("img").count()).toBe(0);
    expect(await watched.page.title()).toContain("Leaderboard: <img");
    expect(watched.complaints).toEqual([]);
    expect(await accessibilityFindings(watched)).toEqual([]);
  });
});
