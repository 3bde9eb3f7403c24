import { basename } from "node:path";
import { stringify } from "yaml";
import { attacks } from "../../attacks/attacks.js";
import { markdownText, oneLine, shellWord } from "../../harmless.js";
import { studentChoices } from "../../model/student-choices.js";
import { version } from "../../version.js";
import type { Interval } from "../statistics.js";
import { distanceText, radiusText } from "../run-report/share.js";
import { type HandedModel, type RunOrigin, summaryOf } from "./facts.js";
import { licenceFields, licenceText } from "./licence.js";
import type { MeasuredRow } from "./measured.js";

/** The files that a model's folder may hold. */
export const HANDED_FILES = {
  card: "README.md",
  onnx: "model.onnx",
  /** Large weights of the ONNX model. */
  data: "model.onnx.data",
  safetensors: "model.safetensors",
  classes: "classes.json",
  page: "index.html",
} as const;

/** What a folder holds, for its card. */
export interface Contents {
  readonly files: readonly string[];
  /** Why there is no page, if there is none. */
  readonly noPage: string | null;
}

/** What the data sets are called there. */
const DATASETS: Readonly<Record<string, string>> = {
  cifar10: "uoft-cs/cifar10",
  cifar100: "uoft-cs/cifar100",
};

/** Formats a model card: what a model is, how good, how to run it, whose it is and where it ends. */
export function modelCard(model: HandedModel, contents: Contents): string {
  const sections = [
    `---\n${stringify(frontMatter(model), { lineWidth: 0 })}---`,
    `# ${markdownText(model.title)}`,
    markdownText(summaryOf(model)),
    contentsText(contents),
    `## Data and training\n\n${trainingText(model)}`,
    `## What was measured\n\n${measuredText(model)}`,
    `## How to run it\n\n${usageText(model, contents)}`,
    `## Licence\n\n${licenceText(model)}`,
    `## Limits\n\n${limitsOf(model)
      .map((limit) => `- ${limit}`)
      .join("\n")}`,
  ];
  return `${sections.join("\n\n")}\n`;
}

function frontMatter(model: HandedModel): object {
  const { title, dataset, origin, measured, licence } = model;
  const method = origin.kind === "run" ? [oneLine(origin.description.settings.method)] : [];
  const known = DATASETS[dataset];
  const trainedOn = DATASETS[origin.kind === "run" ? origin.description.settings.dataset : dataset];
  const results = measured.map(({ attack, norm, epsilon, settings, images, accuracy }) => ({
    task: { type: "image-classification" },
    dataset: {
      name: oneLine(dataset),
      type: known ?? oneLine(dataset),
      split: `test, first ${images} images`,
    },
    metrics: [
      {
        type: "accuracy",
        name:
          attack === null
            ? "clean accuracy"
            : `robust accuracy, ${under({ attack, norm, epsilon, settings })}`,
        value: Number((100 * accuracy.share).toFixed(2)),
      },
    ],
  }));
  return {
    ...licenceFields(licence),
    library_name: "onnx",
    pipeline_tag: "image-classification",
    tags: ["image-classification", "adversarial-robustness", "onnx", "mtard", ...method],
    ...(trainedOn === undefined ? {} : { datasets: [trainedOn] }),
    ...(results.length === 0 ? {} : { "model-index": [{ name: oneLine(title), results }] }),
  };
}

function under({
  attack,
  norm,
  epsilon,
  settings,
}: Pick<MeasuredRow, "attack" | "norm" | "epsilon" | "settings">): string {
  const ball = epsilon === null ? [] : [ballText({ norm, epsilon })];
  return [attack ?? "none", ...ball, ...(settings === "" ? [] : [settings])].join(", ");
}

/** The ball around an image that it was attacked within. */
function ballText({ norm, epsilon }: Pick<MeasuredRow, "norm" | "epsilon">): string {
  const radius = radiusText({ norm, epsilon: epsilon ?? 0 });
  return norm === undefined ? `L-infinity ${radius}` : radius;
}

