import { afterEach, describe, expect, it, vi } from "vitest";
import { patienceWith, startWait } from "#mtard/teacher/patience.js";

const image = { height: 32, width: 32, channels: 3 };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

describe("patienceWith", () => {
  it("is a minute for small models and those that were timed", () => {
    expect(patienceWith(0, image, 128)).toBe(60);
    expect(patienceWith(300_000, image, 128)).toBe(60);
  });

  // WideResNet-70-16 needs some 10 TFLOP for a batch: two minutes and more on two cores.
  it("grows with a model that nobody timed, and its batch", () => {
    expect(patienceWith(1.068e9, image, 128)).toBeGreaterThan(600);
    expect(patienceWith(1.068e9, image, 1)).toBe(60);
  });

  it("is what MTARD_PATIENCE says", () => {
    vi.stubEnv("MTARD_PATIENCE", "5");
    expect(patienceWith(1e9, image, 128)).toBe(5);
    vi.stubEnv("MTARD_PATIENCE", "soon");
    expect(patienceWith(0, image, 128)).toBe(60);
  });
});

describe("startWait", () => {
  function waited(patience: number, slowest: number): { events: string[]; end: () => void } {
    vi.useFakeTimers();
    const events: string[] = [];
    const end = startWait(patience, slowest, {
      onLate: (seconds, limit) => events.push(`late ${seconds} of ${limit}`),
      onEnd: (limit) => events.push(`over ${limit}`),
    });
    return { events, end };
  }

  it("says once that an answer is late, and then that the wait is over", () => {
    const { events } = waited(60, 0.5);
    vi.advanceTimersByTime(19_000);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(40_000);
    expect(events).toEqual(["late 20 of 60"]);
    vi.advanceTimersByTime(200_000);
    expect(events).toEqual(["late 20 of 60", "over 60"]);
  });

  it("gives a slow teacher 20 times its slowest answer, and is silent for three times that", () => {
    const { events } = waited(60, 10);
    vi.advanceTimersByTime(29_000);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(170_000);
    expect(events).toEqual(["late 30 of 200"]);
    vi.advanceTimersByTime(1000);
    expect(events).toHaveLength(2);
  });

  it("says nothing once it is ended", () => {
    const { events, end } = waited(60, 0);
    end();
    vi.advanceTimersByTime(100_000);
    expect(events).toEqual([]);
  });
});
