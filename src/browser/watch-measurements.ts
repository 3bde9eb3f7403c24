import { ago, count, element, find, percent } from "./watch-elements.js";
import { ask, showConnection } from "./watch-live.js";
import { liveTable } from "./watch-table.js";
import type { MeasurementRow, Measurements } from "./watch-types.js";

/* All measurements below the folder, in one table. */

const table = liveTable(
  "Measurements",
  [
    { name: "model" },
    { name: "attack" },
    { name: "images", isNumber: true },
    { name: "epsilon", isNumber: true, isMinor: true },
    { name: "clean", isNumber: true },
    { name: "robust", isNumber: true },
    { name: "W-Robust", isNumber: true },
    { name: "corrupted", isNumber: true },
    { name: "measured", isMinor: true },
  ],
  "Filter measurements",
);
find("measurements").append(table.element);

/** How often new records are looked for, and how soon the rest of many is asked for; milliseconds. */
const [SELDOM, SOON] = [10_000, 50];
let before = "";

void look();

async function look(): Promise<void> {
  let next = SELDOM;
  try {
    if (!document.hidden) {
      const answer = await ask<Measurements>("/api/measurements");
      show(answer);
      showConnection("live");
      if (answer.unread > 0) next = SOON;
    }
  } catch (error) {
    find("summary").textContent = error instanceof Error ? error.message : String(error);
    showConnection("lost");
    before = "";
  }
  setTimeout(() => void look(), next);
}

function show({ rows, unread }: Measurements): void {
  const now = JSON.stringify([rows, unread]);
  if (now === before) return;
  before = now;
  for (const row of rows) showRow(row);
  table.keep(new Set(rows.map(({ id }) => id)));
  table.element.hidden = rows.length === 0;
  table.refresh();
  const models = new Set(rows.map(({ model }) => model)).size;
  find("summary").textContent =
    rows.length + unread === 0
      ? "Nothing was measured yet. mtard evaluate measures a model, and it appears here."
      : `${count(rows.length)} measurement${rows.length === 1 ? "" : "s"} of ${models} model${models === 1 ? "" : "s"}${unread > 0 ? `; reading ${count(unread)} more` : ""}`;
}

function showRow({
  id,
  model,
  run,
  attack,
  images,
  epsilon,
  radius,
  clean,
  robust,
  wRobust,
  corrupted,
  date,
  problem,
}: MeasurementRow): void {
  const name =
    run === null
      ? element("span", { class: "name", dir: "auto" }, model)
      : element("a", { href: `/run/${run}`, class: "name", dir: "auto" }, model);
  table.set(id, [
    { content: [name], value: model },
    { content: [attack, problem === "" ? "" : element("span", { class: "soft problem" }, problem)] },
    { content: [images === null ? "" : count(images)], value: images },
    { content: [radius], value: epsilon },
    { content: [percent(clean)], value: clean },
    { content: [percent(robust)], value: robust },
    { content: [percent(wRobust)], value: wRobust },
    { content: [percent(corrupted)], value: corrupted },
    { content: [ago(date)], value: date },
  ]);
}
