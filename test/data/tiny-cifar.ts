import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { afterEach } from "vitest";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mtard-data-"));
  folders.push(folder);
  return folder;
}

/** The bytes of one CIFAR record whose pixels are `fill`, in all planes. */
export function record(labels: readonly number[], fill: number): Uint8Array {
  const bytes = new Uint8Array(labels.length + 3072).fill(fill);
  bytes.set(labels);
  return bytes;
}

export const cifar10Files = [1, 2, 3, 4, 5]
  .map((index) => `data_batch_${index}.bin`)
  .concat("test_batch.bin");

/** Unpacked CIFAR-10 with two images a file; `changes` replaces files, or removes them with null. */
export function unpackedCifar10(changes: Record<string, Uint8Array | null> = {}): string {
  const folder = join(temporaryFolder(), "cifar-10-batches-bin");
  mkdirSync(folder);
  for (const [index, name] of cifar10Files.entries()) {
    const content =
      name in changes ? changes[name] : Buffer.concat([record([index], 10), record([9 - index], 20)]);
    if (content != null) writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** The same as an archive. */
export function archivedCifar10(changes: Record<string, Uint8Array | null> = {}, gzip = true): string {
  const folder = unpackedCifar10(changes);
  const file = join(folder, "..", "cifar-10-binary.tar.gz");
  create({ file, gzip, sync: true, cwd: join(folder, "..") }, ["cifar-10-batches-bin"]);
  return file;
}

/** An archive with one entry written by hand, as no packer would write it. */
export function craftedArchive(entry: {
  path: string;
  type?: string;
  linkpath?: string;
  size?: number;
}): string {
  const header = Buffer.alloc(512);
  const octal = (value: number, length: number): string => value.toString(8).padStart(length - 1, "0") + "\0";
  header.write(entry.path, 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(entry.size ?? 0, 12), 124);
  header.write(octal(0, 12), 136);
  header.write("        ", 148);
  header.write(entry.type ?? "0", 156);
  header.write(entry.linkpath ?? "", 157);
  header.write("ustar\0" + "00", 257);
  header.write(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    ) + " ",
    148,
  );
  const file = join(temporaryFolder(), "crafted.tar");
  writeFileSync(file, Buffer.concat([header, Buffer.alloc(1024)]));
  return file;
}
