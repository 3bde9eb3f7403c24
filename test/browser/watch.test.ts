import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanKey } from "#mtard/evaluation/key.js";
import { openStore } from "#mtard/evaluation/store.js";
import { type ServedPages, servePages } from "#mtard/watch/server.js";
import { watchFolder, type Watcher } from "#mtard/watch/watcher.js";
import { madeFolder, makeRun, stepLine } from "../watch/made-runs.js";
import { accessibilityFindings, CHROMIUM, startChromium, watchedPage, type WatchedPage } from "./chromium.js";

const HOSTILE = `<img src=x onerror="alert(1)">'&amp;`;

describe.skipIf(CHROMIUM === null)("the pages of mtard watch in Chromium", () => {
  const folder = madeFolder();
  let watcher: Watcher;
  let served: ServedPages;
  let browser: Browser;
  let watched: WatchedPage;
  /** How many pages listen to the watcher. */
  let listening = 0;

  beforeAll(async () => {
    makeRun(join(folder.path, HOSTILE));
    makeRun(join(folder.path, "other"), { seed: 1 });
    makeRun(join(folder.path, "going"), { epochs: 10, done: 2 });
    const store = openStore(join(folder.path, HOSTILE, "evaluations"));
    const labels = [0, 1, 2, 3];
    for (const [images, clean] of [
      [4, [0, 1, 2, 0]],
      [2, [0, 1]],
    ] as const)
      store.write(cleanKey({ model: "a".repeat(64), data: "b".repeat(64), images, batchSize: 2 }), {
        ...{ device: "cpu", labels: labels.slice(0, images), clean, attack: null, images: null },
        warnings: { answers: [], gradients: null },
      });
    watcher = watchFolder(folder.path, { look: 50, find: 200, jobs: 1e9 });
    await watcher.begin();
    const listen = watcher.listen.bind(watcher);
    watcher.listen = (listener) => {
      listening++;
      const forget = listen(listener);
      return () => {
        listening--;
        forget();
      };
    };
    const report = (): Promise<string> => Promise.resolve("<!doctype html><title>report</title>");
    served = await servePages({ folder: folder.path, watcher, port: 0, isOnly: true, report });
    browser = await startChromium();
    watched = await watchedPage(browser, served.address, { viewport: { width: 1280, height: 900 } });
    await watched.page.goto(served.address);
  });

  afterAll(async () => {
    await browser.close();
    watcher.end();
    await served.end();
    folder.remove();
  });

  const rowOf = (name: string) => watched.page.locator("tbody tr").filter({ hasText: name });
  const shown = (): Promise<string[]> => watched.page.locator("tbody tr:visible .name").allTextContents();
  /** Nothing is wider than the screen, and axe finds nothing, on a phone in the dark too. */
  async function isFit(): Promise<void> {
    for (const [width, colorScheme] of [
      [1280, "light"],
      [390, "dark"],
    ] as const) {
      await watched.page.setViewportSize({ width, height: 844 });
      await watched.page.emulateMedia({ colorScheme });
      expect(await watched.page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      expect(await accessibilityFindings(watched)).toEqual([]);
    }
    await watched.page.setViewportSize({ width: 1280, height: 900 });
    await watched.page.emulateMedia({ colorScheme: "light" });
    expect(watched.complaints).toEqual([]);
  }

  it("list all runs with their curves, and change as they are trained", async () => {
    await rowOf("other").locator(".small-curve.accuracy").waitFor();
    expect(await watched.page.locator("#summary").textContent()).toBe("3 runs: 1 paused, 2 finished");
    expect((await shown()).sort()).toEqual([HOSTILE, "going", "other"].sort());
    await rowOf("going").getByText("epoch 2 of 10, step 100").waitFor();
    appendFileSync(join(folder.path, "going", "metrics.jsonl"), stepLine(101));
    await rowOf("going").getByText("epoch 3 of 10, step 101").waitFor();
    makeRun(join(folder.path, "late"), { done: 1 });
    await rowOf("late").getByText("epoch 1 of 4").waitFor();
    await isFit();
  });

  it("are sorted and filtered, a filter holding for what comes later", async () => {
    await watched.page.getByRole("button", { name: "best W-Robust" }).click();
    // The best of four epochs first, then of two, then of one.
    expect((await shown()).slice(2)).toEqual(["going", "late"]);
    const filter = watched.page.getByRole("searchbox", { name: "Filter runs" });
    await filter.fill("finished");
    expect(await shown()).toHaveLength(2);
    makeRun(join(folder.path, "later"), { done: 1 });
    await watched.page.getByText("5 runs").waitFor();
    expect(await shown()).toHaveLength(2);
    await filter.fill("");
  });

  it("lay ticked runs over each other, and name the settings in which they differ", async () => {
    for (const name of ["other", "going"]) await rowOf(name).getByRole("checkbox").press("Space");
    await watched.page.getByRole("button", { name: "Lay 2 runs over each other" }).press("Enter");
    const chart = watched.page.getByRole("group", { name: "W-Robust, %" });
    await chart.locator("canvas").waitFor();
    expect(await watched.page.locator("ul.runs .name").allTextContents()).toEqual(["other", "going"]);
    expect((await watched.page.locator(".settings td:first-child").allTextContents()).sort()).toEqual([
      "epochs",
      "seed",
    ]);
    expect(await chart.locator(".value").allTextContents()).toEqual(["65", "60"]);
    await isFit();
  });

  it("show a run whose curves grow, are pointed at, and looked at closer with mouse and keyboard", async () => {
    await watched.page.locator("ul.runs .name").filter({ hasText: "going" }).click();
    const loss = watched.page.getByRole("group", { name: "Loss", exact: true });
    await loss.locator("canvas").waitFor();
    const last = (step: number): string => String(Number((3 / Math.sqrt(step)).toPrecision(4)));
    await loss.getByText(last(101)).waitFor();
    for (let step = 102; step <= 120; step++)
      appendFileSync(join(folder.path, "going", "metrics.jsonl"), stepLine(step));
    await loss.getByText(last(120)).waitFor();
    const { x, y, width } = (await loss.locator("canvas").boundingBox()) ?? { x: 0, y: 0, width: 0 };
    const picture = () => loss.locator("canvas").screenshot();
    await watched.page.mouse.move(x + width - 2, y + 50);
    await watched.page.mouse.move(x + 60, y + 50);
    const value = loss.locator(".item", { hasText: "clean" }).locator(".value");
    expect(Number(await value.textContent())).toBeGreaterThan(0.6);
    const whole = await picture();
    await watched.page.mouse.down();
    await watched.page.mouse.move(x + width / 2, y + 50, { steps: 3 });
    await watched.page.mouse.up();
    await watched.page.mouse.move(0, 0);
    const close = await picture();
    expect(close.equals(whole)).toBe(false);
    await loss.focus();
    await watched.page.keyboard.press("ArrowRight");
    await watched.page.keyboard.press("0");
    await isFit();
    await watched.page.getByRole("link", { name: "The whole report" }).click();
    expect(await watched.page.title()).toBe("report");
  });

  it("hold all measurements in a table that is sorted and filtered", async () => {
    await watched.page.goto(`${served.address}measurements`);
    await watched.page.getByText("2 measurements of 1 model").waitFor();
    await watched.page.getByRole("button", { name: "clean" }).click();
    const rows = () => watched.page.locator("tbody tr:visible td:nth-child(5)").allTextContents();
    expect(await rows()).toEqual(["100.00%", "75.00%"]);
    await watched.page.getByRole("searchbox").fill("clean 75");
    expect(await rows()).toEqual(["75.00%"]);
    expect(await shown()).toEqual([HOSTILE]);
    await isFit();
  });

  it("listen while they are seen, and show what came meanwhile when they are seen again", async () => {
    await watched.page.goto(served.address);
    await rowOf("other").waitFor();
    const turn = (isHidden: boolean) =>
      watched.page
        .evaluate(`Object.defineProperty(document, "hidden", { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));`);
    await expect.poll(() => listening).toBe(1);
    await turn(true);
    await expect.poll(() => listening).toBe(0);
    makeRun(join(folder.path, "unseen"));
    await turn(false);
    await rowOf("unseen").waitFor();
    expect(listening).toBe(1);
  });

  it("say when the program has ended, and go on when it is back", async () => {
    await watched.page.goto(served.address);
    await rowOf("other").waitFor();
    await served.end();
    await watched.page.getByText("not connected").waitFor();
    expect(readFileSync(join(folder.path, "other", "summary.json"), "utf8")).toContain("finished");
    const report = (): Promise<string> => Promise.resolve("");
    served = await servePages({ folder: folder.path, watcher, port: served.port, isOnly: true, report });
    await watched.page.getByText("live", { exact: true }).waitFor();
  });
});
