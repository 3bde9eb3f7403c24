import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

const folder = resolve(import.meta.dirname, "fixtures");

/** The path of a file that fixtures/make.py made. */
export const fixture = (name: string): string => resolve(folder, name);

/** Every weights file among the fixtures, the hostile ones included. */
export const fixtureNames: readonly string[] = readdirSync(folder).filter((name) =>
  /\.(pth|pkl|safetensors|npz|npy)$/.test(name),
);

/** The weights of each file that can be read, as PyTorch has them; infinities are texts in JSON. */
export const expectedWeights: ReadonlyMap<
  string,
  ReadonlyMap<string, { shape: number[]; data: number[] }>
> = new Map(
  Object.entries(
    JSON.parse(readFileSync(fixture("expected.json"), "utf8")) as Record<
      string,
      Record<string, { shape: number[]; data: (number | string)[] }>
    >,
  ).map(([file, tensors]) => [
    file,
    new Map(
      Object.entries(tensors).map(([name, { shape, data }]) => [
        name,
        {
          shape,
          data: data.map((value) =>
            value === "inf" ? Infinity : value === "-inf" ? -Infinity : Number(value),
          ),
        },
      ]),
    ),
  ]),
);
