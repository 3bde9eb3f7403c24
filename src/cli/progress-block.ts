import type { JobsView } from "../reproduction/session.js";
import { type Channel, messages, writeMessage } from "./channels.js";
import { isQuiet } from "./output.js";
import { formatDuration, formatWork, HEARTBEAT_SECONDS } from "./progress.js";

/** How far several processes are: on a terminal a line for each that is written over, elsewhere one line for all every minute. */
export class ProgressBlock {
  readonly #channel: Channel;
  readonly #write: (text: string) => void;
  readonly #seconds: () => number;
  #last = -Infinity;
  #lines = 0;

  /** @param seconds A clock. */
  constructor(channel = messages, write = writeMessage, seconds = () => performance.now() / 1000) {
    this.#channel = channel;
    this.#write = write;
    this.#seconds = seconds;
  }

  /** Shows the state in place of what was there. */
  show(view: JobsView): void {
    const now = this.#seconds();
    const isTerminal = this.#channel.isTTY === true;
    if (isQuiet() || now - this.#last < (isTerminal ? 0.2 : HEARTBEAT_SECONDS)) return;
    this.#last = now;
    const summary = summaryOf(view);
    if (!isTerminal) {
      this.#write(`${summary}\n`);
      return;
    }
    this.clear();
    const width = Math.max(20, (this.#channel.columns || 80) - 1);
    // What does not fit the terminal could not be written over.
    const most = Math.max(1, (this.#channel.rows || 24) - 3);
    const more = view.working.length - most;
    const lines = [
      ...view.working.slice(0, most).map((work) => `  ${formatWork(work)}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
      summary,
    ].map((line) => line.slice(0, width));
    this.#write(lines.join("\n"));
    this.#lines = lines.length;
  }

  /** Removes what is shown, so that ordinary lines can be written. */
  clear(): void {
    if (this.#lines === 0) return;
    const up = this.#lines > 1 ? `\u001b[${this.#lines - 1}A` : "";
    this.#write(`\r${up}\u001b[J`);
    this.#lines = 0;
  }
}

function summaryOf({ done, failed, all, working, secondsLeft }: JobsView): string {
  const parts = [
    `${done} of ${all} jobs done`,
    `${working.length} at work`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left of all`]),
  ];
  return parts.join(", ");
}
