import { readSafetensors, float32Values, type SafeTensor } from "#mtard/checkpoint/safetensors.js";

/** A graph whose gradient golden.py knows. */
export interface GoldenGraph {
  readonly model: Uint8Array;
  readonly images: HostArray;
  readonly cotangent: HostArray;
  /** The gradient of <logits, cotangent> in the images. */
  readonly gradient: HostArray;
}

export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The graphs of a golden file, by name. */
export async function goldenGraphs(file: string): Promise<Map<string, GoldenGraph>> {
  const { tensors } = await readSafetensors(new URL(file, import.meta.url).pathname);
  const names = [...tensors.keys()].filter((name) => name.endsWith("/model"));
  const found = (name: string): SafeTensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${file} has no "${name}"`);
    return tensor;
  };
  const floats = (name: string): HostArray => ({
    shape: found(name).shape,
    data: float32Values(found(name)),
  });
  return new Map(
    names.sort().map((model) => {
      const name = model.slice(0, -"/model".length);
      return [
        name,
        {
          model: found(model).bytes,
          images: floats(`${name}/images`),
          cotangent: floats(`${name}/cotangent`),
          gradient: floats(`${name}/gradient`),
        },
      ];
    }),
  );
}
