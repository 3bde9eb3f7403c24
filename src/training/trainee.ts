import type { Network } from "../graph/network.js";
import type { Method } from "../methods/method.js";
import type { Precision } from "../runtime/precision.js";
import type { Parameters } from "../student/parameters.js";
import type { Teacher } from "../teacher/bridge.js";

/** Everything a step reads and updates. */
export interface Trainee {
  readonly network: Network;
  readonly parameters: Parameters;
  readonly momenta: Parameters;
  readonly method: Method;
  /** The arithmetic of the training passes. */
  readonly precision: Precision;
  /** The method's own state, as plain data. */
  state: unknown;
  readonly cleanTeacher: Teacher | null;
  readonly robustTeacher: Teacher | null;
}
