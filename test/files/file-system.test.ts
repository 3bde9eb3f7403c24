import { describe, expect, it } from "vitest";
import { fileSystemOf, fileSystemOfType } from "#mtard/files/file-system.js";

describe("the file system of a folder", () => {
  it("is that of the nearest folder above, where there is none", () => {
    expect(fileSystemOf("/proc/self/nothing/there")).toEqual(fileSystemOf("/proc"));
    expect(fileSystemOf("/dev/shm")).toEqual({ name: "tmpfs", shared: false });
  });

  // The numbers that `stat --file-system` of coreutils knows by these names.
  it.each([
    ["nfs", 0x6969n, true],
    ["lustre", 0x0bd00bd0n, true],
    ["gpfs", 0x47504653n, true],
    ["ceph", 0x00c36400n, true],
    ["cifs", 0xff534d42n, true],
    ["ext4", 0xef53n, false],
    ["xfs", 0x58465342n, false],
    ["overlay", 0x794c7630n, false],
  ])("of the kind %s", (name, type, shared) => {
    expect(fileSystemOfType(type)).toEqual({ name, shared });
    // Where the kernel's number is signed, 64 bits of it have the sign.
    expect(fileSystemOfType(BigInt.asIntN(32, type))).toEqual({ name, shared });
  });

  it("of an unknown kind says nothing", () => {
    expect(fileSystemOfType(0x65735546n)).toEqual({ name: "0x65735546", shared: null });
  });
});
