import { enhanceTable } from "./sortable.js";
import { element } from "./watch-elements.js";

export interface Heading {
  readonly name: string;
  readonly isNumber?: boolean;
  /** Left out where the screen is narrow. */
  readonly isMinor?: boolean;
}

export interface Cell {
  readonly content: readonly (Node | string)[];
  /** What it is sorted by, where that is not its text. */
  readonly value?: number | string | null;
}

/** A table that sorts and filters, whose rows change, come and go while it is looked at. */
export interface LiveTable {
  readonly element: HTMLElement;
  /** Adds a row, or fills the one with this id anew; the others stay where they are. Cells that are null stay as they are. */
  set(id: string, cells: readonly (Cell | null)[]): void;
  remove(id: string): void;
  /** Removes all rows but these. */
  keep(ids: ReadonlySet<string>): void;
  /** To be called after changes: what the filter hides may have changed. */
  refresh(): void;
  readonly size: number;
}

export function liveTable(label: string, headings: readonly Heading[], filter: string): LiveTable {
  const body = element("tbody");
  const head = element("tr");
  const classOf = ({ isNumber, isMinor }: Heading): string =>
    [isNumber ? "number" : "", isMinor ? "minor" : ""].filter(Boolean).join(" ");
  // On narrow screens rows are cards, and what is no table by its looks has to be one by its roles.
  for (const heading of headings)
    head.append(element("th", { scope: "col", role: "columnheader", class: classOf(heading) }, heading.name));
  head.setAttribute("role", "row");
  body.setAttribute("role", "rowgroup");
  const table = element(
    "table",
    { class: "sortable live-table", "data-filter": filter, role: "table", "aria-label": label },
    element("thead", { role: "rowgroup" }, head),
    body,
  );
  const holder = element(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    table,
  );
  enhanceTable(table);
  const field = holder.querySelector<HTMLInputElement>("input[type=search]");
  const rows = new Map<string, HTMLTableRowElement>();

  return {
    element: holder,
    get size() {
      return rows.size;
    },
    set(id, cells) {
      let row = rows.get(id);
      if (!row) {
        row = element("tr", { role: "row" });
        for (const heading of headings)
          row.append(element("td", { role: "cell", class: classOf(heading), "data-name": heading.name }));
        rows.set(id, row);
        body.append(row);
      }
      for (const [at, cell] of cells.entries()) {
        const place = row.cells[at];
        if (!place || !cell) continue;
        place.replaceChildren(...cell.content);
        place.classList.toggle(
          "empty",
          cell.content.every((each) => each === ""),
        );
        if (cell.value === undefined) delete place.dataset["value"];
        else place.dataset["value"] = cell.value === null ? "" : String(cell.value);
      }
    },
    remove(id) {
      rows.get(id)?.remove();
      rows.delete(id);
    },
    keep(ids) {
      for (const [id, row] of rows) {
        if (ids.has(id)) continue;
        row.remove();
        rows.delete(id);
      }
    },
    refresh() {
      if (field && field.value !== "") field.dispatchEvent(new Event("input"));
    },
  };
}
