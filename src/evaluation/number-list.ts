import { z } from "zod";

/** What the numbers of a list may be. */
interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
  readonly whole: boolean;
}

/**
 * The schema of a list of numbers. Records have a list entry for every image, of which a schema of numbers would make an object each.
 *
 * @param most The most numbers it has; `exactly` so many if that is said.
 */
export function numberList(
  most: number,
  { minimum, maximum, whole }: Bounds,
  { exactly = false } = {},
): z.ZodType<number[]> {
  const isNumber = (value: unknown): boolean =>
    typeof value === "number" &&
    value >= minimum &&
    value <= maximum &&
    (whole ? Number.isInteger(value) : Number.isFinite(value));
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && (exactly ? value.length === most : value.length <= most) && value.every(isNumber);
  return z.custom<number[]>(
    isList,
    `expected ${exactly ? "exactly" : "at most"} ${most} ${whole ? "whole " : ""}numbers from ${minimum} to ${maximum}`,
  );
}
