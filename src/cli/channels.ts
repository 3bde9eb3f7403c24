/*
 * The two channels of the command line, stdout and stderr. This file alone writes to them (eslint's configuration keeps it so); what is
 * written comes from `output.ts` and `progress.ts`, which make it harmless.
 */

import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import { styleText } from "node:util";

/** What is known of a channel without writing to it. */
export interface Channel {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Where results go. */
export const results: Channel = process.stdout;
/** Where everything else goes. */
export const messages: Channel = process.stderr;

/** Why a part of the result did not arrive, if one did not. */
let lost: Error | null = null;

/**
 * Keeps the work going where a channel takes nothing more: the terminal is gone, the disk behind it is full, its reader has read enough.
 * Node would end the program with a stack trace.
 */
export function outliveChannels(): void {
  // Who does not hear the messages cannot be told that they are missing.
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // It is not an error if a reader such as `head` has read enough.
    if (error.code !== "EPIPE") lost ??= error;
  });
}

/** Waits until all is written, and returns why a part of the result was lost, or null. To be called last. */
export async function lossOfResults(): Promise<Error | null> {
  await new Promise<void>((done) => process.stdout.write("", () => done()));
  for (const descriptor of terminals) if (!isatty(descriptor)) replaceByNothing(descriptor);
  return lost;
}

const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));

/** Puts nothing in a terminal's place that is gone: Node sets terminals back when it ends, and aborts where that fails. */
function replaceByNothing(descriptor: number): void {
  closeSync(descriptor);
  // It gets the lowest number that is free, which is this one.
  openSync("/dev/null", "r+");
}

export type Style = "bold" | "red" | "yellow" | "cyan" | "dim";

/** Styles text as Node would for what goes to a channel: NO_COLOR and FORCE_COLOR have the last word. */
export function styledOn(channel: Channel, style: Style, text: string): string {
  return styleText(style, text, { stream: channel === results ? process.stdout : process.stderr });
}

export function writeResult(text: string): void {
  process.stdout.write(text);
}

export function writeMessage(text: string): void {
  process.stderr.write(text);
}
