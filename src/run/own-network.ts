import { join } from "node:path";
import { InputError, WorkError } from "../errors.js";
import { readTextFile } from "../files/read-text.js";
import { systemCodeOf } from "../files/system-error.js";
import { writeFileAtomically } from "../files/atomic.js";
import { sha256Of } from "../files/sha256.js";
import type { Network } from "../graph/network.js";
import { parseNetwork } from "../graph/schema.js";
import { RUN_FILES } from "./run-directory.js";

/** Ten thousand layers take a few megabytes; a larger file is no network. */
const MOST_BYTES = 2 ** 24;

/** The SHA-256 of a network's layers, in lower-case hex, whatever the order in which its fields were written. */
export function networkSha256(network: Network): string {
  return sha256Of(JSON.stringify(inOrder(network)));
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(
    entries.sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, each]) => [name, inOrder(each)]),
  );
}

/** Keeps the layers of a student that no id names, so that any command can build it. */
export function saveOwnNetwork(folder: string, network: Network): void {
  writeFileAtomically(join(folder, RUN_FILES.network), `${JSON.stringify(network, null, 1)}\n`);
}

/**
 * The network that a run keeps because no id names it, or null if its id does.
 *
 * @param sha256 What the run's inputs say of it; nothing, if its id names it.
 * @throws {InputError} if the file is gone, damaged, or of another network.
 */
export function readOwnNetwork(folder: string, sha256: string | undefined): Network | null {
  if (sha256 === undefined) return null;
  const path = join(folder, RUN_FILES.network);
  const network = parseNetwork(readJson(path), path);
  const found = networkSha256(network);
  if (found === sha256) return network;
  throw new InputError(`${path} is not the network that the run was made with`, {
    expected: `layers with sha256 ${sha256}`,
    found: `sha256 ${found}`,
    fix: "put the file back, or train again in another folder",
  });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readTextFile(path, MOST_BYTES));
  } catch (cause) {
    if (cause instanceof WorkError && systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new InputError(`${path} cannot be read as a network`, {
      expected: "the layers that the run was made with, as JSON",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "put the file back, or train again in another folder",
      cause,
    });
  }
}
