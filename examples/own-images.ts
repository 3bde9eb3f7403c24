// Trains on images of your own, from arrays: bright discs against dark ones, 16x16 pixels, made here.
import { datasetFromArrays, evaluate, openModel, train } from "mtard";

const SIDE = 16;

/** `count` images of discs, bright on dark (label 0) or dark on bright (label 1). */
function discs(count: number): { images: Uint8Array; labels: Uint8Array } {
  const labels = Uint8Array.from({ length: count }, (_, index) => index % 2);
  const images = Uint8Array.from({ length: count * SIDE * SIDE * 3 }, (_, place) => {
    const [image, pixel] = [Math.floor(place / (SIDE * SIDE * 3)), Math.floor(place / 3) % (SIDE * SIDE)];
    const radius = 3 + (image % 4);
    const inside = Math.hypot((pixel % SIDE) - 7.5, Math.floor(pixel / SIDE) - 7.5) < radius;
    return (inside === (labels[image] === 0) ? 200 : 50) + (image % 7);
  });
  return { images, labels };
}

const [out = "runs/own-images"] = process.argv.slice(2);
const dataset = datasetFromArrays({
  name: "discs",
  image: { height: SIDE, width: SIDE, channels: 3 },
  classNames: ["bright disc", "dark disc"],
  train: discs(256),
  test: discs(64),
});

const { folder } = await train({
  dataset,
  method: "sat",
  student: "resnet-8",
  epochs: 4,
  settings: { batchSize: 32 },
  out,
});
using model = await openModel(folder);
const { clean, attacks } = await evaluate(model, { dataset, attacks: ["pgd-sat"] });
console.log(`clean ${clean.accuracy}, PGD ${attacks["pgd-sat"]?.accuracy}`);
