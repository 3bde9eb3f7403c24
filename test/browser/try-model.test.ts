import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pgd } from "#mtard/attacks/pgd.js";
import { datasets } from "#mtard/data/datasets.js";
import { makeDemo } from "#mtard/data/demo.js";
import { imagesInMemory } from "#mtard/data/images.js";
import { type Model, openModel } from "#mtard/model/model.js";
import { handedModel } from "#mtard/report/handover/facts.js";
import { writeModelFolder } from "#mtard/report/handover/folder.js";
import { sampleImages } from "#mtard/report/handover/samples.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { loadSharp } from "#mtard/runtime/sharp.js";
import { builtInFolder } from "#mtard/teacher/built-in.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";
import { accessibilityFindings, CHROMIUM, startChromium, watchedPage, type WatchedPage } from "./chromium.js";

/* The page of an exported model in a real browser, beside ONNX Runtime and our PGD in Node. */

const SIDE = 32;
const PIXELS = SIDE * SIDE * 3;
/** A class that says what pages must not do. */
const HOSTILE = `<img src=x onerror=alert(1)>"'</script>\u202e${"x".repeat(10_000)}`;

/** What the test asks of the page's elements; the tests have no DOM types. */
interface PageElement {
  readonly scrollWidth: number;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
}
interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(kind: "2d"): { getImageData(...area: readonly number[]): { data: Uint8ClampedArray } };
}

