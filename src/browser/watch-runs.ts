import {
  ago,
  bar,
  count,
  duration,
  element,
  find,
  percent,
  smallCurve,
  stateMark,
} from "./watch-elements.js";
import { listen } from "./watch-live.js";
import { type Cell, liveTable } from "./watch-table.js";
import type { JobRow, RunRow } from "./watch-types.js";

/* The first page: all runs, and the jobs that other processes do. */

const table = liveTable(
  "Runs",
  [
    { name: "run" },
    { name: "state" },
    { name: "progress" },
    { name: "left", isNumber: true },
    { name: "loss", isMinor: true },
    { name: "best W-Robust", isNumber: true },
    { name: "changed", isMinor: true },
  ],
  "Filter runs",
);
const jobTable = liveTable(
  "Jobs",
  [
    { name: "job" },
    { name: "state" },
    { name: "where" },
    { name: "doing" },
    { name: "left", isNumber: true },
    { name: "tries", isNumber: true, isMinor: true },
  ],
  "Filter jobs",
);
const runs = new Map<string, RunRow>();
const ticked = new Set<string>();
const compare = find("compare") as HTMLButtonElement;
/** More lines cannot be told apart. */
const MOST_COMPARED = 12;

find("runs").append(table.element);
find("job-list").append(jobTable.element);
compare.addEventListener("click", () => {
  location.assign(`/compare?${[...ticked].map((id) => `run=${id}`).join("&")}`);
});

listen({
  onOverview(overview) {
    runs.clear();
    const order = (run: RunRow): number => (run.state === "training" ? 1e15 : 0) + run.updated;
    const all = [...overview.runs].sort((one, other) => order(other) - order(one));
    for (const run of all) show(run);
    table.keep(new Set(runs.keys()));
    // Some may have gone while the page was not connected.
    for (const id of ticked) if (!runs.has(id)) ticked.delete(id);
    showJobs(overview.jobs);
    summarize(overview.folder);
  },
  onChanges(changes) {
    for (const run of changes.runs) show(run);
    for (const id of changes.gone) {
      runs.delete(id);
      ticked.delete(id);
      table.remove(id);
    }
    if (changes.jobs) showJobs(changes.jobs);
    summarize();
  },
});

// Times that are not told anew go on.
setInterval(() => {
  for (const { id, updated } of runs.values())
    table.set(id, [null, null, null, null, null, null, { content: [ago(updated)], value: updated }]);
}, 30_000);

function show(run: RunRow): void {
  const isNew = !runs.has(run.id);
  runs.set(run.id, run);
  table.set(run.id, [
    isNew ? nameCell(run) : null,
    { content: [stateMark(run.state)], value: run.state },
    progressCell(run),
    { content: [run.secondsLeft === null ? "" : duration(run.secondsLeft)], value: run.secondsLeft },
    { content: [smallCurve(run.loss, "loss")], value: run.loss.at(-1) ?? null },
    bestCell(run),
    { content: [ago(run.updated)], value: run.updated },
  ]);
}

function nameCell({ id, name, about }: RunRow): Cell {
  const box = element("input", { type: "checkbox", "aria-label": `compare ${name}` });
  box.checked = ticked.has(id);
  box.addEventListener("change", () => {
    if (box.checked) ticked.add(id);
    else ticked.delete(id);
    offerComparison();
  });
  const link = element("a", { href: `/run/${id}`, class: "name", dir: "auto" }, name);
  const what = element("span", { class: "soft" }, about);
  return { content: [element("div", { class: "ticked" }, box, element("div", {}, link, what))], value: name };
}

function problemOf({ problem }: RunRow): Node | string {
  return problem === null ? "" : element("span", { class: "soft problem" }, problem);
}

function progressCell(run: RunRow): Cell {
  const { share, epoch, epochs, step } = run;
  if (run.state === "damaged") return { content: [problemOf(run)], value: null };
  const where = `epoch ${epoch} of ${epochs}`;
  const content = [
    ...(share === null ? [] : [bar(share, `progress of ${run.name}`)]),
    element("span", { class: "soft" }, `${where}, step ${count(step)}`),
    problemOf(run),
  ];
  return { content, value: share ?? (epochs > 0 ? epoch / epochs : null) };
}

function bestCell({ best, wRobust, read }: RunRow): Cell {
  if (best === null)
    return { content: [read ? "" : element("span", { class: "soft" }, "reading...")], value: null };
  const both = `clean ${percent(best.clean)}, robust ${percent(best.robust)}`;
  return {
    content: [
      element(
        "span",
        { class: "figure" },
        smallCurve(wRobust, "accuracy"),
        element("strong", {}, percent(best.wRobust)),
      ),
      element("span", { class: "soft numbers" }, both),
    ],
    value: best.wRobust,
  };
}

function offerComparison(): void {
  const many = ticked.size;
  compare.disabled = many < 2 || many > MOST_COMPARED;
  compare.textContent =
    many < 2
      ? "Tick runs to lay them over each other"
      : many > MOST_COMPARED
        ? `At most ${MOST_COMPARED} runs can be laid over each other`
        : `Lay ${many} runs over each other`;
}

function summarize(folder = find("summary").dataset["folder"] ?? ""): void {
  find("summary").dataset["folder"] = folder;
  const counts = new Map<string, number>();
  for (const { state } of runs.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  const states = ["training", "paused", "finished", "damaged"].flatMap((state) => {
    const many = counts.get(state);
    return many === undefined ? [] : [`${many} ${state}`];
  });
  const reading = [...runs.values()].filter(({ read }) => !read).length;
  find("summary").textContent =
    runs.size === 0
      ? `No run below ${folder} yet. mtard train makes one, and it appears here.`
      : `${count(runs.size)} run${runs.size === 1 ? "" : "s"}: ${states.join(", ")}${reading > 0 ? `; reading the curves of ${reading}` : ""}`;
  table.element.hidden = runs.size === 0;
  table.refresh();
  offerComparison();
}

function showJobs(jobs: readonly JobRow[]): void {
  find("jobs").hidden = jobs.length === 0;
  for (const { name, state, where, doing, secondsLeft, tries } of jobs)
    jobTable.set(name, [
      { content: [element("span", { class: "name" }, name)] },
      { content: [stateMark(state)], value: state },
      { content: [where] },
      { content: [element("span", { class: "soft" }, doing)] },
      { content: [secondsLeft === null ? "" : duration(secondsLeft)], value: secondsLeft },
      { content: [String(tries)], value: tries },
    ]);
  jobTable.keep(new Set(jobs.map(({ name }) => name)));
  jobTable.refresh();
}
