import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const places = [
  process.env["MTARD_CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** The Chromium of this machine; null where there is none, and tests in it are skipped. */
export const CHROMIUM = places.find((place) => place !== undefined && existsSync(place)) ?? null;

/** A page in a real browser, and everything about it that no page of mtard's may do. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, and requests to other origins than `origin`. */
  readonly complaints: string[];
}

/** Starts Chromium; the caller closes it. */
export function startChromium(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error("no Chromium on this machine");
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** Opens an empty page that keeps account of what goes wrong; `origin` is where it may load from (`file:` needs none). */
export async function watchedPage(
  browser: Browser,
  origin: string | null,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    const isInside = /^(file|data|blob):/.test(url) || (origin !== null && url.startsWith(origin));
    if (!isInside) complaints.push(`request to ${url}`);
  });
  return { page, complaints };
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The findings of axe that are serious or worse, one line each. */
export async function accessibilityFindings({ page }: WatchedPage): Promise<string[]> {
  // A page's own policy refuses scripts of others, so it is evaluated from outside.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; impact: string | null; nodes: { html: string }[] }[];
        }>;
      };
    };
    return (await axe.run()).violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      where: nodes.map(({ html }) => html.slice(0, 200)),
    }));
  });
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, where }) => `${id}: ${where.join(" | ")}`);
}
