import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkError } from "#mtard/errors.js";
import { lockDescriptor, requireSetup, tryToLock } from "#mtard/files/kernel.js";
import {
  type HeldLock,
  removeAbandonedLock,
  takeLock,
  tryLock,
  waitForLock,
  workingLock,
} from "#mtard/files/lock.js";
import { pinsKey } from "../../scripts/setup/record.mjs";

let folder: string;
let path: string;
const others: ChildProcessByStdio<null, Readable, null>[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mtard-lock-"));
  path = join(folder, "runs", ".working");
});
afterEach(() => {
  for (const other of others.splice(0)) other.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

const rule = { busy: "another mtard is at it", once: "one at a time", instead: "another folder" };
const module = new URL("../../dist/files/lock.js", import.meta.url).href;
const holding = `import { takeLock } from ${JSON.stringify(module)};
  takeLock(process.env.LOCK_PATH, ${JSON.stringify(rule)});
  console.log("held");
  setTimeout(() => undefined, 60_000);`;

const asked = `import { writeSync } from "node:fs";
  import { tryLock } from ${JSON.stringify(module)};
  writeSync(1, "asking\\n");
  const lock = tryLock(process.env.LOCK_PATH);
  writeSync(1, typeof lock === "string" ? lock + "\\n" : "taken\\n");`;

/** Starts a process that has the lock, by a command before Node's if one is given. */
async function holder(...before: string[]): Promise<ChildProcessByStdio<null, Readable, null>> {
  const words = [...before, process.execPath, "--input-type=module", "--eval", holding] as const;
  const other = spawn("env", words, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, LOCK_PATH: path },
  });
  others.push(other);
  await once(other.stdout, "data");
  return other;
}

/** What makes `setpriv` another user, who is not root. */
const NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"];

function works(program: string, ...args: string[]): boolean {
  return spawnSync(program, [...args, "true"]).status === 0;
}

function held(lock: HeldLock | string): HeldLock {
  if (typeof lock === "string") throw new Error(lock);
  return lock;
}