describe.skipIf(CHROMIUM === null)("the page of a model in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "mtard-page-"));
  let browser: Browser;
  let watched: WatchedPage;
  let model: Model;
  let images: Float32Array[];
  let labels: number[];

  beforeAll(async () => {
    browser = await startChromium();
    model = await openModel({ kind: "folder", folder: builtInFolder("demo-clean") }, { device: "cpu" });
    const { demo } = datasets;
    const { test } = await makeDemo(demo.image, { ...demo.origin, train: 10, test: 60 });
    const samples = sampleImages({ ...test, images: imagesInMemory(test.images, PIXELS) });
    labels = samples.map(({ label }) => label);
    images = samples.map(({ pixels }) =>
      Float32Array.from(Buffer.from(pixels, "base64"), (value) => value / 255),
    );
    const classNames = demo.classNames.map((name, index) => (index === 9 ? HOSTILE : name));
    const handed = handedModel(model, "best", { ...demo, classNames }, [], null);
    await writeModelFolder(join(folder, "handed"), model, handed, samples);
    watched = await watchedPage(browser, null, {
      viewport: { width: 390, height: 800 },
      reducedMotion: "reduce",
    });
    await watched.page.goto(`file://${join(folder, "handed", "index.html")}`);
    await finished();
  });

  afterAll(async () => {
    model.dispose();
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  const finished = (page = watched.page): Promise<void> =>
    page.locator('#stage[aria-busy="false"]').waitFor({ state: "visible" });
  const verdict = (): Locator => watched.page.locator("#verdict");

  async function choose(sample: number): Promise<void> {
    await watched.page.locator("#samples input").nth(sample).check({ force: true });
    await finished();
  }

  /** The logits that the page shows, of the clean image (1) or the adversarial one (2). */
  const shownLogits = (column: 1 | 2): Promise<number[]> =>
    watched.page
      .locator(`#logits tbody tr > :nth-child(${column + 1})`)
      .evaluateAll((cells: PageElement[]) => cells.map((cell) => Number(cell.getAttribute("data-value"))));

  it("answers as ONNX Runtime does in Node", async () => {
    const { InferenceSession, Tensor } = onnxRuntime();
    const session = await InferenceSession.create(join(folder, "handed", "model.onnx"));
    let most = 0;
    for (const [sample, image] of images.slice(0, 4).entries()) {
      await choose(sample);
      const planes = Float32Array.from(
        image,
        (_, at) => image[3 * (at % 1024) + Math.floor(at / 1024)] ?? NaN,
      );
      const answer = await session.run({ images: new Tensor("float32", planes, [1, 3, SIDE, SIDE]) });
      const theirs = answer["logits"]?.data as Float32Array;
      for (const [index, logit] of (await shownLogits(1)).entries())
        most = Math.max(most, Math.abs(logit - (theirs[index] ?? NaN)));
    }
    await session.release();
    expect(most).toBeLessThan(1e-3);
  });

  it("makes the PGD that we make in Node, from the same start", async () => {
    await watched.page.getByText("The attack's settings").click();
    await watched.page.getByLabel("start from noise").uncheck();
    await choose(4);
    const target = await model.target();
    const image = tf.tensor4d(images[4] as Float32Array, [1, SIDE, SIDE, 3]);
    const loss = { kind: "crossEntropy", labels: tf.tensor1d([labels[4] as number], "int32") } as const;
    const settings = { epsilon: 8 / 255, stepSize: 0.003, steps: 20, start: "image" } as const;
    const adversarial: Tensor4D = pgd(target, image, loss, settings, [0, 0]);
    const logits = target.logits(adversarial);
    const [ours, expected] = [await shownLogits(2), [...logits.dataSync()]];
    for (const [index, logit] of ours.entries())
      expect(Math.abs(logit - (expected[index] ?? NaN))).toBeLessThan(0.05);
    const drawn = await watched.page.locator("#adversarial").evaluate((canvas: Canvas) => {
      const { width, height } = canvas;
      return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
    });
    const pixels = drawn.filter((_, at) => at % 4 !== 3);
    const levels = [...adversarial.dataSync()].map((value) => Math.round(255 * value));
    const other = pixels.filter((level, at) => Math.abs(level - (levels[at] ?? NaN)) > 1);
    expect(pixels).toHaveLength(PIXELS);
    // The sign of a gradient that is all but zero is rounding.
    expect(other.length).toBeLessThan(PIXELS / 100);
    expect(
      Math.max(...pixels.map((level, at) => Math.abs(level - 255 * (images[4]?.[at] ?? NaN)))),
    ).toBeCloseTo(8, 0);
    tf.dispose([image, loss.labels, adversarial, logits]);
    await watched.page.getByLabel("start from noise").check();
  });

  it("fools a natural model within 8/255, not without a change, with the keyboard alone", async () => {
    await choose(0);
    expect(await verdict().textContent()).toMatch(/^Fooled: /);
    await watched.page.locator("#samples input").first().focus();
    await watched.page.keyboard.press("ArrowRight");
    await finished();
    expect(await verdict().textContent()).toMatch(/^Fooled: “.ring/);
    await watched.page.getByRole("slider").focus();
    await watched.page.keyboard.press("Home");
    await finished();
    expect(await verdict().textContent()).toMatch(/^Nothing is changed: still “.ring/);
    expect(await shownLogits(2)).toEqual(await shownLogits(1));
    await watched.page.keyboard.press("End");
    await finished();
    expect(await watched.page.locator("#epsilon-text").textContent()).toBe("16/255");
  });

  it("takes an image of one's own, and says of another file that it is none", async () => {
    const { page } = watched;
    await choose(5);
    const clean = await shownLogits(1);
    const bytes = Uint8Array.from(images[5] as Float32Array, (value) => Math.round(255 * value));
    const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
    const png = await loadSharp()(bytes, { raw }).png().toBuffer();
    await choose(6);
    await page.locator("#file").setInputFiles({ name: "mine.png", mimeType: "image/png", buffer: png });
    await expect.poll(() => page.locator("#samples :checked").count()).toBe(0);
    await finished();
    expect(await shownLogits(1)).toEqual(clean);
    const none = { name: "<b>.png", mimeType: "image/png", buffer: Buffer.from("no image") };
    await page.locator("#file").setInputFiles(none);
    await expect
      .poll(() => page.locator("#notice").textContent())
      .toBe("This file cannot be read as an image.");
  });

  it("shows hostile names as text, fits a phone, and has nothing that axe finds serious", async () => {
    const { page, complaints } = watched;
    await choose(9);
    expect(await page.locator("#answers tbody th").nth(9).textContent()).toMatch(/^<img src=x onerror/);
    expect(await page.locator("img").count()).toBe(0);
    const width = await page.locator("html").evaluate(({ scrollWidth }: PageElement) => scrollWidth);
    expect(width).toBe(390);
    await page
      .locator("details")
      .evaluateAll((all: PageElement[]) => all.forEach((one) => one.setAttribute("open", "")));
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await accessibilityFindings(watched)).toEqual([]);
    }
    expect(complaints).toEqual([]);
  });

  it("works when it is served, and loads nothing else then", async () => {
    const html = readFileSync(join(folder, "handed", "index.html"));
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.setHeader("content-type", "text/html").end(html);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const served = await watchedPage(browser, origin, { reducedMotion: "reduce" });
    await served.page.goto(origin);
    await finished(served.page);
    server.close();
    expect(asked.filter((path) => path !== "/favicon.ico")).toEqual(["/"]);
    expect(served.complaints).toEqual([]);
  });
});
