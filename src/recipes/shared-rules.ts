import type { Rule } from "./rule.js";

/** Rules for every training, unless a later rule says otherwise. */
export const sharedRules: readonly Rule[] = [
  {
    source: "B-MTARD, section 4.1",
    settings: {
      epochs: 300,
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      weightDecay: 2e-4,
      milestones: [215, 260, 285],
      epsilon: 8 / 255,
      evaluationEpsilon: 8 / 255,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      innerStart: 0.001,
      weightRate: 0.025,
      beta: 1,
      temperatureRate: 0.001,
      initialTemperature: 1,
    },
  },
  {
    source: "zhaoshiji123/MTARD-extension, resnet18_mtard_cifar10.py",
    settings: {
      nesterov: false,
      augmentation: true,
      innerMode: "inference",
      klScale: 1,
      selection: "test",
      evaluateEvery: 20,
      evaluationBatch: 128,
      cropPadding: 4,
    },
  },
  {
    source: "zhaoshiji123/MTARD-extension, resnet18_mtard_cifar10.py, and MTARD's mtard_loss.py: attack_pgd",
    settings: { evaluationWrongWhenClean: "final-answer", evaluationUniformStart: "clamped" },
  },
  {
    source: "mtard's choice: no averaged weights, as B-MTARD names none; such as 0.995 keeps them",
    settings: { ema: 0 },
  },
  {
    source: "mtard's choice",
    settings: {
      heldOut: 1000,
      alpha: 0.5,
      temperature: 1,
      classTemperatures: "separate",
      lossClip: 0,
      guidance: "shared",
      precision: "float32",
      attackPrecision: "float32",
      teacherPrecision: "float32",
    },
  },
  {
    datasets: ["cifar100"],
    source: "zhaoshiji123/MTARD, mtard_resnet18_cifar100.py; zibojia/RSLAD, resnet18_rslad_cifar100.py",
    settings: { klScale: 10 },
  },
  {
    datasets: ["tiny-imagenet"],
    source: "classes / 10, as RSLAD's README explains its 10 on CIFAR-100; B-MTARD does not say",
    settings: { klScale: 20 },
  },
  {
    methods: ["baseline-ebb", "b-mtard"],
    datasets: ["cifar10"],
    students: ["mobilenet-v2"],
    source: "B-MTARD, section 4.1",
    settings: { initialTemperature: 2 },
  },
];

/** Rules for the data sets other than CIFAR; they override the compared methods' rules, most of which come from CIFAR scripts. */
export const datasetRules: readonly Rule[] = [
  {
    datasets: ["tiny-imagenet"],
    source: "B-MTARD, section 4.1",
    settings: { epochs: 100, milestones: [75, 90], batchSize: 32 },
  },
  {
    datasets: ["tiny-imagenet"],
    source: "mtard's choice: an eighth of the side, as the scripts' 4 of 32; B-MTARD does not say",
    settings: { cropPadding: 8 },
  },
  {
    datasets: ["tiny-imagenet"],
    methods: ["sat", "score"],
    source: "B-MTARD, section 4.1",
    settings: { learningRate: 0.01 },
  },
  {
    datasets: ["demo"],
    source: "mtard's choice: minutes on two cores",
    settings: {
      epochs: 6,
      batchSize: 64,
      milestones: [4],
      // As in the authors' CIFAR-100 scripts; it makes the most of few steps.
      klScale: 10,
      // Of 2/255 each: enough to cross the whole of 8/255.
      innerSteps: 5,
      heldOut: 400,
      evaluateEvery: 6,
      evaluationBatch: 250,
      cropPadding: null,
    },
  },
];
