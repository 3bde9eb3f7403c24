import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeNpz } from "#mtard/weights/npz.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import type { HostTensor } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { importTeacher } from "#mtard/teacher/import.js";
import { fixture } from "../weights/fixtures.js";
import { archivedCifar10, craftedArchive } from "../data/tiny-cifar.js";
import { imageToImage, sineClassifier } from "../onnx/models.js";
import { hasShared, shared } from "../shared.js";
import { contentsOf, mtard, workFolder } from "./mtard.js";

/*
 * Every case runs in a folder of its own with the demo data, two teachers (`ten` for demo, `hundred` for cifar100) and one finished run
 * (`runs/it`). It must end with 2, say what is wrong on at most four lines, and leave that folder as it was, byte for byte.
 */

interface BadCase {
  readonly name: string;
  /** Makes the bad file in the case's folder. */
  readonly make?: (folder: string) => void;
  readonly call: string;
  /** What the error must say. */
  readonly says: readonly (string | RegExp)[];
  /** Needs the real files of shared/. */
  readonly real?: true;
}

const SHAPE = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const RUN = "train --dataset demo --method natural --limit-train 64 --limit-test 20 --epochs 1 --out runs/it";
const IMPORT = "teacher import --name new --dataset cifar10";
const LICENSE = join(import.meta.dirname, "../../LICENSE");
const TEN = "teachers/ten/model.onnx";
/** Longer than a file's name can be. */
const LONG = "x".repeat(300);

/** Random weights of a ResNet-8 as a checkpoint, changed by `edit`. */
function checkpoint(edit: (weights: Map<string, HostTensor>) => void, classes = 10) {
  return (folder: string): void => {
    const network = createNetwork("resnet-8", { ...SHAPE, classes });
    const weights = new Map(initialWeights(network, Random.fromSeed(1)));
    edit(weights);
    writeFileSync(join(folder, "weights.safetensors"), Buffer.concat(encodeSafetensors(weights)));
  };
}

const tensor = (...shape: number[]): HostTensor => ({
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
});

const write = (name: string, content: string | Uint8Array) => (folder: string) =>
  writeFileSync(join(folder, name), content);

/** The first part of a file, under another name if one is given. */
const cut = (from: string, share: number, to = basename(from)) =>
  function make(folder: string): void {
    const bytes = readFileSync(from.startsWith("/") ? from : join(folder, from));
    writeFileSync(join(folder, to), bytes.subarray(0, Math.floor(share * bytes.length)));
  };

/** Changes `settings.json` of the run. */
const settings = (change: Record<string, unknown>) => (folder: string) => {
  const path = join(folder, "runs/it/settings.json");
  const there = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...there, ...change }));
};

const page = "<!DOCTYPE html>\n<html><body>404: Not Found</body></html>\n";

const dataCases: BadCase[] = [
  {
    name: "a truncated archive",
    make: (folder) => cut(archivedCifar10(), 0.6)(folder),
    call: "data cifar10 --from cifar-10-binary.tar.gz",
    says: ["cifar-10-binary.tar.gz is damaged or cut short", "fetch the archive again"],
  },
  {
    name: "the real archive, truncated",
    real: true,
    make: (folder) => cut(shared("data/cifar-10-binary-subset.tar.gz"), 0.1)(folder),
    call: "data cifar10 --from cifar-10-binary-subset.tar.gz",
    says: ["is damaged or cut short"],
  },
  {
    name: "the archive of another data set",
    real: true,
    call: `data cifar10 --from ${shared("data/cifar-100-binary-subset.tar.gz")}`,
    says: ["is not the data set's archive", "data_batch_1.bin"],
  },
  {
    name: "an archive with a wrong checksum",
    make: (folder) => copyFileSync(archivedCifar10(), join(folder, "a.tar.gz")),
    call: `data cifar10 --from a.tar.gz --sha256 ${"0".repeat(64)}`,
    says: ["a.tar.gz has the wrong checksum", /expected +sha256 0{64}/, /found +sha256 [0-9a-f]{64}/],
  },
  {
    name: "an archive with ../ paths",
    make: (folder) => copyFileSync(craftedArchive({ path: "../data_batch_1.bin" }), join(folder, "evil.tar")),
    call: "data cifar10 --from evil.tar",
    says: ["holds a path that leaves its folder"],
  },
  {
    name: "an archive with a link out of its folder",
    make: (folder) =>
      copyFileSync(
        craftedArchive({ path: "cifar-10-batches-bin/data_batch_1.bin", type: "2", linkpath: "/etc/passwd" }),
        join(folder, "evil.tar"),
      ),
    call: "data cifar10 --from evil.tar",
    says: ["evil.tar"],
  },
  {
    name: "a web page as an archive",
    make: write("a.tar.gz", page),
    call: "data cifar10 --from a.tar.gz",
    says: ["a.tar.gz is damaged or cut short"],
  },
  { name: "an archive that is not there", call: "data cifar10 --from no.tar.gz", says: ["no.tar.gz"] },
  { name: "--from for the built-in data set", call: "data demo --from teachers", says: ["takes no --from"] },
  { name: "an unknown data set", call: "data cifar11", says: [/expected +demo, cifar10, cifar100/] },
  {
    name: "--sha256 that is none",
    make: (folder) => copyFileSync(archivedCifar10(), join(folder, "a.tar.gz")),
    call: "data cifar10 --from a.tar.gz --sha256 12",
    says: ["--sha256 is not a sha256", "64 hexadecimal digits"],
  },
];

