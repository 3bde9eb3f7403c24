import type { Layer } from "./network.js";

/** The values a layer reads. */
export function layerInputs(layer: Layer): readonly string[] {
  return layer.op === "add" ? layer.inputs : [layer.input];
}

/**
 * Lists for each layer the values that no later layer reads: they can be freed once the layer has run.
 *
 * @param kept Values that stay until the end, such as the output and what a backward pass reads.
 */
export function releasedAfter(layers: readonly Layer[], kept: ReadonlySet<string>): string[][] {
  const lastReader = new Map<string, number>();
  for (const [index, layer] of layers.entries()) {
    for (const input of layerInputs(layer)) lastReader.set(input, index);
  }
  const released = layers.map((): string[] => []);
  for (const [value, index] of lastReader) {
    if (!kept.has(value)) released[index]?.push(value);
  }
  return released;
}
