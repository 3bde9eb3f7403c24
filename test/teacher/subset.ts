import { type ReadEntry, list } from "tar";
import type { Teacher } from "#mtard/teacher/bridge.js";
import { shared } from "../shared.js";

export const cifar10 = { name: "cifar10", image: { height: 32, width: 32, channels: 3 }, classes: 10 };
export const cifar100 = { ...cifar10, name: "cifar100", classes: 100 };

/** A real teacher of shared/teachers: how to import it and how many test images README.md says it gets right. */
export interface RealTeacher {
  readonly file: string;
  readonly dataset: typeof cifar10;
  readonly network?: string;
  /** The network the file turns out to hold. */
  readonly holds?: string;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly right: number;
}

export const realTeachers: readonly RealTeacher[] = [
  {
    file: "cifar10-resnet56.th",
    dataset: cifar10,
    network: "resnet-56",
    holds: "resnet-56",
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    right: 1870,
  },
  {
    file: "cifar100-resnet56.pth",
    dataset: cifar100,
    network: "resnet-56",
    holds: "resnet-56-b",
    mean: [0.507, 0.4865, 0.4409],
    std: [0.2673, 0.2564, 0.2761],
    right: 729,
  },
  {
    file: "cifar10-resnet20-robust.pth",
    dataset: cifar10,
    network: "resnet-20",
    holds: "resnet-20",
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    right: 1445,
  },
  { file: "cifar10-cnn-robust.onnx", dataset: cifar10, right: 1230 },
  {
    file: "cifar10-resnet4b.onnx",
    dataset: cifar10,
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.2471, 0.2435, 0.2616],
    right: 1566,
  },
  { file: "cifar100-resnet20-robust.onnx", dataset: cifar100, right: 636 },
];

/** 100 images, NHWC in [0, 1], and their labels. */
interface LabelledBatch {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
}

/** How many images a teacher gets right, of how many. */
export async function countRight(teacher: Teacher, batches: readonly LabelledBatch[]) {
  const { classes } = teacher.manifest;
  let right = 0;
  for (const { images, labels } of batches) {
    const logits = await teacher.logits(images);
    for (const [row, label] of labels.entries()) {
      const answers = logits.slice(row * classes, (row + 1) * classes);
      if (answers.indexOf(Math.max(...answers)) === label) right++;
    }
  }
  return { right, total: batches.length * 100 };
}

/** The test images of the CIFAR subset in shared/data in batches of 100, read without the program's own data code. */
export async function subsetTest(dataset: typeof cifar10): Promise<LabelledBatch[]> {
  const [archive, file, labelBytes] =
    dataset === cifar100
      ? (["cifar-100-binary-subset.tar.gz", "test.bin", 2] as const)
      : (["cifar-10-binary-subset.tar.gz", "test_batch.bin", 1] as const);
  const chunks: Buffer[] = [];
  await list({
    file: shared(`data/${archive}`),
    onReadEntry: (entry: ReadEntry) => {
      if (entry.path.endsWith(`/${file}`)) entry.on("data", (chunk) => chunks.push(chunk));
    },
  });
  const bytes = Buffer.concat(chunks);
  const record = labelBytes + 3072;
  const count = bytes.length / record;
  return Array.from({ length: count / 100 }, (_, batch) => {
    const images = new Float32Array(100 * 3072);
    const labels = new Uint8Array(100);
    for (let index = 0; index < 100; index++) {
      const start = (batch * 100 + index) * record + labelBytes;
      labels[index] = bytes[start - 1] ?? 255;
      for (let pixel = 0; pixel < 1024; pixel++)
        for (let channel = 0; channel < 3; channel++)
          images[index * 3072 + pixel * 3 + channel] = (bytes[start + channel * 1024 + pixel] ?? 0) / 255;
    }
    return { images, labels };
  });
}
