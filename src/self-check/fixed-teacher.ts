import type { ImageShape } from "../graph/network.js";
import type { Teacher } from "../teacher/bridge.js";
import { version } from "../version.js";

const NO_CHECKSUM = "0".repeat(64);

/** A teacher that answers the same logits, `[count, classes]`, whatever it is asked: a step without a teacher's work. */
export function fixedTeacher(logits: Float32Array, image: ImageShape, classes: number): Teacher {
  return {
    manifest: manifestFor("fixed", NO_CHECKSUM, image, classes),
    device: "cpu",
    logits: () => Promise.resolve(Float32Array.from(logits)),
    close: () => Promise.resolve(),
  };
}

/** The manifest of a teacher that lives as long as a check. */
export function manifestFor(
  name: string,
  sha256: string,
  image: ImageShape,
  classes: number,
): Teacher["manifest"] {
  return {
    ...{ name, dataset: "cifar10", classes, image, file: "model.onnx", sha256 },
    source: { file: "none", sha256, format: "none" },
    network: null,
    normalization: null,
    createdBy: version,
  };
}