const importCases: BadCase[] = [
  {
    name: "an HTML page named .th",
    make: write("resnet56.th", page),
    call: `${IMPORT} --network resnet-56 --weights resnet56.th`,
    says: ["resnet56.th", "a web page", "download the file itself"],
  },
  {
    name: "a pickle that calls os.system",
    make: write("evil.pth", "cposix\nsystem\n(S'touch it-ran'\ntR."),
    call: `${IMPORT} --network resnet-8 --weights evil.pth`,
    says: ["evil.pth asks for posix.system, which mtard never runs"],
  },
  {
    name: "a PyTorch zip file that calls os.system",
    make: (folder) => copyFileSync(fixture("system.zip.pth"), join(folder, "evil.pth")),
    call: `${IMPORT} --network resnet-8 --weights evil.pth`,
    says: ["evil.pth asks for posix.system, which mtard never runs"],
  },
  {
    name: "a checkpoint missing a key",
    make: checkpoint((weights) => weights.delete("bn1.weight")),
    call: `${IMPORT} --network resnet-8 --weights weights.safetensors`,
    says: [/weights\.safetensors does not fit resnet-8 .*: 1 missing\n/, /expected +"bn1.weight" \[16\]/],
  },
  {
    name: "a checkpoint with an extra layer",
    make: checkpoint((weights) => weights.set("layer4.0.conv1.weight", tensor(3, 4, 3, 3))),
    call: `${IMPORT} --network resnet-8 --weights weights.safetensors`,
    says: [/does not fit resnet-8 .*: 1 unknown\n/, /found +"layer4.0.conv1.weight" \[3, 4, 3, 3\]/],
  },
  {
    name: "a checkpoint with a wrong shape",
    make: checkpoint((weights) => weights.set("conv1.weight", tensor(16, 3, 5, 5))),
    call: `${IMPORT} --network resnet-8 --weights weights.safetensors`,
    says: [
      /does not fit resnet-8 .*: 1 of another shape\n/,
      /expected +"conv1.weight" \[16, 3, 3, 3\]/,
      /found +"conv1.weight" \[16, 3, 5, 5\]/,
    ],
  },
  {
    name: "a checkpoint with weights that are not finite",
    make: checkpoint((weights) =>
      weights.set("conv1.weight", { shape: [16, 3, 3, 3], data: new Float32Array(432).fill(NaN) }),
    ),
    call: `${IMPORT} --network resnet-8 --weights weights.safetensors`,
    says: ["weights.safetensors"],
  },
  {
    name: "a real checkpoint cut in half",
    real: true,
    make: (folder) => cut(shared("teachers/cifar10-resnet20-robust.pth"), 0.5)(folder),
    call: `${IMPORT} --network resnet-20 --weights cifar10-resnet20-robust.pth`,
    says: ["is damaged or cut short"],
  },
  {
    name: "a real checkpoint of another network",
    real: true,
    call: `${IMPORT} --network resnet-20 --weights ${shared("teachers/cifar10-resnet56.th")}`,
    says: ["does not fit resnet-20", "unknown"],
  },
  {
    name: "a real checkpoint with 100 outputs for a 10-class data set",
    real: true,
    call: `${IMPORT} --network resnet-56 --weights ${shared("teachers/cifar100-resnet56.pth")}`,
    says: [/expected +"fc.weight" \[10, 64\]/, /found +"fc.weight" \[100, 64\]/],
  },
  {
    name: "an ONNX teacher with 100 outputs for a 10-class data set",
    call: `${IMPORT} --onnx teachers/hundred/model.onnx`,
    says: ["answers 100 classes, but cifar10 has 10"],
  },
  {
    name: "a real ONNX teacher with 100 outputs for a 10-class data set",
    real: true,
    call: `${IMPORT} --onnx ${shared("teachers/cifar100-resnet20-robust.onnx")}`,
    says: ["answers 100 classes, but cifar10 has 10"],
  },
  {
    name: "an ONNX file cut in half",
    make: (folder) => cut(TEN, 0.5, "half.onnx")(folder),
    call: `${IMPORT} --onnx half.onnx`,
    says: ["half.onnx is not a whole ONNX model"],
  },
  {
    name: "a real ONNX file cut in half",
    real: true,
    make: (folder) => cut(shared("teachers/cifar10-cnn-robust.onnx"), 0.5)(folder),
    call: `${IMPORT} --onnx cifar10-cnn-robust.onnx`,
    says: ["cifar10-cnn-robust.onnx is not a whole ONNX model"],
  },
  {
    name: "a web page as an ONNX file",
    make: write("page.onnx", page),
    call: `${IMPORT} --onnx page.onnx`,
    says: ["a web page"],
  },
  {
    name: "an ONNX file that is not there",
    call: `${IMPORT} --onnx no.onnx`,
    says: ["there is no file no.onnx"],
  },
  { name: "no source", call: IMPORT, says: ["nothing to import was named", "--onnx FILE"] },
  {
    name: "two sources",
    call: `${IMPORT} --onnx ${TEN} --network resnet-8 --weights w`,
    says: ["--onnx and --network are mutually exclusive"],
  },
  {
    name: "an unknown network",
    call: `${IMPORT} --network resnet-57 --weights w`,
    says: ['there can be no network "resnet-57"', "6n + 2"],
  },
  {
    name: "a mean without a deviation",
    call: `${IMPORT} --onnx ${TEN} --mean 1,1,1`,
    says: ["needs both --mean and --std"],
  },
  {
    name: "a mean that is no list of numbers",
    call: `${IMPORT} --onnx ${TEN} --mean 1,x,1 --std 1,1,1`,
    says: ["--mean is not a list of numbers", "1,x,1"],
  },
  {
    name: "an unknown layout",
    call: `${IMPORT} --onnx ${TEN} --layout chwn`,
    says: ["--layout is wrong", '"nchw" or "nhwc"', '"chwn"'],
  },
  {
    name: "a name with a path",
    call: `teacher import --name ../it --dataset cifar10 --onnx ${TEN}`,
    says: ['"../it" cannot be a teacher\'s name'],
  },
  {
    name: "a name that is taken",
    call: `teacher import --name ten --dataset demo --onnx ${TEN}`,
    says: ['there is a teacher "ten" already', "--force"],
  },
];

