/*
 * What a page's own script makes of a table that is whole without it. Nothing is imported here, so that the script can stand inside of a page.
 */

/** Makes every `table.sortable` of the page sortable by its headings, and where it has a `data-filter` adds a field that hides rows. */
export function enhanceTables(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) enhanceTable(table);
}

/** Turns the headings of a table into buttons that sort its body, and adds a field above it that hides rows without its words. */
export function enhanceTable(table: HTMLTableElement): void {
  const headings = [...(table.tHead?.rows[0]?.cells ?? [])];
  for (const [column, heading] of headings.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const falls = heading.getAttribute("aria-sort") === "descending";
      // Of numbers the largest, of names the first are looked for.
      const isNumber = heading.classList.contains("number");
      const isSorted = heading.hasAttribute("aria-sort");
      const descending = isSorted ? !falls : isNumber;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBody(table, column, descending);
    });
  }
  const { filter } = table.dataset;
  if (filter !== undefined) table.before(filterField(table, filter));
}

function sortBody(table: HTMLTableElement, column: number, descending: boolean): void {
  const body = table.tBodies[0];
  if (!body) return;
  const rows = [...body.rows].map((row) => ({ row, value: valueOf(row.cells[column]) }));
  rows.sort((one, other) => compare(one.value, other.value, descending));
  body.append(...rows.map(({ row }) => row));
}

/** What a cell is sorted by: `data-value` where it has one, else the number it begins with, else its text. */
function valueOf(cell: HTMLTableCellElement | undefined): number | string | null {
  const text = (cell?.dataset["value"] ?? cell?.textContent ?? "").trim();
  if (text === "" || text === "-") return null;
  const number = /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?(?=$|%|\s)/i.exec(text);
  return number ? Number(number[0]) : text;
}

/** Cells without a value come last, whichever way the others are sorted. */
function compare(one: number | string | null, other: number | string | null, descending: boolean): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  const difference =
    typeof one === "number" && typeof other === "number"
      ? one - other
      : String(one).localeCompare(String(other), "en", { numeric: true });
  return descending ? -difference : difference;
}

function filterField(table: HTMLTableElement, name: string): HTMLElement {
  const label = document.createElement("label");
  label.className = "filter";
  const input = document.createElement("input");
  input.type = "search";
  const found = document.createElement("output");
  label.append(`${name} `, input, " ", found);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    const rows = [...(table.tBodies[0]?.rows ?? [])];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown++;
    }
    found.textContent = words.length === 0 ? "" : `${shown} of ${rows.length}`;
  });
  return label;
}
