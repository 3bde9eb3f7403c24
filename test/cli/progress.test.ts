import { describe, expect, it } from "vitest";
import { ProgressLine } from "#mtard/cli/progress.js";

/** A progress line on a stream of that many columns, or on a file, and what it wrote; `at` sets the clock. */
function lineOn(columns: number | null) {
  let seconds = 0;
  const written: string[] = [];
  const channel = columns === null ? { isTTY: false } : { isTTY: true, columns };
  const line = new ProgressLine(
    channel,
    (text) => written.push(text),
    () => seconds,
  );
  return { line, written, at: (time: number) => (seconds = time) };
}

describe("progress without a terminal", () => {
  it("is a line at once, and then one every minute", () => {
    const { line, written, at } = lineOn(null);
    for (let second = 0; second <= 130; second += 10) {
      at(second);
      line.show(`step ${second}`);
    }
    line.clear();
    expect(written).toEqual(["step 0\n", "step 60\n", "step 120\n"]);
  });
});

describe("progress on a terminal", () => {
  it("is one line that is written over and removed", () => {
    const { line, written, at } = lineOn(80);
    line.show("step 1");
    at(0.05);
    line.show("too soon");
    at(0.2);
    line.show("step 2");
    line.clear();
    line.clear();
    expect(written).toEqual(["\r\u001b[Kstep 1", "\r\u001b[Kstep 2", "\r\u001b[K"]);
  });

  it("leaves out whole parts from the end where they do not fit", () => {
    const { line, written } = lineOn(40);
    line.show("epoch 1/2  step 3/4  9 images/s, 5 s left  loss 0.1234");
    expect(written).toEqual(["\r\u001b[Kepoch 1/2  step 3/4"]);
  });
});