const teacherCases: BadCase[] = [
  { name: "an unknown teacher", call: "teacher check nobody", says: ['no teacher "nobody"', "ten"] },
  {
    name: "a teacher whose model is not the manifest's",
    make: (folder) => cut(TEN, 0.5, TEN)(folder),
    call: "teacher check ten",
    says: ["is not the model its manifest describes", "sha256"],
  },
  {
    name: "a damaged manifest",
    make: write("teachers/ten/teacher.json", "{"),
    call: "teacher show ten",
    says: ["teacher.json is not a usable teacher manifest"],
  },
  {
    name: "a lone ONNX file to show",
    make: (folder) => copyFileSync(join(folder, TEN), join(folder, "lone.onnx")),
    call: "teacher show lone.onnx",
    says: ["lone.onnx has no manifest to show", /found +a lone ONNX file\n/, "mtard teacher import --name"],
  },
  {
    name: "the ONNX file of a teacher to show",
    call: `teacher show ${TEN}`,
    says: [`${TEN} has no manifest to show`, /try +mtard teacher show teachers\/ten\n/],
  },
  {
    name: "an ONNX file that is not there, to show",
    call: "teacher show nothing.onnx",
    says: ["nothing.onnx has no manifest to show", /found +nothing of that name\n/],
  },
  {
    name: "a name too long for a file",
    call: `teacher check ${LONG}`,
    says: [`no teacher "${LONG}"`, /found +nothing of that name\n/],
  },
  { name: "a limit of 0", call: "teacher check ten --limit 0", says: ["--limit is wrong"] },
  {
    name: "an attack limit of 0",
    call: "teacher check ten --attack-limit 0",
    says: ["--attack-limit is wrong", "1"],
  },
  {
    name: "an unknown attack",
    call: "teacher check ten --attacks foo",
    says: ['unknown attack "foo"', "pgd-sat"],
  },
  {
    name: "an unknown role",
    call: "teacher list --role strong",
    says: ["--role is wrong", /expected +"clean" or "robust"/],
  },
  {
    name: "a teacher nobody described",
    call: "teacher fetch nobody",
    says: ['no published model is called "nobody"', "mtard teacher list", "mtard teacher import"],
  },
  {
    name: "a teacher whose name is nearly right",
    call: "teacher fetch cifar10-resnet-57",
    says: ['no published model is called "cifar10-resnet-57"', "did you mean cifar10-resnet-56?"],
  },
  {
    name: "a model of RobustBench of another architecture",
    call: "teacher fetch robustbench:cifar10/Linf/Wong2020Fast",
    says: ["a network that mtard does not have", "shortcuts begin before the first activation"],
  },
  {
    name: "a model that RobustBench has several of",
    call: "teacher fetch Wu2020Adversarial",
    says: ["has several models", "robustbench:cifar10/L2/Wu2020Adversarial, robustbench:cifar100/Linf/"],
  },
  {
    name: "an address by which anybody could answer",
    call: "teacher fetch http://example.org/a.pt --name a --dataset cifar10",
    says: ["is not an address to fetch from", /expected +https:/],
  },
  {
    name: "an address of which nothing is said",
    call: "teacher fetch hf:owner/name/file.pt",
    says: ["nothing is known of what is at an address", /found +no --name, no --dataset/],
  },
  {
    name: "half an address on Hugging Face",
    call: "teacher fetch hf:owner/name --name a --dataset cifar10",
    says: ["names no file on Hugging Face", /expected +hf:owner\/name\/file/],
  },
  {
    name: "a described teacher described again",
    call: "teacher fetch cifar10-resnet-56 --network resnet-20",
    says: ["is described already", /found +--network\n/],
  },
  {
    name: "an address whose network cannot be",
    call: "teacher fetch hf:owner/name/file.pt --name a --dataset cifar10 --network resnet-21",
    says: ['there can be no network "resnet-21"'],
  },
  {
    name: "a size that is none",
    call: "teacher fetch cifar10-resnet-56 --max-size 0",
    says: ["--max-size is wrong"],
  },
  {
    name: "a checksum that is none",
    call: "teacher fetch hf:owner/name/file.pt --name a --dataset cifar10 --sha256 12",
    says: ["--sha256 is not a SHA-256"],
  },
  {
    name: "a teacher that was never published",
    call: "teacher fetch cifar10-wide-resnet-34-10-c",
    says: ["was never published", "mtard train --dataset cifar10 --method natural", "mtard teacher fetch"],
  },
  {
    name: "another file than the published one",
    call: `teacher fetch cifar10-wide-resnet-34-10 --from ${LICENSE}`,
    says: ["is not model_cifar_wrn.pt, the published file", /expected +sha256 2ede52bd/],
  },
  {
    name: "a described teacher that is not here",
    call: "teacher check cifar100-wide-resnet-70-16",
    says: ["is described, but not in the store", /try +mtard teacher fetch cifar100-wide-resnet-70-16\n/],
  },
  { name: "no action", call: "teacher", says: ["fetch, import, list, show, check"] },
  { name: "an unknown action", call: "teacher frobnicate", says: ['unknown command "teacher frobnicate"'] },
];

