import { createHash } from "node:crypto";
import type { Network } from "../graph/network.js";
import type { Weights } from "../graph/parameters.js";

/**
 * Identifies a network with its weights by the SHA-256 of its layers and weights, in lower-case hex. A student, its ONNX export and a
 * teacher made from that export share one identity.
 */
export function networkIdentity(network: Network, weights: Weights): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify(network));
  for (const [name, { shape, data }] of weights) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
