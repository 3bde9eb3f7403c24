import { createHash } from "node:crypto";
import type { Subject } from "./model.js";

/** SHA-256 of all that decides what a subject answers: its layers and weights, or its model's file and the data beside it. */
export function subjectFingerprint(subject: Subject): string {
  const hash = createHash("sha256");
  if (subject.kind === "foreign") {
    const { sha256, data = [] } = subject.teacher.manifest;
    hash.update(JSON.stringify([sha256, data.map((part) => part.sha256)]));
    return hash.digest("hex");
  }
  const { network, weights } = subject;
  hash.update(JSON.stringify(network));
  for (const [name, { shape, data }] of weights) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