const wholeNumber = /expected +a whole number from 1\n/;
const NEW = "train --dataset demo --method natural --out runs/new";

const trainCases: BadCase[] = [
  { name: "no data set", call: "train", says: ["--dataset is missing", "mtard train --help"] },
  { name: "an unknown data set", call: "train --dataset mnist", says: ['no data set "mnist"'] },
  {
    name: "a data set that is not prepared",
    call: "train --dataset cifar10 --method natural",
    says: ["data set cifar10 is not there yet", "mtard data cifar10"],
  },
  {
    name: "an unknown method",
    call: "train --dataset demo --method b-mtrad",
    says: ['unknown method "b-mtrad"; did you mean "b-mtard"?\n', /expected +one of natural, sat, .*b-mtard/],
  },
  {
    name: "an unknown student",
    call: `${NEW} --student resnet-9`,
    says: ['there can be no network "resnet-9"', "6n + 2"],
  },
  {
    name: "a negative batch size",
    call: `${NEW} --batch-size -4`,
    says: ["--batch-size is wrong", wholeNumber, /found +-4\n/],
  },
  {
    name: "a negative batch size with --set",
    call: `${NEW} --set batchSize=-1`,
    says: ["--set batchSize is wrong", wholeNumber, /found +-1\n/],
  },
  { name: "no epochs", call: `${NEW} --epochs 0`, says: ["--epochs is wrong", wholeNumber, /found +0\n/] },
  { name: "an option without its value", call: `${NEW} --epochs`, says: ["--epochs lacks its value"] },
  {
    name: "an option given twice",
    call: `${NEW} --epochs 2 --epochs 3`,
    says: ["--epochs is given 2 times", "2 and 3"],
  },
  { name: "a negative seed", call: `${NEW} --seed -1`, says: ["--seed is wrong", /found +-1\n/] },
  { name: "a negative limit", call: `${NEW} --limit-test -3`, says: ["--limit-test is wrong", wholeNumber] },
  {
    name: "minutes in words",
    call: `${NEW} --checkpoint-minutes often`,
    says: ["--checkpoint-minutes is wrong", /found +often\n/],
  },
  { name: "an unknown setting", call: `${NEW} --set nosuch=1`, says: ["nosuch=1 names no setting", "beta"] },
  {
    name: "a setting of another kind",
    call: `${NEW} --set milestones=soon`,
    says: ["--set milestones is wrong", "a list of epochs", /found +soon\n/],
  },
  {
    name: "an epsilon that forgot /255",
    call: `${NEW} --set epsilon=8`,
    says: ["--set epsilon is wrong", "8/255"],
  },
  {
    name: "a setting that is an option",
    call: `${NEW} --set seed=1`,
    says: ["--set does not change seed", /try +--seed 1\n/],
  },
  {
    name: "more held out than there is",
    call: `${NEW} --limit-train 64 --set selection=held-out`,
    says: ["nothing is left to train on"],
  },
  { name: "an unknown device", call: `${NEW} --device tpu`, says: ['unknown device "tpu"', "--device tpu"] },
  {
    name: "no teacher for a method that needs one",
    call: "train --dataset cifar10",
    says: [
      "no clean and no robust teacher is named",
      "--clean-teacher",
      "mtard teacher fetch cifar10-resnet-56-mtard (or mtard teacher fetch cifar10-resnet-56, which is another)",
    ],
  },
  {
    name: "an unknown teacher",
    call: "train --dataset demo --clean-teacher ten --robust-teacher nobody",
    says: ['there is no teacher "nobody"', "ten"],
  },
  {
    name: "a described teacher that is not here",
    call: "train --dataset demo --clean-teacher cifar10-resnet-56 --robust-teacher ten",
    says: [
      '"cifar10-resnet-56" is described, but not in the store',
      /try +mtard teacher fetch cifar10-resnet-56\n/,
    ],
  },
  {
    name: "a teacher with 100 outputs for a 10-class data set",
    call: "train --dataset demo --clean-teacher ten --robust-teacher hundred",
    says: [
      'teacher "hundred" answers 100 classes, but demo has 10',
      "a teacher for demo",
      'teacher.json says dataset "cifar100"',
      "mtard teacher list --dataset demo",
    ],
  },
  {
    name: "an .onnx file with 100 outputs as a teacher for a 10-class data set",
    call: "train --dataset demo --clean-teacher teachers/hundred/model.onnx --robust-teacher ten",
    says: ["answers 100 classes, but demo has 10"],
  },
  {
    name: "a file where the run directory should be",
    call: `train --dataset demo --method natural --out ${TEN}`,
    says: ["model.onnx cannot be a run directory"],
  },
];

