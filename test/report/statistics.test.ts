import { describe, expect, it } from "vitest";
import { holm, mcNemar, meanInterval, shareInterval, studentQuantile } from "#mtard/report/statistics.js";

// All numbers are SciPy 1.17.1's and statsmodels 0.15.0's.
describe("Student's t", () => {
  it.each([
    [0.975, 1, 12.706204736174694],
    [0.975, 2, 4.302652729749462],
    [0.975, 3, 3.1824463052837078],
    [0.975, 4, 2.7764451051977934],
    [0.975, 5, 2.5705818356363146],
    [0.975, 9, 2.262157162798205],
    [0.975, 30, 2.0422724563012378],
    [0.975, 101, 1.983731002955606],
    [0.6, 2, 0.2886751345948128],
    [0.6, 7, 0.2631668613520229],
    [0.9999, 2, 70.70007107496818],
    [0.9999, 7, 7.063432828157639],
  ])("has SciPy's quantile of %d with %d degrees of freedom", (probability, freedom, expected) => {
    expect(studentQuantile(probability, freedom) / expected).toBeCloseTo(1, 11);
  });

  it("gives SciPy's interval for a mean, and none for one value", () => {
    const { low, high } = meanInterval([1.5, 2.1, -0.3]) ?? {};
    expect(low).toBeCloseTo(-2.0026870075253576, 11);
    expect(high).toBeCloseTo(4.202687007525357, 11);
    expect(meanInterval([1.5])).toBeNull();
  });
});

describe("McNemar's exact test", () => {
  it.each([
    [0, 0, 1],
    [1, 0, 1],
    [0, 5, 0.0625],
    [3, 12, 0.03515625],
    [10, 10, 1],
    [40, 25, 0.08168153394154003],
    [500, 420, 0.00916276387523132],
    [2000, 1500, 2.942363832253349e-17],
  ])("of %d and %d has SciPy's p-value of a binomial test", (first, second, expected) => {
    expect(mcNemar(first, second) / expected).toBeCloseTo(1, 9);
    expect(mcNemar(second, first)).toBe(mcNemar(first, second));
  });
});

describe("Holm's correction", () => {
  it.each([
    [
      [0.01, 0.04, 0.03, 0.005],
      [0.03, 0.06, 0.06, 0.02],
    ],
    [
      [0.5, 0.001, 0.9, 0.02, 0.02],
      [1, 0.005, 1, 0.08, 0.08],
    ],
    [[], []],
  ])("of %j is statsmodels'", (values, expected) => {
    expect(holm(values)).toHaveLength(expected.length);
    holm(values).forEach((value, index) => expect(value).toBeCloseTo(expected[index] as number, 12));
  });
});

describe("Wilson's interval", () => {
  it.each([
    [0, 10, 0, 0.27753279986288926],
    [10, 10, 0.7224672001371106, 1],
    [372, 1000, 0.34258611396233785, 0.4023935362099642],
    [1, 3, 0.06149194472039626, 0.7923403991979523],
  ])("of %d out of %d is statsmodels'", (hits, count, low, high) => {
    expect(shareInterval(hits, count).low).toBeCloseTo(low, 12);
    expect(shareInterval(hits, count).high).toBeCloseTo(high, 12);
  });
});
