import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import type { Places } from "./session.js";
import type * as Work from "./work.js";

/** Training and evaluation, loaded with the native libraries only where there is something to do. */
export async function loadWork({ device }: Places): Promise<typeof Work> {
  prepareNativeLibraries(device, threadCount());
  return await import("./work.js");
}
