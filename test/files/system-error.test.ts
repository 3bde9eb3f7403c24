import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import { writeFailure } from "#mtard/files/atomic.js";
import {
  isSystemError,
  lacksMemory,
  reportedError,
  reporting,
  systemCodeOf,
} from "#mtard/files/system-error.js";

/** An error as Node makes it. */
function systemError(code: string, syscall: string, path?: string): Error {
  const text = `${code}: text of the system, ${syscall}${path === undefined ? "" : ` '${path}'`}`;
  return Object.assign(new Error(text), { code, syscall, ...(path === undefined ? {} : { path }) });
}

function read(path: string): unknown {
  try {
    return readFileSync(path);
  } catch (error) {
    return error;
  }
}

describe("an error of the operating system", () => {
  it("is known by its code and its call, not by its class", () => {
    expect(isSystemError(read("/nowhere/at/all"))).toBe(true);
    for (const other of [
      new Error("x"),
      Object.assign(new Error("x"), { code: "ERR_INVALID_ARG_TYPE" }),
      null,
      "E",
    ])
      expect(isSystemError(other)).toBe(false);
  });

  it("has its name where Node knows none, as of those that network disks give", () => {
    const nameless = (errno: number): Error => {
      const code = `Unknown system error ${errno}`;
      return Object.assign(new Error(`${code}: ${code}, write`), { code, errno, syscall: "write" });
    };
    expect(isSystemError(nameless(-116))).toBe(true);
    expect([-116, -122, -9999].map((errno) => systemCodeOf(nameless(errno)))).toEqual([
      "ESTALE",
      "EDQUOT",
      "error 9999 of the system",
    ]);
    expect(reportedError(nameless(-116), "a/b")?.message).toBe(
      "cannot write a/b: the file on the network disk is gone",
    );
    expect(writeFailure("a/b", nameless(-122)).message).toBe(
      "the disk quota is used up: a/b was not written",
    );
  });

  it.each([
    ["EACCES", "open", "cannot open a/b: permission denied"],
    ["EACCES", "scandir", "cannot list a/b: permission denied"],
    ["EPERM", "unlink", "cannot remove a/b: the system does not permit it"],
    ["EROFS", "mkdir", "cannot make the folder a/b: the file system can only be read"],
    ["ENOSPC", "write", "cannot write a/b: the disk is full"],
    ["EDQUOT", "write", "cannot write a/b: the disk quota is used up"],
    ["EMFILE", "open", "cannot open a/b: too many files are open in this process"],
    ["ENFILE", "open", "cannot open a/b: too many files are open on this machine"],
    ["EISDIR", "read", "cannot read a/b: a folder stands where a file belongs"],
    ["ENOTDIR", "stat", "cannot look at a/b: a file stands where a folder belongs"],
    ["ENAMETOOLONG", "open", "cannot open a/b: the name is too long"],
    ["ELOOP", "open", "cannot open a/b: the path goes through links that lead in a circle"],
    ["EIO", "read", "cannot read a/b: the disk reports an error"],
    ["ESTALE", "rename", "cannot rename a/b: the file on the network disk is gone"],
    ["EXDEV", "rename", "cannot rename a/b: the two places are on different disks"],
    ["ENOENT", "spawn python3", "cannot spawn a/b: there is no such file or folder"],
    ["ENEWCODE", "newcall", "cannot newcall a/b: ENEWCODE: text of the system, newcall 'a/b'"],
  ])("%s of %s says what was tried, on which file, and what to do", (code, call, message) => {
    const error = reportedError(systemError(code, call, "a/b"));
    expect(error).toBeInstanceOf(WorkError);
    expect(error?.message).toBe(message);
    expect(error?.detail.found).toContain(code);
    expect(error?.detail.fix).toMatch(/\w/);
  });

  it("names the file that the caller knows where the system names none", () => {
    expect(reportedError(systemError("EIO", "read"), "c")?.message).toBe(
      "cannot read c: the disk reports an error",
    );
    expect(reportedError(systemError("EIO", "read"))?.message).toBe(
      "cannot read a file: the disk reports an error",
    );
  });

  it("leaves errors of our own as they are, and defects of the program alone", async () => {
    const ours = new InputError("wrong");
    expect(reportedError(ours)).toBe(ours);
    expect(reportedError(new TypeError("x is not a function"))).toBeNull();
    await expect(reporting(() => read("x") as Error)).resolves.toBeInstanceOf(Error);
    await expect(reporting(() => readFileSync("/nowhere/at/all"))).rejects.toBeInstanceOf(WorkError);
  });

  it("is found behind an error that it caused", () => {
    const cause = systemError("EACCES", "open", "a");
    expect(systemCodeOf(new InputError("x", { cause: new Error("y", { cause }) }))).toBe("EACCES");
    expect(systemCodeOf(new InputError("x"))).toBeNull();
  });

  it("says of a full disk, or a quota that is used up, that nothing was lost", () => {
    for (const code of ["ENOSPC", "EDQUOT"]) {
      const { message, detail } = writeFailure("a", systemError(code, "write"));
      expect(message).toMatch(/: a was not written$/);
      expect(detail.fix).toContain("--resume");
    }
    expect(writeFailure("a", systemError("EROFS", "open", "a")).detail.fix).toBe(
      "name a place that can be written",
    );
  });
});

describe("too little memory", () => {
  it.each([
    new RangeError("Array buffer allocation failed"),
    new Error("std::bad_alloc"),
    new Error("Failed to allocate memory for requested buffer of size 1073741824"),
    new Error("OOM when allocating tensor with shape[256,160,32,32] and type float"),
    new Error("libx.so: failed to map segment from shared object"),
    Object.assign(new Error("Worker terminated due to reaching memory limit"), {
      code: "ERR_WORKER_OUT_OF_MEMORY",
    }),
    Object.assign(new Error("Worker initialization failure: EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" }),
    systemError("ENOMEM", "read"),
  ])("is said as such: %s", (error) => {
    for (const each of [error, new InputError("m.onnx is not a valid model", { cause: error })]) {
      const reported = reportedError(each);
      expect(reported).toBeInstanceOf(WorkError);
      expect(reported?.message).toBe("there is too little memory for this");
      expect(reported?.detail.found).toBe(error.message);
      expect(reported?.detail.fix).toContain("--batch-size");
      // Reported once more on the way out, it stays what it is.
      expect(reportedError(reported)).toBe(reported);
    }
    expect(writeFailure("a", error).message).toBe("there is too little memory for this");
  });

  it("is not read out of a file's text in an error of our own", () => {
    expect(lacksMemory(new InputError('there is no tensor "out of memory"'))).toBe(false);
  });
});
