import { join } from "node:path";
import { classifierShape, datasets } from "#mtard/data/datasets.js";
import { InputError } from "#mtard/errors.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { importTeacher } from "#mtard/teacher/import.js";
import { image } from "../onnx/models.js";
import type { Way } from "./damaged-files.js";

/** A process of its own that brings in one file after another and says how each ended: see damage.test.ts. */

/** What the parent asks. */
export interface Request {
  readonly path: string;
  readonly way: Way;
}

/** What comes back. */
export interface Outcome {
  readonly kind: "taken" | "refused" | "wrong";
  /** The error's report, or what is wrong. */
  readonly said: string;
  /** Processor time of this process; a busy machine does not lengthen it. */
  readonly milliseconds: number;
  /** The most memory this process has had so far. */
  readonly megabytes: number;
}

const cifar10 = classifierShape(datasets.cifar10);
const tiny = { name: "test-images", image, classes: 5 };

async function bringIn({ path, way }: Request): Promise<void> {
  if (way === "read") {
    const { weights } = await readWeightsFile(path);
    for (const [name, { shape, data }] of weights) {
      if (data.length !== shape.reduce((size, extent) => size * extent, 1))
        throw new Error(`${name} of shape [${shape.join()}] has ${data.length} values`);
    }
    return;
  }
  await importTeacher({
    name: "it",
    dataset: path.includes("resnet-8") ? cifar10 : tiny,
    from: way === "onnx" ? { kind: "onnx", path } : { kind: "weights", path, network: "resnet-8" },
    force: true,
    teachersDir: join(path, "..", "teachers"),
  });
}

process.on("message", (request: Request) => {
  const before = process.cpuUsage();
  const end = (kind: Outcome["kind"], said: string): void => {
    const { user, system } = process.cpuUsage(before);
    const milliseconds = (user + system) / 1000;
    const megabytes = process.resourceUsage().maxRSS / 1024;
    process.send?.({ kind, said, milliseconds, megabytes } satisfies Outcome);
  };
  bringIn(request).then(
    () => end("taken", ""),
    (error: unknown) => {
      if (error instanceof InputError) end("refused", error.report());
      else end("wrong", error instanceof Error ? (error.stack ?? error.message) : String(error));
    },
  );
});