function contentsText({ files, noPage }: Contents): string {
  const meanings: Readonly<Record<string, string>> = {
    [HANDED_FILES.onnx]: "the model for ONNX Runtime; its normalisation is inside",
    [HANDED_FILES.data]: "its large weights",
    [HANDED_FILES.safetensors]: "its weights under PyTorch's names, without the normalisation",
    [HANDED_FILES.classes]: "the names of the classes, in the order of the logits",
    [HANDED_FILES.page]:
      "a page that runs the model, and attacks it, in a browser: open it from the disk or put it on a server",
  };
  const lines = files.flatMap((file) =>
    meanings[file] === undefined ? [] : [`- \`${file}\`: ${meanings[file]}`],
  );
  return [...lines, ...(noPage === null ? [] : [`- No page: ${markdownText(noPage)}`])].join("\n");
}

function trainingText({ origin, dataset, description, image }: HandedModel): string {
  const { height, width } = image;
  const title = description === null ? "" : ` (${markdownText(description.title)})`;
  const data = `- Data set: ${markdownText(dataset)}${title}, images of ${height}x${width} pixels`;
  if (origin.kind === "file") return `${data}\n- Of its training nothing is known: it came as an ONNX file.`;
  if (origin.kind === "teacher") {
    const { source, role } = origin.manifest;
    const lines = [
      data,
      `- Made from ${markdownText(source.file)} (${markdownText(source.format)}, SHA-256 ${source.sha256}); of its training nothing more is known.`,
      ...(role === undefined ? [] : [`- Meant as a ${role} teacher`]),
    ];
    return lines.join("\n");
  }
  const trainedOn = origin.description.settings.dataset;
  const other =
    trainedOn === dataset
      ? []
      : [`- Trained on the data set ${markdownText(trainedOn)}, and not on that one`];
  return [data, ...other, ...runLines(origin)].join("\n");
}

function runLines({ description, checkpoint, finished }: RunOrigin): string[] {
  const { settings, inputs } = description;
  const teacher = (name: string | null, sha256: string | null): string =>
    name === null
      ? "none"
      : `${markdownText(name)}${sha256 === null ? "" : ` (SHA-256 ${markdownText(sha256)})`}`;
  return [
    `- Method: ${markdownText(settings.method)}, ${settings.epochs} epochs in batches of ${settings.batchSize}, seed ${settings.seed}${finished ? "" : "; not finished"}`,
    `- Attacked in training within L-infinity ${distanceText(settings.epsilon)}, ${settings.innerSteps} steps, where the method attacks`,
    `- Clean teacher: ${teacher(settings.cleanTeacher, inputs.cleanTeacher)}`,
    `- Robust teacher: ${teacher(settings.robustTeacher, inputs.robustTeacher)}`,
    `- These weights: ${studentChoices[checkpoint]}`,
    ...(settings.limitTrain === null ? [] : [`- Trained on the first ${settings.limitTrain} images alone`]),
    ...(inputs.init
      ? [
          `- Started from ${markdownText(basename(inputs.init.from))} (SHA-256 ${markdownText(inputs.init.sha256)})`,
        ]
      : []),
    `- Data, SHA-256 as mtard packs them: ${markdownText(inputs.data)}`,
  ];
}

function measuredText({ measured, warnings }: HandedModel): string {
  if (measured.length === 0)
    return "Nothing was measured of it, or nothing that is known here: `mtard evaluate` measures it.";
  const rows = measured.map((row) => {
    const { attack, images, accuracy, wRobust } = row;
    const cells = [
      attack === null ? "clean" : under(row),
      String(images),
      shareText(accuracy.share, accuracy),
      wRobust === null ? "" : shareText(wRobust.share, wRobust.interval),
    ];
    return `| ${cells.map(markdownText).join(" | ")} |`;
  });
  const lines = [
    "| attack | images | accuracy, 95% interval | W-Robust, 95% interval |",
    "| --- | ---: | ---: | ---: |",
    ...rows,
    "",
    "Of the first images of the test set. W-Robust is the mean of the clean and the attacked accuracy of the same images. The intervals (Wilson's for accuracies, Student's for W-Robust) are about which images were looked at, not about another training.",
    ...warnings.flatMap((warning) => ["", `**Doubtful:** ${markdownText(warning)}`]),
  ];
  return lines.join("\n");
}

