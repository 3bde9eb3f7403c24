import { existsSync } from "node:fs";
import { resolve } from "node:path";

const folder = resolve(process.env["MTARD_SHARED"] ?? "../shared");

/** Real data, weights and golden numbers beside the checkout; tests that need them are skipped by name where absent. */
export const hasShared = existsSync(folder);

/** The path of a file in shared/. */
export const shared = (path: string): string => resolve(folder, path);
