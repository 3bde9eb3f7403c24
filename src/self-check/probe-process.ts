import { InputError, WorkError } from "../errors.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { followParent } from "../teacher/follow-parent.js";
import { probes } from "./probes.js";
import type { ProbeReply, ProbeRequest } from "./apart.js";

/* The process that apart.ts starts: it answers one question, and may crash or hang without taking the program along. */

function reply(message: ProbeReply): void {
  // Whoever asked may be gone by now; without a callback, that would be an error of this process.
  process.send?.(message, () => undefined);
}

async function answer({ probe, question }: ProbeRequest): Promise<void> {
  try {
    prepareNativeLibraries(question.device, threadCount());
    const ask = probes[probe] as (question: ProbeRequest["question"]) => unknown;
    reply({ kind: "answered", answer: await ask(question) });
  } catch (error) {
    const known = error instanceof InputError || error instanceof WorkError;
    const message = error instanceof Error ? error.message : String(error);
    reply({
      kind: "failed",
      message: known && error.detail.found ? `${message}: ${error.detail.found}` : message,
    });
  }
}

followParent();
process.once("message", (request: ProbeRequest) => void answer(request));
