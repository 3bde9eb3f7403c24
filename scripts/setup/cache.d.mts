/* For `src/`, which is compiled without `scripts/`. */

export function cacheFolder(): string;
export function contentKey(...inputs: (string | Uint8Array)[]): string;
export function completeFolder(folder: string, fill: (partial: string) => Promise<void>): Promise<boolean>;
export function linkAtomically(target: string, path: string): void;
