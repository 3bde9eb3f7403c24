import { type Chart, makeChart } from "./watch-chart.js";
import { colorOf } from "./watch-chart-spec.js";
import { ago, bar, count, duration, element, find, percent, stateMark } from "./watch-elements.js";
import { ask, listen } from "./watch-live.js";
import { type Along, extentOf, type Panel, panelsOfRun, panelsOfRuns } from "./watch-panels.js";
import type { Span } from "./watch-pointer.js";
import type { RunDetail } from "./watch-types.js";

/* The page of one run, and of several over each other. */

const path = /^\/run\/([0-9a-f]+)$/.exec(location.pathname)?.[1];
const ids = [...new Set(path === undefined ? new URLSearchParams(location.search).getAll("run") : [path])];
const isComparison = path === undefined;

const details = new Map<string, RunDetail>();
const charts = new Map<string, Chart>();
const alongChoice = find("along") as HTMLSelectElement;
/** What is looked at; null for all there is, also what is still to come. */
let span: Span | null = null;

/** So often at most is asked for what is new; milliseconds. */
const PACE = 1000;
const stale = new Set<string>(ids);
let isAsking = false;

find("title").textContent = isComparison ? `${ids.length} runs` : "Run";

listen({
  onOverview() {
    for (const id of ids) stale.add(id);
    void refresh();
  },
  onChanges({ runs }) {
    for (const { id } of runs) if (ids.includes(id)) stale.add(id);
    void refresh();
  },
});
document.addEventListener("visibilitychange", () => void refresh());
alongChoice.addEventListener("change", () => {
  span = null;
  showCharts();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts.values()) chart.restyle();
  showAll();
});
for (const button of document.querySelectorAll<HTMLButtonElement>("[data-zoom]"))
  button.addEventListener("click", () => zoom(button.dataset["zoom"] ?? ""));
find("charts").addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  zoom(action);
});

const KEYS: Readonly<Record<string, string>> = {
  "+": "in",
  "=": "in",
  "-": "out",
  ArrowLeft: "left",
  ArrowRight: "right",
  "0": "all",
};

/** Asks for the runs that have changed, unless nobody looks. */
async function refresh(): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  try {
    while (stale.size > 0 && document.visibilityState === "visible") {
      const asked = [...stale];
      stale.clear();
      await Promise.all(
        asked.map(async (id) => {
          try {
            details.set(id, await ask<RunDetail>(`/api/runs/${encodeURIComponent(id)}`));
          } catch (error) {
            if (!details.has(id)) showMissing(id, error);
          }
        }),
      );
      showAll();
      await new Promise((done) => setTimeout(done, PACE));
    }
  } finally {
    // What is shown may fail, and be right the next time.
    isAsking = false;
  }
}

function shownDetails(): RunDetail[] {
  return ids.flatMap((id) => details.get(id) ?? []);
}

function showMissing(id: string, error: unknown): void {
  const text = `run ${id}: ${error instanceof Error ? error.message : String(error)}`;
  find("details").replaceChildren(element("p", { class: "note" }, text));
}

function showAll(): void {
  const [first, ...others] = shownDetails();
  if (!first) return;
  if (isComparison) showRuns([first, ...others]);
  else showRun(first);
  showCharts();
}

function showRun({ row, settings, unreadableLines }: RunDetail): void {
  document.title = `${row.name} - mtard`;
  find("title").textContent = row.name;
  const { best } = row;
  const facts: (readonly [string, ...(Node | string)[]])[] = [
    ["state", stateMark(row.state)],
    [
      "progress",
      ...(row.share === null ? [] : [bar(row.share, "progress")]),
      ` epoch ${row.epoch} of ${row.epochs}, step ${count(row.step)}`,
    ],
    ...(row.secondsLeft === null ? [] : [["left", duration(row.secondsLeft)] as const]),
    ...(best === null
      ? []
      : [
          [
            "best",
            `${percent(best.wRobust)} W-Robust in epoch ${best.epoch} (${percent(best.clean)} clean, ${percent(best.robust)} robust)`,
          ] as const,
        ]),
    ["changed", ago(row.updated)],
  ];
  find("about").replaceChildren(
    element("p", { class: "soft" }, row.about),
    ...(row.problem === null ? [] : [element("p", { class: "note" }, row.problem)]),
    element(
      "dl",
      { class: "facts" },
      ...facts.map(([name, ...content]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, ...content)),
      ),
    ),
    element(
      "p",
      {},
      element("a", { href: `/report/${row.id}` }, "The whole report"),
      unreadableLines === 0
        ? ""
        : element(
            "span",
            { class: "soft" },
            ` ${count(unreadableLines)} lines of its metrics cannot be read.`,
          ),
    ),
  );
  showOnce(
    "Settings",
    settingsTable(
      ["setting", "value"],
      settings.map((pair) => [...pair]),
    ),
  );
}

