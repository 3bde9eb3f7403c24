import type { DownloadProgress } from "../files/download.js";

/** One line on a terminal that is written over; silent when stderr is not a terminal. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #last = 0;
  #shown = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  /** Shows `text` in place of what was there, at most ten times a second unless `force`. */
  show(text: string, force = false): void {
    const now = performance.now();
    if (!this.#stream.isTTY || (!force && now - this.#last < 100)) return;
    this.#last = now;
    this.#shown = true;
    this.#stream.write(`\r\u001b[K${text.slice(0, Math.max(20, this.#stream.columns - 1))}`);
  }

  /** Removes the line, so that ordinary lines can be written. */
  clear(): void {
    if (!this.#shown) return;
    this.#stream.write("\r\u001b[K");
    this.#shown = false;
  }
}

/** Seconds as people say them: `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How far a download is, its rate and the time left. */
export function formatDownload({ received, total, rate }: DownloadProgress): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  if (total === null) return `${megabytes(received)} MB, ${megabytes(rate)} MB/s`;
  const left = formatDuration((total - received) / rate);
  return `${megabytes(received)} of ${megabytes(total)} MB, ${megabytes(rate)} MB/s, ${left} left`;
}
