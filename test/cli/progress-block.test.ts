import { describe, expect, it } from "vitest";
import { ProgressBlock } from "#mtard/cli/progress-block.js";
import type { JobsView } from "#mtard/reproduction/session.js";

/** A block on a terminal of that size, or on a file, and what it wrote; `at` sets the clock. */
function blockOn(channel: { isTTY: boolean; columns?: number; rows?: number }) {
  let seconds = 0;
  const written: string[] = [];
  const block = new ProgressBlock(
    channel,
    (text) => written.push(text),
    () => seconds,
  );
  return { block, written, at: (time: number) => (seconds = time) };
}

function view(...doing: string[]): JobsView {
  const working = doing.map((text) => ({ doing: text, imagesPerSecond: 120.4, secondsLeft: 65 }));
  return { done: 3, failed: 1, all: 9, secondsLeft: 3700, working };
}

describe("the progress of several processes", () => {
  it("is a line for each and one for all, written over and removed", () => {
    const { block, written, at } = blockOn({ isTTY: true, columns: 80, rows: 24 });
    block.show(view("sat: step 1", "rslad: step 2"));
    at(0.1);
    block.show(view("too soon"));
    at(0.3);
    block.show(view("sat: step 9\u001b[2J"));
    block.clear();
    block.clear();
    const all = "3 of 9 jobs done, 2 at work, 1 failed, 1 h 1 min left of all";
    const rate = ", 120 images/s, 1 min 5 s left";
    expect(written).toEqual([
      `  sat: step 1${rate}\n  rslad: step 2${rate}\n${all}`,
      "\r\u001b[2A\u001b[J",
      `  sat: step 9?[2J${rate}\n${all.replace("2 at", "1 at")}`,
      "\r\u001b[1A\u001b[J",
    ]);
  });

  it("takes no more lines and columns than there are", () => {
    const { block, written } = blockOn({ isTTY: true, columns: 24, rows: 5 });
    block.show(view("one", "two", "three", "four"));
    expect(written[0]?.split("\n")).toEqual([
      "  one, 120 images/s, 1 ",
      "  two, 120 images/s, 1 ",
      "  and 2 more",
      "3 of 9 jobs done, 4 at ",
    ]);
  });

  it("without a terminal is a line for all at once, and then one every minute", () => {
    const { block, written, at } = blockOn({ isTTY: false });
    for (let second = 0; second <= 70; second += 10) {
      at(second);
      block.show(view("one"));
    }
    expect(written).toHaveLength(2);
  });
});