function showRuns(all: readonly RunDetail[]): void {
  document.title = `${all.length} runs - mtard`;
  const body = all.map(({ row }, at) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = colorOf(at);
    return element(
      "li",
      {},
      swatch,
      element("a", { href: `/run/${row.id}`, class: "name", dir: "auto" }, row.name),
      stateMark(row.state),
      element(
        "span",
        { class: "soft" },
        row.best === null
          ? ""
          : `best ${percent(row.best.wRobust)} W-Robust, epoch ${row.best.epoch} of ${row.epochs}`,
      ),
    );
  });
  find("about").replaceChildren(element("ul", { class: "runs" }, ...body));
  const maps = all.map(({ settings }) => new Map(settings));
  const names = [...new Set(all.flatMap(({ settings }) => settings.map(([name]) => name)))];
  const rows = names.flatMap((name) => {
    const values = maps.map((map) => map.get(name) ?? "");
    return new Set(values).size > 1 ? [[name, ...values]] : [];
  });
  const heading = ["setting", ...all.map(({ row }) => row.name)];
  showOnce(
    "Settings that differ",
    rows.length === 0 ? element("p", {}, "None.") : settingsTable(heading, rows),
  );
}

let shownDetailsText = "";

/** Below the curves; what has not changed stays as it is, with what is selected in it. */
function showOnce(title: string, content: HTMLElement): void {
  if (content.textContent === shownDetailsText) return;
  shownDetailsText = content.textContent;
  find("details").replaceChildren(element("h2", {}, title), content);
}

function settingsTable(heading: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const head = element("tr", {}, ...heading.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))));
  const table = element(
    "table",
    { class: "settings" },
    element("thead", {}, head),
    element("tbody", {}, ...body),
  );
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "settings" }, table);
}

/** Epochs are only known where every run shows how long one is. */
function along(): Along {
  const isUnknown = shownDetails().some(({ row }) => row.stepsPerEpoch === null);
  const epochs = alongChoice.querySelector<HTMLOptionElement>("option[value=epochs]");
  if (epochs) epochs.disabled = isUnknown;
  const chosen = alongChoice.value as Along;
  return isUnknown && chosen === "epochs" ? "steps" : chosen;
}

const TITLES: Readonly<Record<Along, string>> = {
  epochs: "training epoch",
  steps: "step",
  hours: "hours of training",
};

function showCharts(): void {
  const all = shownDetails();
  const [first] = all;
  if (!first) return;
  const chosen = along();
  const panels: Panel[] = isComparison ? panelsOfRuns(all, chosen) : panelsOfRun(first, chosen);
  const seen = extentOf(all, chosen);
  for (const { title, lines } of panels) {
    let chart = charts.get(title);
    if (!chart) {
      chart = makeChart(title, isComparison, { onHover: hover, onSpan: lookAt });
      charts.set(title, chart);
    }
    chart.setSpan(span ?? seen);
    chart.setLines(lines, TITLES[chosen]);
  }
  inOrder(panels.flatMap(({ title }) => charts.get(title)?.element ?? []));
  for (const [title, chart] of charts) chart.element.hidden = !panels.some((panel) => panel.title === title);
}

/** A value may be reported for the first time after others; its chart then moves to its place. */
function inOrder(elements: readonly HTMLElement[]): void {
  const holder = find("charts");
  const there = [...holder.children].filter((child) => elements.some((each) => each === child));
  if (elements.some((each, at) => each !== there[at])) holder.append(...elements);
}

function hover(x: number | null): void {
  for (const chart of charts.values()) chart.setHover(x);
}

function lookAt(given: Span | null): void {
  span = given;
  const shown = given ?? extentOf(shownDetails(), along());
  for (const chart of charts.values()) chart.setSpan(shown);
}

function zoom(action: string): void {
  const whole = extentOf(shownDetails(), along());
  const [from, to] = span ?? whole;
  const width = to - from;
  const middle = (from + to) / 2;
  const between = (start: number, length: number): Span | null => {
    if (length >= whole[1] - whole[0]) return null;
    const begin = Math.min(Math.max(whole[0], start), whole[1] - length);
    return [begin, begin + length];
  };
  if (action === "all") lookAt(null);
  if (action === "in") lookAt(between(middle - width / 4, width / 2));
  if (action === "out") lookAt(between(middle - width, 2 * width));
  if (action === "left") lookAt(between(from - width / 4, width));
  if (action === "right") lookAt(between(from + width / 4, width));
}
