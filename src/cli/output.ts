/* The command line's two channels: results go to stdout, everything else to stderr. */

/** Options every command takes. */
export interface GlobalArguments {
  json: boolean;
  verbose: boolean;
  dataDir: string;
  teachersDir: string;
}

/** Writes one line for people to stderr. */
export function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes one JSON object to stdout. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints a command's result: the JSON object with `--json`, else the text. */
export function printResult(args: Pick<GlobalArguments, "json">, value: object, text: string): void {
  if (args.json) printJson(value);
  else process.stdout.write(`${text}\n`);
}

/** Formats rows as a table with aligned columns; the first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
