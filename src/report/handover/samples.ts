import type { SampleImage } from "../../browser/model-facts.js";
import type { Split } from "../../data/store.js";

/** How many images of the test set stand in a page. */
const SHOWN = 12;

/** Chooses a dozen images of a test set: the first of each class, then the second of each, in the order of the classes. */
export function sampleImages({ count, labels, images }: Split, shown = SHOWN): SampleImage[] {
  const seen = new Map<number, number>();
  const found = Array.from(labels.subarray(0, count), (label, index) => {
    const rank = seen.get(label) ?? 0;
    seen.set(label, rank + 1);
    return { label, index, rank };
  });
  return found
    .filter(({ rank }) => rank < shown)
    .sort((one, other) => one.rank - other.rank || one.label - other.label)
    .slice(0, shown)
    .map(({ label, index }) => ({
      label,
      index,
      pixels: Buffer.from(images.read(index, 1)).toString("base64"),
    }));
}
