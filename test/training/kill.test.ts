import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "#mtard/runtime/random.js";
import { curvesIn, curvesOfMetrics, readEvents } from "../run/event-reader.js";
import { metricsWithoutClock } from "./without-clock.js";
import { makeStores } from "./tiny-run.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-kill-"));
beforeAll(() => makeStores(stores));
afterAll(() => rmSync(stores, { recursive: true }));

const CALL =
  "train --dataset demo --method b-mtard --student resnet-8 --clean-teacher clean --robust-teacher robust --epochs 2 " +
  "--limit-train 200 --limit-test 20 --batch-size 16 --set innerSteps=2 --checkpoint-minutes 0.005 --device cpu --resume";

interface Session {
  readonly process: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null; log: string }>;
  /** Settles when training begins. */
  readonly training: Promise<unknown>;
}

function start(run: string, ...more: string[]): Session {
  const main = resolve("dist/cli/main.js");
  const places = ["--data-dir", stores, "--teachers-dir", stores, "--out", join(stores, run)];
  const child = spawn(process.execPath, [main, ...CALL.split(" "), ...places, ...more], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  const training = new Promise((settle) => {
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes("epochs, best chosen")) settle(undefined);
    });
  });
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    log,
  }));
  return { process: child, ended, training };
}

/** TensorBoard's curves of a run are those of its metrics: no point twice, and none missing. */
function expectEvents(run: string): void {
  const events = readEvents(join(stores, run, "events.out.tfevents.metrics"));
  expect(curvesIn(events)).toEqual(curvesOfMetrics(join(stores, run, "metrics.jsonl")));
}

const metrics = (run: string): string => metricsWithoutClock(join(stores, run, "metrics.jsonl"));

describe("a run that is killed", () => {
  it("with kill -9 at three random moments ends with the metrics of an uninterrupted one, bit for bit but for the clock", async () => {
    expect((await start("whole").ended).code).toBe(0);
    const random = Random.fromSeed(Date.now() % 2 ** 31);
    for (let kill = 0; kill < 3; kill++) {
      const session = start("killed");
      await session.training;
      await sleep(100 + 900 * random.uniform());
      session.process.kill("SIGKILL");
      expect((await session.ended).signal).toBe("SIGKILL");
    }
    const last = await start("killed").ended;
    expect(last.code).toBe(0);
    expect(last.log).toContain("resumed from");
    expect(metrics("killed")).toBe(metrics("whole"));
    expectEvents("killed");
    for (const file of ["best.safetensors", "summary.json"]) {
      const [killed, whole] = ["killed", "whole"].map((run) => readFileSync(join(stores, run, file)));
      expect(killed?.equals(whole as Buffer), file).toBe(true);
    }
  });

  it.each([
    ["SIGINT", []],
    ["SIGTERM", ["--no-tensorboard"]],
  ] as const)("with %s %s saves, says so, and goes on with --resume", async (signal, more) => {
    const session = start(signal, ...more);
    await session.training;
    await sleep(600);
    session.process.kill(signal);
    const { code, log } = await session.ended;
    const hasEvents = existsSync(join(stores, signal, "events.out.tfevents.metrics"));
    expect(hasEvents).toBe(more.length === 0);
    expect(code).toBe(1);
    expect(log).toContain(`${signal}: saving and stopping`);
    expect(log).toContain("--resume goes on");
    const resumed = await start(signal).ended;
    expect(resumed.code).toBe(0);
    expectEvents(signal);
    expect(resumed.log).toContain("resumed from");
    expect(metrics(signal)).toBe(metrics("whole"));
  });
});
