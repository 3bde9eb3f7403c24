import { answerOf, probabilitiesOf } from "./ascent.js";

/** With more classes than this, only the likeliest are shown. */
const ALL_SHOWN = 12;
const LIKELIEST = 8;

/** A model's answers to the clean and to the changed image. */
export interface BothAnswers {
  readonly clean: Float32Array;
  /** Null before an attack has begun. */
  readonly adversarial: Float32Array | null;
  /** The class that is right, or was answered to the clean image where nobody knows better. */
  readonly label: number;
}

/** Fills the table of probabilities, one row a class, with bars. */
export function showAnswers(
  body: HTMLTableSectionElement,
  names: readonly string[],
  both: BothAnswers,
): void {
  const columns = [both.clean, both.adversarial].map((logits) => logits && probabilitiesOf(logits));
  const answers = [both.clean, both.adversarial].map((logits) => logits && answerOf(logits));
  const shown = shownClasses(columns, names.length);
  while (body.rows.length > shown.length) body.deleteRow(-1);
  while (body.rows.length < shown.length) body.append(emptyRow());
  for (const [place, index] of shown.entries()) {
    const row = body.rows[place];
    const [name, ...cells] = row?.cells ?? [];
    if (!row || !name) continue;
    name.textContent = names[index] ?? "";
    name.title = names[index] ?? "";
    row.classList.toggle("truth", index === both.label);
    for (const [column, cell] of cells.entries()) {
      const probability = columns[column]?.[index];
      const [track, text] = cell.children;
      const bar = track?.firstElementChild;
      if (!(bar instanceof HTMLElement) || !text) continue;
      bar.style.width = `${100 * (probability ?? 0)}%`;
      bar.className = answers[column] !== index ? "" : index === both.label ? "right" : "wrong";
      text.textContent = probability === undefined ? "" : percent(probability);
    }
  }
}

/** All classes in their order where they are few, so that no row moves; else the likeliest of either answer, likeliest first. */
function shownClasses(columns: readonly (number[] | null)[], classes: number): number[] {
  const all = Array.from({ length: classes }, (_, index) => index);
  if (classes <= ALL_SHOWN) return all;
  const most = (index: number): number => Math.max(...columns.map((column) => column?.[index] ?? 0));
  return all.sort((one, other) => most(other) - most(one)).slice(0, LIKELIEST);
}

function emptyRow(): HTMLTableRowElement {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  const cells = ["clean", "adversarial"].map(() => {
    const cell = document.createElement("td");
    const track = document.createElement("div");
    track.className = "track";
    track.append(document.createElement("div"));
    const text = document.createElement("span");
    cell.append(track, text);
    return cell;
  });
  row.append(name, ...cells);
  return row;
}

/** Fills the table of all logits; each cell keeps the whole number in `data-value`. */
export function showLogits(body: HTMLTableSectionElement, names: readonly string[], both: BothAnswers): void {
  const rows = names.map((name, index) => {
    const row = document.createElement("tr");
    const heading = document.createElement("th");
    heading.scope = "row";
    heading.textContent = name;
    const cells = [both.clean, both.adversarial].map((logits) => {
      const cell = document.createElement("td");
      const value = logits?.[index];
      cell.className = "number";
      cell.textContent = value === undefined ? "" : value.toFixed(4);
      if (value !== undefined) cell.dataset["value"] = String(value);
      return cell;
    });
    row.append(heading, ...cells);
    return row;
  });
  body.replaceChildren(...rows);
}

/** A probability as text: 99.96% is not yet 100%. */
export function percent(probability: number): string {
  const text = (100 * probability).toFixed(1);
  return text === "100.0" && probability < 1 ? ">99.9%" : `${text}%`;
}
