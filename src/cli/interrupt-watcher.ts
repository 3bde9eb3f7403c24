/*
 * A process beside one that computes: an engine's call keeps the main thread for seconds, and no signal is heard meanwhile. Ctrl-C reaches
 * every process of the terminal, so this one answers it at once; the other stops when it has heard of it. A second Ctrl-C ends the other.
 */

import { outliveChannels, writeMessage, writeResult } from "./channels.js";

const parent = Number(process.argv[2]);
const unit = process.argv[3] ?? "step";
let presses = 0;

outliveChannels();

process.on("SIGINT", () => {
  presses++;
  // The other process draws its progress on this line.
  if (presses === 1)
    writeMessage(`\r\u001b[Kstopping after this ${unit} ...; Ctrl-C again to stop now without saving\n`);
  else if (process.ppid === parent) process.kill(parent, "SIGKILL");
});
// The other process has this one's input open for as long as it lives.
process.stdin.on("close", () => process.exit()).resume();
writeResult("ready\n");
