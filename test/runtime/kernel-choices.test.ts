import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type * as KernelChoices from "#mtard/runtime/kernel-choices.js";

/** The module as another process has it. */
async function inAnotherProcess(): Promise<typeof KernelChoices> {
  vi.resetModules();
  const path: string = `#mtard/runtime/kernel-choices.js?${process.hrtime.bigint()}`;
  return (await import(path)) as typeof KernelChoices;
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mtard-kernels-"));
  vi.stubEnv("MTARD_KERNELS", join(folder, "kernels"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const files = (): string[] => readdirSync(join(folder, "kernels"));

describe("a choice between two ways", () => {
  it("is measured once on a machine, and the same in each process from then on", async () => {
    const one = await inAnotherProcess();
    expect(one.otherPays("work")).toBe(false);
    let measured = 0;
    function measure(): KernelChoices.KernelChoice["milliseconds"] {
      measured++;
      return { usual: 10, other: measured === 1 ? 5 : 20 };
    }
    one.measureOnce("work", measure);
    one.measureOnce("work", measure);
    const other = await inAnotherProcess();
    expect(other.otherPays("work")).toBe(false);
    other.measureOnce("work", measure);
    expect([one.otherPays("work"), other.otherPays("work"), measured]).toEqual([true, true, 1]);
    vi.stubEnv("MTARD_THREADS", "3");
    const elsewhere = await inAnotherProcess();
    elsewhere.measureOnce("work", measure);
    expect([elsewhere.otherPays("work"), measured]).toEqual([false, 2]);
    expect(files()).toHaveLength(2);
    expect(elsewhere.knownChoices()).toMatchObject([
      { work: "work", milliseconds: { usual: 10, other: 20 } },
    ]);
  });

  it("is that of the process which was first, where two measure at once", async () => {
    const [slow, fast] = [await inAnotherProcess(), await inAnotherProcess()];
    slow.measureOnce("work", () => {
      fast.measureOnce("work", () => ({ usual: 10, other: 5 }));
      return { usual: 5, other: 10 };
    });
    expect([slow.otherPays("work"), fast.otherPays("work")]).toEqual([true, true]);
    expect(files()).toHaveLength(1);
  });

  it("is for the usual way unless the other takes a tenth less", async () => {
    const { measureOnce, otherPays } = await inAnotherProcess();
    measureOnce("near", () => ({ usual: 10, other: 9.1 }));
    measureOnce("far", () => ({ usual: 10, other: 8.9 }));
    expect([otherPays("near"), otherPays("far")]).toEqual([false, true]);
  });

  it("is by the best of both ways' times, each run as often", async () => {
    const { knownChoices, measureOnce } = await inAnotherProcess();
    const runs: string[] = [];
    measureOnce("work", (time) =>
      time(
        () => runs.push("usual"),
        () => runs.push("other"),
      ),
    );
    expect(runs).toEqual(Array.from({ length: runs.length / 2 }, () => ["usual", "other"]).flat());
    expect(knownChoices()).toHaveLength(1);
  });

  it("is measured anew where the file is damaged or cannot be written, and kept in the process", async () => {
    const one = await inAnotherProcess();
    one.measureOnce("work", () => ({ usual: 10, other: 5 }));
    const [name = ""] = files();
    const path = join(folder, "kernels", name);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ work: "work" });
    writeFileSync(path, "{");
    const other = await inAnotherProcess();
    expect(other.knownChoices()).toEqual([]);
    other.measureOnce("work", () => ({ usual: 5, other: 10 }));
    expect(other.otherPays("work")).toBe(false);
    vi.stubEnv("MTARD_KERNELS", join(path, "below a file"));
    const third = await inAnotherProcess();
    third.measureOnce("work", () => ({ usual: 10, other: 5 }));
    expect(third.otherPays("work")).toBe(true);
  });
});