const runCases: BadCase[] = [
  {
    name: "a run directory from other settings",
    call: `${RUN} --seed 1 --batch-size 32`,
    says: [
      "runs/it holds a run of other settings",
      /expected +seed 1, batchSize 32\n/,
      /found +seed 0, batchSize 64\n/,
    ],
  },
  {
    name: "a run directory from other settings, to resume",
    call: `${RUN} --set learningRate=0.2 --resume`,
    says: ["runs/it holds a run of other settings", "learningRate 0.2", "learningRate 0.1"],
  },
  { name: "a run that is there, without --resume", call: RUN, says: ["already holds this run", "--resume"] },
  {
    name: "damaged settings",
    make: write("runs/it/settings.json", '{"dataset": "demo",'),
    call: `${RUN} --resume`,
    says: ["runs/it/settings.json cannot be read as a run's settings", "JSON"],
  },
  {
    name: "settings that are no object",
    make: write("runs/it/settings.json", "[1, 2]"),
    call: "evaluate runs/it",
    says: ["runs/it/settings.json cannot be read as a run's settings", /and \d+ more/],
  },
  {
    name: "a setting out of range",
    make: settings({ batchSize: -1, nosuch: "\u001b[2J" }),
    call: "evaluate runs/it",
    says: [
      /expected +batchSize: a whole number from 1; no setting nosuch\n/,
      /found +batchSize: -1; nosuch: /,
    ],
  },
  {
    name: "a student that no version knows",
    make: settings({ student: "resnet-9" }),
    call: "evaluate runs/it",
    says: ['there can be no network "resnet-9"'],
  },
  {
    name: "a cut checkpoint, to resume",
    make: bothCheckpoints((path) => truncateSync(path, 100_000)),
    call: `${RUN} --resume`,
    says: ["runs/it/last.safetensors is not a whole checkpoint of this run", "--out in another folder"],
  },
  {
    name: "a checkpoint of something else, to resume",
    make: checkpointOfSomethingElse,
    call: `${RUN} --resume`,
    says: ["is not a whole checkpoint of this run", "the state of the run is missing or wrong"],
  },
  {
    name: "cut metrics, to resume",
    make: (folder) => truncateSync(join(folder, "runs/it/metrics.jsonl"), 10),
    call: `${RUN} --resume`,
    says: ["runs/it/metrics.jsonl is not as the run's checkpoint left it", /found +10 bytes, not the \d+/],
  },
  {
    name: "a cut best student, to export",
    make: (folder) => truncateSync(join(folder, "runs/it/best.safetensors"), 100_000),
    call: "export runs/it --to onnx --out student.onnx",
    says: ["runs/it/best.safetensors is damaged or cut short", "--checkpoint last"],
  },
  {
    name: "a best student of another shape",
    make: (folder) => {
      checkpoint(() => undefined, 100)(folder);
      copyFileSync(join(folder, "weights.safetensors"), join(folder, "runs/it/best.safetensors"));
    },
    call: "evaluate runs/it",
    says: ["runs/it/best.safetensors does not fit resnet-8", "2 of another shape"],
  },
];

/** Damages the last checkpoint and the one before it, which would take its place. */
function bothCheckpoints(damage: (path: string) => void): (folder: string) => void {
  return (folder) => {
    for (const name of ["last", "previous"]) damage(join(folder, `runs/it/${name}.safetensors`));
  };
}

function checkpointOfSomethingElse(folder: string): void {
  bothCheckpoints((path) => copyFileSync(join(folder, "runs/it/best.safetensors"), path))(folder);
}

