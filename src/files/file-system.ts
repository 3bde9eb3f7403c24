import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** The file system that a folder lies on. */
export interface FileSystem {
  /** Its name, such as `nfs` or `ext4`, or the number that Linux gives it. */
  readonly name: string;
  /** Whether other hosts can see the same files: null where the kind of file system does not say. */
  readonly shared: boolean | null;
}

/** Numbers of statfs(2), from its manual page and the sources of Lustre, GPFS, BeeGFS and PanFS. */
const kinds: Readonly<Partial<Record<string, FileSystem>>> = {
  "6969": { name: "nfs", shared: true },
  bd00bd0: { name: "lustre", shared: true },
  "47504653": { name: "gpfs", shared: true },
  "19830326": { name: "beegfs", shared: true },
  c36400: { name: "ceph", shared: true },
  ff534d42: { name: "cifs", shared: true },
  fe534d42: { name: "smb2", shared: true },
  "517b": { name: "smb", shared: true },
  "5346414f": { name: "afs", shared: true },
  "7461636f": { name: "ocfs2", shared: true },
  "1161970": { name: "gfs2", shared: true },
  aad7aaea: { name: "panfs", shared: true },
  "20030528": { name: "orangefs", shared: true },
  ef53: { name: "ext4", shared: false },
  "58465342": { name: "xfs", shared: false },
  "9123683e": { name: "btrfs", shared: false },
  "2fc12fc1": { name: "zfs", shared: false },
  f2f52010: { name: "f2fs", shared: false },
  "1021994": { name: "tmpfs", shared: false },
  "858458f6": { name: "ramfs", shared: false },
  "794c7630": { name: "overlay", shared: false },
};

/**
 * Tells on which file system a folder lies, or will lie: of one that is not there yet, the nearest above it is looked at.
 *
 * @returns One that nobody knows to be shared where the system does not let it be looked at.
 */
export function fileSystemOf(folder: string): FileSystem {
  for (let place = resolve(folder); ; place = dirname(place)) {
    try {
      return fileSystemOfType(statfsSync(place, { bigint: true }).type);
    } catch {
      if (dirname(place) === place) return { name: "unknown", shared: null };
    }
  }
}

/** The file system with a number of statfs(2), of which 32 bits count. */
export function fileSystemOfType(type: bigint): FileSystem {
  const number = (type & 0xffff_ffffn).toString(16);
  return kinds[number] ?? { name: `0x${number}`, shared: null };
}
