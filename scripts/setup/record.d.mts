/* For `src/`, which is compiled without `scripts/`. */

export interface SetupRecord {
  device: "cpu" | "cuda";
  packages: string;
  libraries: string;
  binding: string;
}

export function pinsKey(): string;
export function readRecord(): SetupRecord | null;
export function chosenDevice(asked?: string): SetupRecord["device"];
export function writeRecord(record: SetupRecord): void;
