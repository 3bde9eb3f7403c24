import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import { sha256Of } from "../files/sha256.js";
import type { Network } from "../graph/network.js";
import { parseNetwork } from "../graph/schema.js";
import { RUN_FILES } from "./run-directory.js";

/** Ten thousand layers take a few megabytes; a larger file is no network. */
const MOST_BYTES = 2 ** 24;

/** The SHA-256 of a network's layers, in lower-case hex. */
export function networkSha256(network: Network): string {
  return sha256Of(JSON.stringify(network));
}

/** Keeps the layers of a student that no id names, so that any command can build it. */
export function saveOwnNetwork(folder: string, network: Network): void {
  writeFileAtomically(join(folder, RUN_FILES.network), `${JSON.stringify(network, null, 1)}\n`);
}

/**
 * The network that a run keeps because no id names it, or null if its id does.
 *
 * @throws {InputError} if the file is damaged.
 */
export function readOwnNetwork(folder: string): Network | null {
  const path = join(folder, RUN_FILES.network);
  if (!existsSync(path)) return null;
  return parseNetwork(readJson(path), path);
}

function readJson(path: string): unknown {
  try {
    const { size } = statSync(path);
    if (size > MOST_BYTES) throw new Error(`${size} bytes`);
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new InputError(`${path} cannot be read as a network`, {
      expected: "the layers that the run was made with, as JSON",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "put the file back, or train again in another folder",
      cause,
    });
  }
}
