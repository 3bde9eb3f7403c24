import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { usualTeacher } from "#mtard/recipes/usual-teachers.js";
import { formatManifest, MANIFEST_FILE, type TeacherManifest } from "#mtard/teacher/manifest.js";

const work = mkdtempSync(join(tmpdir(), "mtard-usual-"));
afterAll(() => rmSync(work, { recursive: true }));

/** A store with these teachers of the paper's robust network. */
function storeOf(name: string, roles: Readonly<Record<string, TeacherManifest["role"]>>): string {
  const store = join(work, name);
  for (const [teacher, role] of Object.entries(roles)) {
    const manifest: TeacherManifest = {
      name: teacher,
      dataset: "cifar10",
      classes: 10,
      image: { height: 32, width: 32, channels: 3 },
      file: "model.onnx",
      sha256: "0".repeat(64),
      source: { file: "model.pt", sha256: "0".repeat(64), format: "torch-zip" },
      network: "wide-resnet-34-10",
      normalization: null,
      ...(role === undefined ? {} : { role }),
      createdBy: "1",
    };
    mkdirSync(join(store, teacher), { recursive: true });
    writeFileSync(join(store, teacher, MANIFEST_FILE), formatManifest(manifest));
  }
  return store;
}

it("takes the only one of the paper's network, unless it was brought in for the other role", () => {
  const usual = (name: string, roles: Parameters<typeof storeOf>[1]): string | null =>
    usualTeacher("cifar10", "robust", storeOf(name, roles));
  expect(usual("none said", { mine: undefined })).toBe("mine");
  expect(usual("its own", { mine: "robust", other: "clean" })).toBe("mine");
  expect(usual("the other", { mine: "clean" })).toBeNull();
  expect(usual("two", { mine: "robust", other: undefined })).toBeNull();
  expect(usual("by name", { "cifar10-robust": "clean", other: undefined })).toBe("cifar10-robust");
});
