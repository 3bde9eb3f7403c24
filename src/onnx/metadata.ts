import type { ModelProto } from "onnx-buf";
import { z } from "zod";

/** The key under which the models this program writes say what they are, as JSON. */
export const METADATA_KEY = "mtard";

const extent = z.number().int().positive().max(65_536);

/** Height, width and channels of one image, as stored. */
export const imageShapeSchema = z.object({ height: extent, width: extent, channels: extent });

/** `(image - mean) / std`, one number a channel, as stored. */
export const normalizationSchema = z
  .object({
    mean: z.array(z.number()).min(1).readonly(),
    std: z.array(z.number().positive()).min(1).readonly(),
  })
  .refine(({ mean, std }) => mean.length === std.length, "mean and std have different lengths");

const metadataSchema = z.object({
  /** The version of mtard that wrote the model. */
  version: z.string(),
  /** The network's id, such as `resnet-18`. */
  network: z.string(),
  image: imageShapeSchema,
  classes: extent,
  normalization: normalizationSchema.nullable(),
  /** What the network was trained on. */
  dataset: z.string(),
});

/** What a model written by this program says of itself. */
export type ModelMetadata = Readonly<z.infer<typeof metadataSchema>>;

/** What a model says of itself, or null if this program did not write it. */
export function readMetadata(model: ModelProto): ModelMetadata | null {
  const entry = model.metadataProps.find(({ key }) => key === METADATA_KEY);
  if (!entry) return null;
  try {
    return metadataSchema.parse(JSON.parse(entry.value));
  } catch {
    return null;
  }
}
