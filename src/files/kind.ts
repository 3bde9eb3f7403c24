import { statSync } from "node:fs";

/** What a path is, or null if there is nothing, as below a file or under a name too long for the file system. */
export function kindOf(path: string): "file" | "folder" | null {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    return null;
  }
}
