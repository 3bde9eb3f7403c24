import type { DownloadProgress } from "../files/download.js";
import { oneLine } from "../harmless.js";
import { type Channel, messages, writeMessage } from "./channels.js";
import { isQuiet } from "./output.js";

/** Seconds between the lines that say how far the work is where there is no terminal. */
export const HEARTBEAT_SECONDS = 60;

/**
 * How far the work is: on a terminal one line that is written over, elsewhere a line at once and then one every minute, so that a log
 * shows that the work goes on.
 */
export class ProgressLine {
  readonly #channel: Channel;
  readonly #write: (text: string) => void;
  readonly #seconds: () => number;
  #last = -Infinity;
  #shown = false;

  /** @param seconds A clock. */
  constructor(channel = messages, write = writeMessage, seconds = () => performance.now() / 1000) {
    this.#channel = channel;
    this.#write = write;
    this.#seconds = seconds;
  }

  /** Shows `text` in place of what was there, at most ten times a second. What does not fit is left out from its end, part by part. */
  show(text: string): void {
    const now = this.#seconds();
    const isTerminal = this.#channel.isTTY === true;
    if (isQuiet() || now - this.#last < (isTerminal ? 0.1 : HEARTBEAT_SECONDS)) return;
    this.#last = now;
    if (isTerminal) {
      this.#shown = true;
      const width = Math.max(20, (this.#channel.columns || 80) - 1);
      this.#write(`\r\u001b[K${fitting(oneLine(text), width)}`);
    } else this.#write(`${oneLine(text)}\n`);
  }

  /** Removes the line, so that ordinary lines can be written. */
  clear(): void {
    if (!this.#shown) return;
    this.#write("\r\u001b[K");
    this.#shown = false;
  }
}

/** As many of a line's parts, which two spaces separate, as fit; the first one is cut if even that does not. */
function fitting(text: string, width: number): string {
  if (text.length <= width) return text;
  const end = text.lastIndexOf("  ", width);
  return text.slice(0, end > 0 ? end : width);
}
/** Seconds as people say them: `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What is done, its rate and the time left, as far as they are known. */
export function formatWork({
  doing,
  imagesPerSecond,
  secondsLeft,
}: {
  readonly doing: string;
  readonly imagesPerSecond: number | null;
  readonly secondsLeft: number | null;
}): string {
  const rate = imagesPerSecond === null ? "" : `, ${imagesPerSecond.toFixed(0)} images/s`;
  const left = secondsLeft === null ? "" : `, ${formatDuration(secondsLeft)} left`;
  return `${oneLine(doing)}${rate}${left}`;
}

/** How far a download is, its rate and the time left. */
export function formatDownload({ received, total, rate }: DownloadProgress): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  if (total === null) return `${megabytes(received)} MB, ${megabytes(rate)} MB/s`;
  const left = formatDuration((total - received) / rate);
  return `${megabytes(received)} of ${megabytes(total)} MB, ${megabytes(rate)} MB/s, ${left} left`;
}
