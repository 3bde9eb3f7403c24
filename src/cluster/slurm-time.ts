import { InputError } from "../errors.js";

const FORMATS =
  "minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or days-hours:minutes:seconds";

/** The longest time that a limit can be: ten years. */
const LONGEST = 3650 * 86_400;

/**
 * Reads a time as Slurm writes and takes it (`90`, `1:30:00`, `2-12`).
 *
 * @returns Seconds, or null if it is no such time (`UNLIMITED`, `NOT_SET`).
 */
export function secondsOf(time: string): number | null {
  const [, days, rest = ""] = /^(?:(\d{1,5})-)?(\d{1,9}(?::\d{1,9}){0,2})$/.exec(time) ?? [];
  if (rest === "") return null;
  const parts = rest.split(":").map(Number);
  const units = days === undefined ? [[60], [60, 1], [3600, 60, 1]][parts.length - 1] : [3600, 60, 1];
  return parts.reduce((sum, part, index) => sum + part * (units?.[index] ?? 0), Number(days ?? 0) * 86_400);
}

/**
 * Checks a limit on the time of a job.
 *
 * @returns Seconds; Slurm rounds them up to whole minutes.
 * @throws {InputError} if it is no time of Slurm's, or none at all.
 */
export function checkTimeLimit(time: string): number {
  const seconds = secondsOf(time);
  if (seconds !== null && seconds > 0 && seconds <= LONGEST) return Math.ceil(seconds / 60) * 60;
  throw new InputError("--time is no time that Slurm takes", {
    expected: FORMATS,
    found: time,
    fix: "12:00:00 is twelve hours; without --time the partition's own limit holds",
  });
}

/**
 * How long before its limit a job is told to save, if nobody says: five minutes of an hour and more, a twelfth of less, but ten seconds. Slurm
 * looks every half minute, so the signal comes up to half a minute earlier.
 */
export function usualLead(limitSeconds: number | null): number {
  return limitSeconds === null ? 300 : Math.min(300, Math.max(10, Math.floor(limitSeconds / 12)));
}
