import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { MEASUREMENTS_FOLDER } from "../evaluation/store.js";
import { RUN_FILES } from "../run/run-directory.js";
import { signOf } from "./file-sign.js";

/** Gives the report of a run's folder, as HTML. */
export type ReportMaker = (folder: string) => Promise<string>;

/** How many reports are kept, how many are made at a time, and how old one may be that is given without a look; milliseconds. */
const MOST_KEPT = 8;
const AT_ONCE = 2;
const YOUNG = 3000;

interface Made {
  readonly sign: string;
  readonly html: string;
  readonly at: number;
}

/**
 * Reports as they were made last, each made anew when anything that it shows has changed. Of one run one is made at a time, which all who ask
 * meanwhile get.
 */
export function keptReports(make: ReportMaker, young = YOUNG): ReportMaker {
  const kept = new Map<string, Made>();
  const underWay = new Map<string, Promise<string>>();
  const waiting: (() => void)[] = [];
  let working = 0;

  async function inTurn(folder: string): Promise<string> {
    if (working >= AT_ONCE) await new Promise<void>((next) => waiting.push(next));
    else working++;
    try {
      return await make(folder);
    } finally {
      const next = waiting.shift();
      // Whoever comes next takes this one's place.
      if (next) next();
      else working--;
    }
  }

  async function reportOf(folder: string): Promise<string> {
    const known = kept.get(folder);
    if (known && performance.now() - known.at < young) return known.html;
    const sign = await signOfReport(folder);
    if (known?.sign === sign) return known.html;
    const html = await inTurn(folder);
    kept.delete(folder);
    kept.set(folder, { sign, html, at: performance.now() });
    for (const each of kept.keys()) if (kept.size > MOST_KEPT) kept.delete(each);
    return html;
  }

  return (folder) => {
    const known = underWay.get(folder);
    if (known) return known;
    const html = reportOf(folder).finally(() => underWay.delete(folder));
    underWay.set(folder, html);
    return html;
  };
}

/** Changes with all that a report is made from: the run's files, and what was measured of it. */
async function signOfReport(folder: string): Promise<string> {
  const evaluations = join(folder, MEASUREMENTS_FOLDER);
  const records = (await readdir(evaluations).catch(() => [])).sort().map((name) => join(evaluations, name));
  const files = [RUN_FILES.settings, RUN_FILES.metrics, RUN_FILES.summary, RUN_FILES.examples];
  const signs: string[] = [];
  for (const path of [...files.map((name) => join(folder, name)), ...records]) {
    const status = await stat(path).catch(() => null);
    if (status) signs.push(`${path} ${signOf(status)}`);
  }
  return signs.join("\n");
}
