import { createRequire } from "node:module";
import { join } from "node:path";
import { constants } from "node:os";
import { readRecord, type SetupRecord } from "../../scripts/setup/record.mjs";
import { WorkError } from "../errors.js";
import { nameOfErrorNumber } from "./system-error.js";

const { errno } = constants;

/** The kernel's calls on files that Node lacks, in the module that set-up compiles. Each returns 0 or the number of an error. */
interface Kernel {
  lock(descriptor: number): number;
  exchange(one: string, other: string): number;
}

/** What set-up made, or null if this user's cache has nothing for this version's pins. */
export const setupRecord: () => SetupRecord | null = readRecord;

/**
 * What set-up made.
 *
 * @throws {WorkError} if it was not run.
 */
export function requireSetup(): SetupRecord {
  const record = setupRecord();
  if (record) return record;
  throw new WorkError("the engines are not set up", {
    expected: "libtensorflow and ONNX Runtime in this user's cache",
    found: "nothing there for this version of mtard",
    fix: "mtard setup",
  });
}

let loaded: Kernel | undefined;

function kernel({ binding }: SetupRecord): Kernel {
  return (loaded ??= createRequire(import.meta.url)(join(binding, "file_locks.node")) as Kernel);
}

/** How an attempt to lock a file ended; `unknown` where the file system has no locks, or set-up was not run. */
export type Locking = "locked" | "busy" | "unknown";

/**
 * Takes the kernel's exclusive lock of an open file, without waiting. It ends when the descriptor is closed and when the process ends,
 * however it ends; another descriptor of the same process is refused as another process is.
 */
export function tryToLock(descriptor: number): Locking {
  const record = loaded ? null : setupRecord();
  if (!loaded && !record) return "unknown";
  const error = (loaded ?? kernel(record ?? requireSetup())).lock(descriptor);
  if (error === 0) return "locked";
  return error === errno.EWOULDBLOCK ? "busy" : "unknown";
}

/** @throws {WorkError} if set-up was not run: then there are no locks. */
export function requireLocks(): void {
  if (!loaded) kernel(requireSetup());
}

/**
 * Takes the lock as {@link tryToLock} does.
 *
 * @param path Names the file in the error.
 * @param writable Whether it is open for writing, without which network disks lock nothing.
 * @returns Whether it was free; `gone` where another host has removed the file since it was opened.
 * @throws {WorkError} if set-up was not run, or the file system has no locks.
 */
export function lockDescriptor(
  descriptor: number,
  path: string,
  writable = true,
): "locked" | "busy" | "gone" {
  const error = (loaded ?? kernel(requireSetup())).lock(descriptor);
  if (error === 0) return "locked";
  if (error === errno.EWOULDBLOCK) return "busy";
  if (error === errno.ESTALE || error === errno.ENOENT) return "gone";
  if (error === errno.EBADF && !writable)
    throw new WorkError(`${path} cannot be locked`, {
      expected: "a file that this user may write: network disks lock no other",
      found: "another user's file",
      fix: "remove it, or ask its owner to, if no mtard of theirs works there",
    });
  throw new WorkError(`${path} cannot be locked`, {
    expected: "a file system with locks, which keep two processes from writing the same",
    found: nameOfErrorNumber(error),
    fix: "use a folder on another disk: --out, --runs-dir, --data-dir or --teachers-dir",
  });
}

/** Gives each of two paths what the other has, at once; false where the kernel or the file system cannot. */
export function exchangePaths(one: string, other: string): boolean {
  return (loaded ?? kernel(requireSetup())).exchange(one, other) === 0;
}