const evaluateCases: BadCase[] = [
  { name: "no model", call: "evaluate", says: ["an argument is missing", "mtard evaluate <model>"] },
  {
    name: "an unknown model",
    call: "evaluate nothing",
    says: ['"nothing" is neither a run, nor a teacher, nor an .onnx file', "hundred, ten"],
  },
  {
    name: "a name too long for a file",
    call: `evaluate ${LONG}`,
    says: ["is neither a run, nor a teacher, nor an .onnx file", /found +nothing of that name\n/],
  },
  {
    name: "an ONNX file whose name is too long",
    call: `evaluate ${LONG}.onnx`,
    says: [`cannot read ${LONG}.onnx`, "check the path"],
  },
  {
    name: "an ONNX file below a file",
    call: `evaluate ${TEN}/x.onnx`,
    says: [`cannot read ${TEN}/x.onnx`, "check the path"],
  },
  {
    name: "a folder below a file",
    call: `evaluate ${TEN}/x`,
    says: ["is neither a run, nor a teacher, nor an .onnx file", /found +nothing of that name\n/],
  },
  {
    name: "a folder that is no run",
    call: "evaluate runs",
    says: ['"runs" is neither a run', "a folder without settings.json or teacher.json"],
  },
  {
    name: "a file that is no model",
    call: "evaluate runs/it/best.safetensors",
    says: ["best.safetensors is not an ONNX model", "a safetensors file", "mtard teacher import"],
  },
  {
    name: "an ONNX file cut in half",
    make: (folder) => cut(TEN, 0.5, "half.onnx")(folder),
    call: "evaluate half.onnx",
    says: ["half.onnx is not a whole ONNX model"],
  },
  {
    name: "an ONNX file with 100 outputs for a 10-class data set",
    call: "evaluate teachers/hundred/model.onnx --dataset demo --attacks none",
    says: ["answers 100 classes, but demo has 10"],
  },
  {
    name: "an ONNX file that does not name its data set",
    real: true,
    call: `evaluate ${shared("teachers/cifar10-cnn-robust.onnx")}`,
    says: ["does not say what it classifies", "--dataset"],
  },
  {
    name: "attacks on an ONNX graph with an operator that has no gradient",
    make: write("sine.onnx", sineClassifier()),
    call: "evaluate sine.onnx --dataset demo --attacks fgsm",
    says: ['no gradient of Sin, node "waves"', "need no gradient: square, rays"],
  },
  {
    name: "an unknown attack",
    call: "evaluate ten --attacks foo",
    says: ['unknown attack "foo"', "pgd-sat"],
  },
  { name: "a negative epsilon", call: "evaluate ten --eps -1", says: ["--eps is wrong", /found +-1\n/] },
  { name: "an epsilon in words", call: "evaluate ten --eps abc", says: ["--eps is wrong", /found +abc\n/] },
  { name: "a limit of 0", call: "evaluate ten --limit 0", says: ["--limit is wrong", wholeNumber] },
  { name: "a negative limit", call: "evaluate ten --limit -3", says: ["--limit is wrong", /found +-3\n/] },
  { name: "a seed in words", call: "evaluate ten --seed abc", says: ["--seed is wrong", /found +abc\n/] },
  { name: "an unknown device", call: "evaluate ten --device tpu", says: ['unknown device "tpu"'] },
  {
    name: "an unknown checkpoint",
    call: "evaluate runs/it --checkpoint first",
    says: ["--checkpoint is wrong", '"best" or "last"', '"first"'],
  },
  {
    name: "a data set that is not prepared",
    call: "evaluate runs/it --dataset cifar10",
    says: ["data set cifar10 is not there yet", "mtard data cifar10"],
  },
  {
    name: "an ONNX file that answers an image in place of logits",
    make: write("map.onnx", imageToImage()),
    call: "evaluate map.onnx --dataset demo --attacks fgsm",
    says: ["map.onnx", /10/],
  },
  {
    name: "a label that is no class",
    make: damagedLabel,
    call: "evaluate ten --attacks fgsm --save-adversarial adversarial.npz",
    says: ["image 5 has a label that is no class", /expected +a whole number from 0 to 9\n/, /found +200\n/],
  },
  { name: "another norm", call: "evaluate ten --norm l1", says: ["--norm is wrong", '"linf" or "l2"'] },
  { name: "no steps", call: "evaluate ten --steps 0", says: ["--steps is wrong", wholeNumber] },
  { name: "half a query", call: "evaluate ten --queries 1.5", says: ["--queries is wrong", wholeNumber] },
  {
    name: "no class to aim at",
    call: "evaluate ten --attacks apgd-t --target-classes 0",
    says: ["--target-classes is wrong", wholeNumber],
  },
  {
    name: "classes to aim at for an attack that aims at none",
    call: "evaluate ten --attacks square --target-classes 3",
    says: ["--target-classes changes none of the attacks", /expected +one of apgd-t, fab-t, aa\n/],
  },
  {
    name: "no run at all",
    call: "evaluate ten --restarts 0",
    says: ["--restarts is wrong", "a whole number from 1 to 10000"],
  },
  {
    name: "more runs than anybody waits for",
    call: "evaluate ten --restarts 10001",
    says: ["--restarts is wrong", "a whole number from 1 to 10000"],
  },
  {
    name: "a step size below 0",
    call: "evaluate ten --step-size -2/255",
    says: ["--step-size is wrong", "-2/255"],
  },
  {
    name: "steps for attacks without any",
    call: "evaluate ten --attacks fgsm --steps 3",
    says: ["--steps changes none of the attacks", /expected +one of pgd-sat, /, /found +fgsm\n/],
  },
  {
    name: "a transfer attack without a surrogate",
    call: "evaluate ten --attacks fgsm,transfer-pgd-trades",
    says: ["transfer-pgd-trades needs another classifier", "--surrogate"],
  },
  {
    name: "a surrogate for another data set",
    call: "evaluate ten --attacks transfer-pgd-trades --surrogate hundred",
    says: ["--surrogate: ", "hundred", "demo"],
  },
  {
    name: "a surrogate that is not there",
    call: "evaluate ten --attacks transfer-pgd-trades --surrogate nobody",
    says: ["--surrogate: ", "nobody"],
  },
  {
    name: "a surrogate for no transfer attack",
    call: "evaluate ten --attacks fgsm --surrogate ten",
    says: ["--surrogate is for transfer attacks", "transfer-pgd-trades"],
  },
  {
    name: "an evaluation to go on with and to make anew",
    call: "evaluate ten --attacks fgsm --resume --again",
    says: ["--again and --resume are mutually exclusive"],
  },
  {
    name: "an evaluation written onto a folder",
    call: "evaluate ten --out runs",
    says: ["runs is a folder"],
  },
];

