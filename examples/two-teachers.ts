// Distils a student with teachers from two files: node two-teachers.ts [clean.onnx] [robust.onnx] [out] [images]
import { prepareDataset, train } from "mtard";

const [
  cleanTeacher = "demo-clean",
  robustTeacher = "demo-robust",
  out = "runs/two-teachers",
  images = "400",
] = process.argv.slice(2);
await prepareDataset("demo", "data");

const stop = new AbortController();
process.once("SIGINT", () => stop.abort()); // saves; the same call goes on

const { status, folder, best } = await train({
  dataset: "demo",
  method: "b-mtard",
  cleanTeacher,
  robustTeacher,
  epochs: 1,
  limitTrain: Number(images),
  limitTest: 100,
  out,
  resume: true,
  signal: stop.signal,
  onProgress(progress) {
    if (progress.kind !== "step") return;
    const { weightAdv, temperatureAdv } = progress.report;
    console.log(
      `step ${progress.step}/${progress.steps}: weight ${weightAdv}, temperature ${temperatureAdv}`,
    );
  },
});
console.log(`${folder}: ${status}, W-Robust ${best?.wRobust}`);
