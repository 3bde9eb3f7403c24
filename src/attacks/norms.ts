/** What the distance of an adversarial image from the clean one is measured in. */
export const norms = {
  linf: {
    title: "L-infinity",
    /** The usual radius: that of the paper and of RobustBench. */
    epsilon: 8 / 255,
    text: "8/255",
  },
  l2: {
    title: "L2",
    /** RobustBench's radius for CIFAR-10. */
    epsilon: 0.5,
    text: "0.5",
  },
} as const;

/** The id of one of {@link norms}. */
export type Norm = keyof typeof norms;
