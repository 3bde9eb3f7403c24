/** A fraction as people read it: `93.18%`. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)}%`;
}

/** An accuracy with its counts: `78.30% (1,566 of 2,000 test images)`. */
export function formatAccuracy({ correct, total }: { correct: number; total: number }): string {
  const [right, all] = [correct, total].map((count) => count.toLocaleString("en-US"));
  return `${percent(correct / total)} (${right ?? ""} of ${all ?? ""} test images)`;
}