function shareText(share: number, interval: Interval | null): string {
  const percent = (value: number): string => (100 * value).toFixed(1);
  return `${percent(share)}%${interval === null ? "" : ` (${percent(Math.max(0, interval.low))} to ${percent(Math.min(1, interval.high))})`}`;
}

function usageText({ image, dataset, description }: HandedModel, { files }: Contents): string {
  const { height, width } = image;
  const id = shellWord(oneLine(dataset));
  const own = description === null || description.origin.kind === "own";
  const page = files.includes(HANDED_FILES.page) ? `In a browser: open \`${HANDED_FILES.page}\`.\n\n` : "";
  return `${page}In Python, with \`pip install onnxruntime pillow\`:

\`\`\`python
import json
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

classes = json.load(open("${HANDED_FILES.classes}", encoding="utf-8"))
session = onnxruntime.InferenceSession("${HANDED_FILES.onnx}", providers=["CPUExecutionProvider"])


def classify(path):
    """The probability of each class for an image file."""
    image = ImageOps.fit(Image.open(path).convert("RGB"), (${width}, ${height}), Image.LANCZOS)
    pixels = np.asarray(image, dtype=np.float32) / 255  # [0, 1]: the normalisation is inside of the model
    (logits,) = session.run(["logits"], {"images": pixels.transpose(2, 0, 1)[np.newaxis]})
    powers = np.exp(logits[0] - logits[0].max())
    return dict(zip(classes, powers / powers.sum()))


if __name__ == "__main__":
    import sys

    for name, probability in sorted(classify(sys.argv[1]).items(), key=lambda item: -item[1])[:5]:
        print(f"{probability:7.2%}  {name}")
\`\`\`

In mtard${own ? `, where the data set ${markdownText(dataset)} is there` : ""}:

\`\`\`
mtard evaluate ${HANDED_FILES.onnx} --dataset ${id} --attacks pgd-trades --limit 500
mtard teacher import --name NAME --dataset ${id} --onnx ${HANDED_FILES.onnx}
\`\`\``;
}

function limitsOf({ classNames, image, origin, measured }: HandedModel): string[] {
  const attacked = measured.filter(({ attack }) => attack !== null);
  const run = origin.kind === "run" ? origin.description.settings : null;
  return [
    `It answers one of ${classNames.length} classes to any image of ${image.height}x${image.width} pixels, whatever it shows; a high probability is no sign that the image shows such a class.`,
    attacked.length === 0
      ? "Nothing is known of its robustness: no attack on it was measured."
      : "Its robustness was measured against the attacks above, within the distances above. Of larger changes, other distances, rotations, noise, blur or other weather it says nothing.",
    ...ensembleLimit(attacked),
    ...(run?.selection === "test"
      ? [
          "The epoch of these weights was chosen by the accuracy on test images, as in the paper of the method, which flatters the numbers.",
        ]
      : []),
    "It is a small model of research. It should not decide anything that matters.",
    `Made by mtard ${version}.`,
  ];
}

/** Says within which balls AutoAttack was not run, though other attacks were. */
function ensembleLimit(attacked: readonly MeasuredRow[]): string[] {
  const balls = [...new Set(attacked.map(ballText))];
  const ensemble = attacked.filter(({ attack }) => attack === attacks.aa.title).map(ballText);
  const without = balls.filter((ball) => !ensemble.includes(ball));
  if (without.length === 0) return [];
  const where = without.length === balls.length ? "" : ` within ${without.join(" and ")}`;
  return [
    `AutoAttack, a stronger attack than those above, was not run${where}: ${where === "" ? "its" : "there its"} accuracy under attack is at most what is said above.`,
  ];
}
