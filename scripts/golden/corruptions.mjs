// Holds the corruptions against what corruptions.py made with the published code: node scripts/golden/corruptions.mjs IMAGES.bin MADE.json
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { log, printText } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { corruptionIds, corruptionRandom, corruptions } from "#mtard/corruptions/corruptions.js";
import { severities } from "#mtard/corruptions/picture.js";

const [images = "", made = ""] = process.argv.slice(2);
/** @type {{ side: 32 | 64, images: number, stride: number, made: Record<string, readonly string[]> }} */
const golden = JSON.parse(readFileSync(made, "utf8"));
const { side } = golden;
const size = side * side * 3;
const bytes = new Uint8Array(readFileSync(images));

const rows = [];
for (const id of corruptionIds) {
  const { make } = corruptions[id];
  if (make === null) continue;
  for (const severity of severities) {
    const theirs = Buffer.from(golden.made[id]?.[severity - 1] ?? "", "base64");
    let [same, count, largest, changed] = [0, 0, 0, 0];
    const began = performance.now();
    for (let image = 0; image < golden.images; image++) {
      const picture = { side, bytes: bytes.subarray(image * size, (image + 1) * size) };
      const ours = await make(picture, severity, corruptionRandom(0, id, severity, image));
      for (let at = 0; at < size; at += golden.stride, count++) {
        const difference = Math.abs((ours[at] ?? NaN) - (theirs[count] ?? NaN));
        if (difference === 0) same++;
        largest = Math.max(largest, difference);
        changed += Math.abs((theirs[count] ?? NaN) - (picture.bytes[at] ?? NaN));
      }
    }
    const seconds = (performance.now() - began) / golden.images;
    rows.push([id, String(severity), (100 * same) / count, largest, changed / count, seconds]);
  }
  log(id);
}
printText(
  formatTable([
    ["corruption", "severity", "same bytes %", "largest difference", "mean change", "ms an image"],
    ...rows.map((row) => row.map((cell) => (typeof cell === "number" ? cell.toFixed(3) : cell))),
  ]),
);