/** Gives the sixth test image of the demo data the label 200, in a store whose fingerprint is right. */
function damagedLabel(folder: string): void {
  const store = join(folder, "data/demo");
  const record = JSON.parse(readFileSync(join(work.path, "data/demo/store.json"), "utf8")) as {
    train: number;
    test: number;
  };
  rmSync(store);
  cpSync(join(work.path, "data/demo"), store, { recursive: true });
  const [train, test] = ["train", "test"].map((split) => readFileSync(join(store, `${split}.bin`)));
  if (!train || !test) throw new Error("no store");
  test[record.test * 3072 + 5] = 200;
  const hash = createHash("sha256").update(`demo 32x32x3 ${record.train} ${record.test}\n`);
  const fingerprint = hash.update(train).update(test).digest("hex");
  writeFileSync(join(store, "test.bin"), test);
  writeFileSync(join(store, "store.json"), JSON.stringify({ ...record, fingerprint }));
}

const npz = (arrays: Record<string, HostTensor>) =>
  Buffer.concat([
    ...encodeNpz(
      Object.entries(arrays).map(([name, { shape, data }]) => [name, { shape, read: () => data }] as const),
    ),
  ]);
const brightImage = { shape: [1, 32, 32, 3], data: new Float32Array(3072).fill(128) };

const attackCases: BadCase[] = [
  { name: "no model", call: "attack", says: ["an argument is missing", "mtard attack <model>"] },
  { name: "an unknown attack", call: "attack ten --attack foo", says: ['unknown attack "foo"'] },
  { name: "two attacks", call: "attack ten --attack fgsm,pgd-sat", says: ["--attack takes one attack"] },
  { name: "too many images", call: "attack ten --limit 65", says: ["--limit is wrong", "1 to 64"] },
  {
    name: "a place beyond the last",
    call: "attack ten --index 3,1000",
    says: ["there is no test image 1000", "0 to 999"],
  },
  { name: "a place in words", call: "attack ten --index 3,x", says: ["--index is wrong", /found +x\n/] },
  {
    name: "places and a number of images",
    call: "attack ten --index 3 --limit 2",
    says: ["--index and --limit are mutually exclusive"],
  },
  { name: "images that are not there", call: "attack ten --images no.npz", says: ["no.npz"] },
  {
    name: "images outside [0, 1]",
    make: write("bright.npz", npz({ images: brightImage, labels: tensor(1) })),
    call: "attack ten --images bright.npz",
    says: ["image 0 of bright.npz has a pixel value outside [0, 1]", /found +128\n/, "divide by 255"],
  },
  {
    name: "images of another size",
    make: write("small.npz", npz({ images: tensor(2, 28, 28, 1), labels: tensor(2) })),
    call: "attack ten --images small.npz",
    says: ["does not hold images and their labels", "images [N, 32, 32, 3]", "images [2, 28, 28, 1]"],
  },
  {
    name: "images without labels",
    make: write("alone.npz", npz({ images: tensor(2, 32, 32, 3) })),
    call: "attack ten --images alone.npz",
    says: ["does not hold images and their labels"],
  },
  {
    name: "a label that is no class",
    make: write(
      "label.npz",
      npz({ images: tensor(1, 32, 32, 3), labels: { shape: [1], data: Float32Array.of(10) } }),
    ),
    call: "attack ten --images label.npz",
    says: ["image 0 has a label that is no class", /found +10\n/],
  },
];

const otherCases: BadCase[] = [
  { name: "no command", call: "--data-dir elsewhere", says: ["name a command", "mtard --help"] },
  { name: "an unknown command", call: "frobnicate", says: ['unknown command "frobnicate"', "evaluate"] },
  { name: "a misspelt command", call: "trian", says: ['command "trian"; did you mean "train"?\n'] },
  { name: "a misspelt action", call: "teacher lst", says: ['"teacher lst"; did you mean "list"?\n'] },
  { name: "help for a misspelt command", call: "help evalaute", says: ['did you mean "evaluate"?\n'] },
  { name: "a misspelt option", call: "doctor --jsno", says: ['--jsno; did you mean "--json"?\n'] },
  {
    name: "a misspelt option that is needed",
    call: "train --dataste demo",
    says: ['unknown argument: --dataste; did you mean "--dataset"?\n'],
  },
  { name: "a misspelt data set", call: "data dmeo", says: ['"dmeo"; did you mean "demo"?\n'] },
  {
    name: "a misspelt network",
    call: "recipe show --dataset demo --student resnet18",
    says: ['"resnet18"; did you mean "resnet-18"?\n'],
  },
  { name: "a misspelt setting", call: `${NEW} --set bata=1`, says: ['did you mean "beta"?\n'] },
  { name: "a misspelt budget", call: "table 3 --budget smok", says: ['"smok"; did you mean "smoke"?\n'] },
  { name: "a misspelt attack", call: "evaluate ten --attacks pgd-sta", says: ['did you mean "pgd-sat"?\n'] },
  { name: "a misspelt teacher", call: "evaluate tne", says: ['.onnx file; did you mean "ten"?\n'] },
  {
    name: "a misspelt described teacher",
    call: "teacher show cifar10-resnet56",
    says: ['"cifar10-resnet56"; did you mean "cifar10-resnet-56"?\n'],
  },
  { name: "an unknown option", call: "doctor --nosuch", says: ["unknown argument: --nosuch\n"] },
  { name: "an argument too many", call: "data demo extra", says: ["unknown argument: extra\n"] },
  {
    name: "an export of a folder that is no run",
    call: "export runs --to onnx --out student.onnx",
    says: ['"runs" is neither a run'],
  },
  { name: "an export to no file", call: "export runs/it --to onnx", says: ["--out is missing"] },
  {
    name: "an export onto a folder",
    call: "export runs/it --to npz --out runs",
    says: ["runs is a folder", "name the file in it: runs/model.npz"],
  },
  {
    name: "an export to a folder with other files",
    call: "export runs/it --out runs",
    says: ["runs is there already, and is no earlier export alone", '"it" in it'],
  },
  {
    name: "a licence for a single file",
    call: "export runs/it --to onnx --out student.onnx --license mit",
    says: ["--license is for an export to a folder", "--to onnx"],
  },
  {
    name: "an export below a file",
    make: write("student", "x"),
    call: "export runs/it --to onnx --out student/model.onnx",
    says: ["student is a file"],
  },
  {
    name: "an export of a foreign ONNX graph",
    real: true,
    make: (folder) => copyFileSync(shared("teachers/cifar10-cnn-robust.onnx"), join(folder, "cnn.onnx")),
    call: "export cnn.onnx --to onnx --out student.onnx",
    says: ["cnn.onnx"],
  },
];

