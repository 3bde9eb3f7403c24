import { constants } from "node:os";
import { InputError, oneLine, WorkError } from "../errors.js";

/** What a code of the operating system means, and what a person can do about it. */
interface Meaning {
  readonly what: string;
  readonly fix: string;
}

const PERMISSIONS = "check its owner and permissions (ls -ld shows them), or name another place";
const SPACE =
  "free some space, then go on (training: the same command with --resume); earlier files are untouched";

const meanings: Readonly<Partial<Record<string, Meaning>>> = {
  EACCES: { what: "permission denied", fix: PERMISSIONS },
  EPERM: { what: "the system does not permit it", fix: PERMISSIONS },
  EROFS: { what: "the file system can only be read", fix: "name a place that can be written" },
  ENOSPC: { what: "the disk is full", fix: SPACE },
  EDQUOT: { what: "the disk quota is used up", fix: SPACE },
  EFBIG: {
    what: "the file would be larger than is allowed",
    fix: "raise the limit (ulimit -f), or name a place on another file system",
  },
  EMFILE: { what: "too many files are open in this process", fix: "raise the limit (ulimit -n)" },
  ENFILE: { what: "too many files are open on this machine", fix: "end other programs, then go on" },
  ENOENT: { what: "there is no such file or folder", fix: "check the path" },
  EEXIST: { what: "there is something of that name already", fix: "name another place, or move it away" },
  EISDIR: { what: "a folder stands where a file belongs", fix: "name a file, or move the folder away" },
  ENOTDIR: { what: "a file stands where a folder belongs", fix: "name another path, or move the file away" },
  ENOTEMPTY: { what: "the folder is not empty", fix: "look whether another program writes there" },
  ENAMETOOLONG: { what: "the name is too long", fix: "a shorter name or path" },
  ELOOP: { what: "the path goes through links that lead in a circle", fix: "check the links (ls -l)" },
  EIO: {
    what: "the disk reports an error",
    fix: "check the disk (dmesg, df), copy the files elsewhere, then go on",
  },
  ENXIO: { what: "the device is not there", fix: "name a plain file" },
  ENODEV: { what: "the device is not there", fix: "name a plain file" },
  ESTALE: { what: "the file on the network disk is gone", fix: "check that disk, then run the same command" },
  EBUSY: { what: "another program uses it", fix: "end that program, then run the same command" },
  ETXTBSY: { what: "another program uses it", fix: "end that program, then run the same command" },
  EXDEV: { what: "the two places are on different disks", fix: "name a place on the same disk" },
  EAGAIN: {
    what: "the system has too little of something just now",
    fix: "run the same command again later",
  },
};

/** What was tried, by the system call. */
const attempts: Readonly<Partial<Record<string, string>>> = {
  open: "open",
  read: "read",
  write: "write",
  scandir: "list",
  opendir: "list",
  mkdir: "make the folder",
  mkdtemp: "make a folder",
  rmdir: "remove",
  unlink: "remove",
  rm: "remove",
  rename: "rename",
  stat: "look at",
  lstat: "look at",
  fstat: "look at",
  access: "open",
  ftruncate: "cut",
  fsync: "write",
  close: "write",
  link: "keep",
  copyfile: "copy",
};

/** An error of the operating system, as Node gives it. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly errno?: number;
  readonly path?: string;
}

/** Whether an error is the operating system's own: no defect of the program. */
export function isSystemError(error: unknown): error is SystemError {
  const { code, syscall } = (error ?? {}) as Partial<Record<string, unknown>>;
  return (
    error instanceof Error &&
    typeof code === "string" &&
    (/^E[A-Z0-9]+$/.test(code) || code.startsWith(NAMELESS)) &&
    typeof syscall === "string"
  );
}

/** How Node begins the code of an error that it has no name for, as of ESTALE and EDQUOT, which network disks give. */
const NAMELESS = "Unknown system error";

function nameOfCode({ code, errno }: SystemError): string {
  return code.startsWith(NAMELESS) && errno !== undefined ? nameOfErrorNumber(-errno) : code;
}

