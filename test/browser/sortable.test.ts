import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserScript, htmlTable, pageHtml } from "#mtard/report/html.js";
import { accessibilityFindings, CHROMIUM, startChromium, watchedPage, type WatchedPage } from "./chromium.js";

const ROWS = [
  ["b-mtard", "86.10%"],
  ["<b>RSLAD</b>", "-"],
  ["trades", "100.00%"],
  ["natural", "9.50%"],
];

describe.skipIf(CHROMIUM === null)("a sortable table in Chromium", () => {
  let browser: Browser;
  let watched: WatchedPage;

  beforeAll(async () => {
    browser = await startChromium();
    watched = await watchedPage(browser, null, { viewport: { width: 390, height: 800 } });
    const table = htmlTable(["model", "W-Robust"], ROWS, [1], { sortable: true, filter: "Filter" });
    const html = pageHtml("models", table, browserScript("sortable", "enhanceTables();"));
    await watched.page.goto(`data:text/html;base64,${Buffer.from(html).toString("base64")}`);
  });

  afterAll(() => browser.close());

  const shown = (): Promise<string[]> =>
    watched.page.locator("tbody tr:visible td:first-child").allTextContents();

  it("is sorted by its headings, numbers from the largest, what has none last", async () => {
    await watched.page.getByRole("button", { name: "W-Robust" }).click();
    expect(await shown()).toEqual(["trades", "b-mtard", "natural", "<b>RSLAD</b>"]);
    // With the keyboard, the other way round.
    await watched.page.keyboard.press("Enter");
    expect(await shown()).toEqual(["natural", "b-mtard", "trades", "<b>RSLAD</b>"]);
    await watched.page.getByRole("button", { name: "model" }).click();
    expect((await shown())[0]).toBe("<b>RSLAD</b>");
  });

  it("shows the rows with all words of the filter, and says how many", async () => {
    await watched.page.getByRole("searchbox", { name: "Filter" }).fill("TRADES 100");
    expect(await shown()).toEqual(["trades"]);
    expect(await watched.page.locator("output").textContent()).toBe("1 of 4");
  });

  it("has no error, no request outside, no serious finding of accessibility", async () => {
    expect(watched.complaints).toEqual([]);
    expect(await accessibilityFindings(watched)).toEqual([]);
  });
});