describe("a lock", () => {
  it("is refused while another process has it, in words, and is free when that is killed", async () => {
    const other = await holder();
    let error: unknown;
    try {
      takeLock(path, rule);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(WorkError);
    expect((error as WorkError).report()).toMatch(
      new RegExp(
        `^error: another mtard is at it\n {2}expected {2}one at a time\n {2}found {5}.*, process ${other.pid} on .*, since .* UTC\n {2}try {7}wait for it, or another folder$`,
      ),
    );
    expect(existsSync(path)).toBe(true);
    other.kill("SIGKILL");
    await once(other, "exit");
    expect(existsSync(path)).toBe(true);
    held(tryLock(path)).release();
    expect(readdirSync(join(folder, "runs"))).toEqual([]);
  });

  it("is refused to the same process, as to another one", () => {
    const lock = held(tryLock(path));
    expect(tryLock(path)).toMatch(new RegExp(`process ${process.pid} on `));
    lock.release();
    held(tryLock(path)).release();
  });

  it("is given to whoever waits for it", async () => {
    const other = await holder();
    const waited: string[] = [];
    const waiting = waitForLock(path, (who) => waited.push(who));
    setTimeout(() => other.kill("SIGKILL"), 300);
    (await waiting).release();
    expect(waited).toHaveLength(1);
    expect(waited[0]).toContain(`process ${other.pid} on `);
  });

  it("goes with the folders that were made for it, if nothing is in them", () => {
    const take = () => takeLock(workingLock(join(folder, "deep", "runs")), rule);
    expect(readdirSync(folder)).toEqual([]);
    const lock = take();
    expect(existsSync(join(folder, "deep", "runs", ".working"))).toBe(true);
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    const again = take();
    writeFileSync(join(folder, "deep", "runs", "settings.json"), "");
    again.release();
    expect(readdirSync(join(folder, "deep", "runs"))).toEqual(["settings.json"]);
  });

  it("leaves nothing of one that was killed, also where it is not needed any more", async () => {
    const other = await holder();
    removeAbandonedLock(path);
    expect(existsSync(path)).toBe(true);
    other.kill("SIGKILL");
    await once(other, "exit");
    removeAbandonedLock(path);
    expect(existsSync(path)).toBe(false);
  });

  it("is refused below a link that leads nowhere", () => {
    symlinkSync(join(folder, "nowhere"), join(folder, "link"));
    expect(() => tryLock(workingLock(join(folder, "link")))).toThrow(`cannot write ${join(folder, "link")}`);
  });

  it.each([
    ["of an earlier version", "1 5"],
    ["that is empty", ""],
    ["with anything in it", "x".repeat(5000)],
  ])("is free where there is only a file %s, and takes its place", (_, content) => {
    mkdirSync(join(folder, "runs"));
    writeFileSync(path, content);
    const lock = held(tryLock(path));
    expect(readFileSync(path, "utf8")).toMatch(/^[^\n]+ UTC\n$/);
    lock.release();
    expect(readdirSync(join(folder, "runs"))).toEqual([]);
  });

  it("is refused where set-up was not run, with what to do, and leaves nothing", () => {
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", holding], {
      env: { ...process.env, LOCK_PATH: path, MTARD_CACHE: folder },
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toContain("the engines are not set up");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is not taken through a link", () => {
    mkdirSync(join(folder, "runs"));
    symlinkSync(join(folder, "other"), path);
    expect(() => tryLock(path)).toThrow(WorkError);
  });

  it("is refused where no folder can be", () => {
    writeFileSync(join(folder, "runs"), "a file");
    expect(() => tryLock(path)).toThrow(/^cannot write /);
  });

  // A network disk may show for a moment longer what another host has removed, and lock it.
  it("is not taken on a file that its owner was about to remove, while another takes its place", async () => {
    mkdirSync(join(folder, "runs"));
    writeFileSync(path, "released by the one before\n");
    const other = join(folder, "other");
    const taken = held(tryLock(other));
    const asking = spawn(process.execPath, ["--input-type=module", "--eval", asked], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, LOCK_PATH: path },
    });
    others.push(asking);
    const exit = once(asking, "exit");
    let said = "";
    asking.stdout.on("data", (text) => (said += String(text)));
    await once(asking.stdout, "data");
    // Long enough to take what may not be taken.
    await wait(300);
    renameSync(other, path);
    await exit;
    expect(said).toMatch(new RegExp(`^asking\n.*process ${process.pid} on .*\n$`));
    taken.release();
  });

  it("is taken on a file that its owner was about to remove, and that stays", () => {
    mkdirSync(join(folder, "runs"));
    writeFileSync(path, "released by the one before\n");
    held(tryLock(path)).release();
    expect(existsSync(path)).toBe(false);
  });

  it("leaves the file of whoever took it when it was lost", () => {
    const lock = held(tryLock(path));
    // As where a server forgot it.
    rmSync(path);
    const other = held(tryLock(path));
    lock.release();
    expect(tryLock(path)).toMatch(`process ${process.pid} on `);
    other.release();
    expect(existsSync(path)).toBe(false);
  });

  it.skipIf(!works("unshare", "--pid", "--fork", "--mount-proc"))(
    "is kept in another process namespace, as containers are",
    async () => {
      const other = await holder("unshare", "--pid", "--fork", "--mount-proc", "--kill-child");
      expect(tryLock(path)).toMatch(/process 1 on /);
      other.kill("SIGKILL");
      (await waitForLock(path, () => undefined)).release();
    },
  );

  // No file system here lacks locks; a descriptor that is none is refused by the same call.
  it("is refused where the kernel has none, with what to do", () => {
    const none = 2 ** 20;
    expect(tryToLock(none)).toBe("unknown");
    expect(() => lockDescriptor(none, "runs/.working")).toThrow(
      expect.objectContaining({
        message: "runs/.working cannot be locked",
        exitCode: 1,
        detail: expect.objectContaining({
          found: "EBADF",
          fix: expect.stringContaining("another disk") as string,
        }) as object,
      }),
    );
    // As NFS says of another user's file, which may be read alone.
    expect(() => lockDescriptor(none, "runs/.working", false)).toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({ found: "another user's file" }) as object,
      }),
    );
  });

  it.skipIf(!works("setpriv", ...NOBODY))("is kept against another user", () => {
    // Who need not be able to read the checkout or the cache.
    const copy = join(folder, "copy");
    for (const part of ["dist/files", "dist/errors.js", "dist/harmless.js", "package.json", "scripts/setup"])
      cpSync(part, join(copy, part), { recursive: true });
    cpSync(join(requireSetup().binding, "file_locks.node"), join(copy, "file_locks.node"));
    const record = { device: "cpu", packages: copy, libraries: copy, binding: copy };
    writeFileSync(join(copy, `setup-${pinsKey()}.json`), JSON.stringify(record));
    chmodSync(folder, 0o755);
    const program = `import { tryLock } from ${JSON.stringify(join(copy, "dist/files/lock.js"))};
      const lock = tryLock(process.env.LOCK_PATH);
      console.log(typeof lock === "string" ? lock : "free");
      lock.release?.();
      if (typeof lock !== "string") console.log(typeof tryLock(process.env.LOCK_PATH));`;
    const ask = (): string =>
      execFileSync("setpriv", [...NOBODY, process.execPath, "--input-type=module", "--eval", program], {
        env: { ...process.env, MTARD_CACHE: copy, LOCK_PATH: path },
        encoding: "utf8",
      });
    const lock = held(tryLock(path));
    expect(ask()).toContain(`process ${process.pid} on `);
    lock.release();
    // Left by a process that was killed.
    mkdirSync(join(folder, "runs"));
    writeFileSync(path, "mtard train, process 1 on it, since then");
    // It is let go in a folder where it cannot be removed.
    expect(ask()).toBe("free\nobject\n");
    expect(existsSync(path)).toBe(true);
  });
});
