/* For `src/`, which is compiled without `scripts/`. */
import type { SetupRecord } from "./record.mjs";

export function setUp(
  device: string | undefined,
  say: (line: string) => void,
): Promise<SetupRecord & { check: string }>;