const work = workFolder();
afterAll(() => work.remove());

const template = join(work.path, "template");

beforeAll(async () => {
  mkdirSync(template);
  await prepareDataset("demo", join(work.path, "data"));
  // Only the packed data set is shared: what a case packs, and its lock, is its own.
  mkdirSync(join(template, "data"));
  symlinkSync(join(work.path, "data/demo"), join(template, "data/demo"));
  for (const [name, dataset, classes] of [
    ["ten", "demo", 10],
    ["hundred", "cifar100", 100],
  ] as const) {
    checkpoint(() => undefined, classes)(work.path);
    await importTeacher({
      name,
      dataset: { name: dataset, ...SHAPE, classes },
      from: { kind: "weights", path: join(work.path, "weights.safetensors"), network: "resnet-8" },
      teachersDir: join(template, "teachers"),
    });
  }
  expect(await mtard(RUN.split(" "), template)).toMatchObject({ code: 0 });
});

/** Two processes at a time: more would only wait for each other. */
const lanes = [Promise.resolve(), Promise.resolve()];
let turn = 0;
function inLane<T>(task: () => Promise<T>): Promise<T> {
  const lane = turn++ % lanes.length;
  const result = (lanes[lane] ?? Promise.resolve()).then(task);
  lanes[lane] = result.then(
    () => undefined,
    () => undefined,
  );
  return result;
}

let made = 0;

/** Runs a case, and checks all that must hold of every one. */
async function refused({ make, call, says }: BadCase, ...more: string[]) {
  const folder = join(work.path, `case-${made++}`);
  cpSync(template, folder, { recursive: true, verbatimSymlinks: true });
  make?.(folder);
  const before = contentsOf(folder);
  const ended = await inLane(() => mtard([...call.split(" ").filter(Boolean), ...more], folder));
  const after = contentsOf(folder);

  const lines = ended.stderr.trimEnd().split("\n");
  const begin = lines.findIndex((line) => line.startsWith("error: "));
  expect(ended.stderr).toMatch(/^error: /m);
  expect(ended.code, ended.stderr).toBe(2);
  // Only what a command had begun may be said before the error.
  expect(
    lines
      .slice(0, begin)
      .filter(
        (line) =>
          !/^cifar10: (checking|unpacking)|^\S+ on cpu \(|^trying \S+ in a process of its own$/.test(line),
      ),
  ).toEqual([]);
  const report = lines.slice(begin);
  expect(report.length).toBeLessThanOrEqual(4);
  expect(report.slice(1).filter((line) => !/^ {2}(expected|found|try) +\S/.test(line))).toEqual([]);
  expect(ended.stderr).not.toMatch(/\n +at |node:internal/);
  expect(ended.stderr).not.toContain("\u001b");
  expect(report.at(-1), "what to do").toMatch(/^ {2}try /);
  for (const words of says) expect(ended.stderr).toMatch(words);
  expect(after).toEqual(before);
  return ended;
}

describe.concurrent.each([
  ["mtard data", dataCases],
  ["mtard teacher import", importCases],
  ["mtard teacher", teacherCases],
  ["mtard train", trainCases],
  ["a run directory", runCases],
  ["mtard evaluate", evaluateCases],
  ["mtard attack", attackCases],
  ["mtard", otherCases],
] as const)("%s refuses with exit code 2 and leaves nothing behind", (_, cases) => {
  for (const bad of cases) {
    it.skipIf(bad.real === true && !hasShared)(bad.name, async () => {
      const { stdout } = await refused(bad);
      expect(stdout).toBe("");
    });
  }
});

describe("an error", () => {
  const [bad] = runCases as [BadCase];

  it("is one JSON object on stdout with --json", async () => {
    const { stdout, stderr } = await refused(bad, "--json");
    expect(JSON.parse(stdout)).toEqual({
      error: {
        message: "runs/it holds a run of other settings",
        expected: "seed 1, batchSize 32",
        found: "seed 0, batchSize 64",
        fix: expect.stringContaining("--out") as string,
      },
    });
    expect(stderr).toMatch(/^error: runs\/it holds/);
  });

  it("shows where it came from with --verbose only", async () => {
    const { code, stderr } = await mtard("train --dataset mnist --verbose".split(" "), template);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: there is no data set "mnist"\n(.*\n)*InputError: .*\n +at /);
  });
});