/** The name of an error's number, as Linux has it. */
export function nameOfErrorNumber(error: number): string {
  const [name] = Object.entries(constants.errno).find(([, number]) => number === error) ?? [];
  return name ?? `error ${error} of the system`;
}

/** Codes of a network disk that say that a file, though it was opened, was removed or replaced by another host. */
export function isGone(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === "ESTALE" || code === "ENOENT";
}

/** What a code means, in a few words, and what to do about it; for a code without a meaning here, what Node says. */
export function meaningOf(cause: unknown): Meaning {
  const code = isSystemError(cause) ? nameOfCode(cause) : undefined;
  const known = code === undefined ? undefined : meanings[code];
  if (known) return known;
  const what = cause instanceof Error ? cause.message : String(cause);
  return { what: oneLine(what), fix: "check the path, its permissions and the disk" };
}

/** The code of the operating system's error that an error comes from, or null if it comes from none. */
export function systemCodeOf(error: unknown): string | null {
  for (let each = error, depth = 0; each instanceof Error && depth < 10; each = each.cause, depth++)
    if (isSystemError(each)) return nameOfCode(each);
  return null;
}

/**
 * The error to report for one that nobody foresaw: the operating system's, or that memory was too little, as an error that says what was
 * tried and what to do. Null for any other, which is a defect of the program.
 *
 * @param path What to name where the system's error names no file.
 */
export function reportedError(error: unknown, path?: string): InputError | WorkError | null {
  if (error instanceof WorkError && error.message === NO_MEMORY_MESSAGE) return error;
  if (lacksMemory(error)) return tooLittleMemory(error);
  if (error instanceof InputError || error instanceof WorkError) return error;
  if (!isSystemError(error)) return null;
  const { what, fix } = meaningOf(error);
  const [call = ""] = error.syscall.split(" ");
  const tried = attempts[call] ?? call;
  return new WorkError(`cannot ${tried} ${error.path ?? path ?? "a file"}: ${what}`, {
    found: error.message,
    fix,
    cause: error,
  });
}

/**
 * Does some work; what the operating system refuses in it is said as a {@link WorkError}.
 *
 * @throws {WorkError} in place of the operating system's errors, and what `work` throws.
 */
export async function reporting<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw reportedError(error) ?? error;
  }
}

const NO_MEMORY_MESSAGE = "there is too little memory for this";

/** How the engines, Node and the C++ library say that memory was too little; none of them has a type for it. */
const NO_MEMORY =
  /Array buffer allocation failed|bad_alloc|bad allocation|Failed to allocate memory|OOM when allocating|out of memory|cannot allocate memory|could not allocate memory|failed to map segment|MemoryError/i;

const NO_MEMORY_CODES: readonly unknown[] = [
  "ENOMEM",
  "ERR_MEMORY_ALLOCATION_FAILED",
  "ERR_WORKER_INIT_FAILED",
  "ERR_WORKER_OUT_OF_MEMORY",
];

/** Whether an error, or one that it comes from, says that memory was too little. */
export function lacksMemory(error: unknown): boolean {
  return memoryErrorIn(error) !== null;
}

/** The error among those an error comes from that says that memory was too little. */
function memoryErrorIn(error: unknown): Error | null {
  for (let each = error, depth = 0; each instanceof Error && depth < 10; each = each.cause, depth++) {
    const { code } = each as NodeJS.ErrnoException;
    if (NO_MEMORY_CODES.includes(code)) return each;
    // In an error of our own, the text of a file may stand.
    const isOurs = each instanceof InputError || each instanceof WorkError;
    if (!isOurs && NO_MEMORY.test(each.message)) return each;
  }
  return null;
}

/** The error for work that the machine's memory, or a limit on it, was too small for. */
export function tooLittleMemory(error: unknown): WorkError {
  return new WorkError(NO_MEMORY_MESSAGE, {
    found: (memoryErrorIn(error) ?? (error as Error)).message,
    fix: "end other programs, raise the limit (ulimit -v, or the container's), or do less at once: a smaller --batch-size, fewer images, fewer MTARD_THREADS",
    cause: error,
  });
}
