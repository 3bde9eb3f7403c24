import type { Rule } from "./rule.js";

const ARD = "goldblum/AdversariallyRobustDistillation, main.py";
const FAIR_ARD = "NISP-official/Fair-ARD, Fair-ARD.py";
const ABSLD = "zhaoshiji123/ABSLD, resnet18_absld_cifar10.py";

/** Rules for the methods B-MTARD is compared with: "original settings without additional instruction" (section 4.1). */
export const methodRules: readonly Rule[] = [
  {
    methods: ["natural"],
    source: "B-MTARD, section 4.1",
    settings: { epochs: 100, milestones: [75, 90] },
  },

  {
    methods: ["sat"],
    source:
      "MadryLab/cifar10_challenge, config.json: 80,000 steps of 128, divided by 10 at 40,000 and 60,000",
    settings: { epochs: 205, milestones: [102, 154] },
  },
  {
    methods: ["sat"],
    source: "MadryLab/cifar10_challenge, config.json and pgd_attack.py",
    settings: {
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      weightDecay: 2e-4,
      nesterov: false,
      innerStart: "uniform",
      innerSteps: 10,
      innerStepSize: 2 / 255,
    },
  },
  {
    methods: ["sat"],
    readings: ["released-code"],
    source: "MadryLab/cifar10_challenge, train.py: the attack sees the model in training mode",
    settings: { innerMode: "training" },
  },
  {
    methods: ["sat"],
    readings: ["released-code"],
    source: "MadryLab/cifar10_challenge, pgd_attack.py: the start is clipped to the pixels' range",
    settings: { innerStart: "uniform-clamped" },
  },

  {
    methods: ["trades"],
    source: "yaodongyu/TRADES, train_trades_cifar10.py",
    settings: {
      epochs: 76,
      // Its epochs count from 1 and the rate falls at the start of epoch 75.
      milestones: [74],
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
      innerSteps: 10,
      innerStepSize: 0.007,
      beta: 6,
    },
  },
  {
    methods: ["trades"],
    source: "yaodongyu/TRADES, trades.py",
    settings: { innerStart: 0.001, innerMode: "inference" },
  },
  {
    methods: ["trades"],
    readings: ["released-code"],
    source: "yaodongyu/TRADES, train_trades_cifar10.py",
    settings: { epsilon: 0.031 },
  },

  {
    methods: ["score"],
    source: "P2333/SCORE, without_DDPM/README.md, TRADES (LSE)",
    settings: {
      epochs: 110,
      batchSize: 128,
      learningRate: 0.05,
      weightDecay: 5e-4,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      beta: 6,
      lossClip: 0.3,
    },
  },
  {
    methods: ["score"],
    source: "P2333/SCORE, without_DDPM/train_cifar.py",
    settings: {
      milestones: [100, 105],
      momentum: 0.9,
      nesterov: false,
      innerStart: 0.001,
      innerMode: "inference",
    },
  },
  {
    methods: ["score"],
    readings: ["released-code"],
    source: "P2333/SCORE, gowal21uncovering/utils/trades.py and README.md: the published checkpoints' code",
    settings: { innerStart: "uniform-clamped", innerMode: "untracked", beta: 4, lossClip: 0 },
  },

  {
    methods: ["ard"],
    source: ARD,
    settings: {
      epochs: 200,
      milestones: [100, 150],
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      innerStart: "uniform",
      innerMode: "training",
    },
  },
  {
    methods: ["ard"],
    source: `B-MTARD, section 4.1; ${ARD}`,
    settings: { temperature: 30, alpha: 1 },
  },
  {
    methods: ["fair-ard"],
    source: FAIR_ARD,
    settings: {
      epochs: 200,
      milestones: [100, 150],
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 2e-4,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      innerStart: "uniform",
      innerMode: "training",
      temperature: 30,
      alpha: 1,
      beta: 2,
    },
  },
  {
    methods: ["ard"],
    datasets: ["cifar100", "tiny-imagenet"],
    source: "B-MTARD, section 4.1",
    settings: { temperature: 5, alpha: 0.95 },
  },
  {
    methods: ["fair-ard"],
    datasets: ["cifar100", "tiny-imagenet"],
    source: "as ARD in B-MTARD, section 4.1; Fair-ARD's script has CIFAR-10 alone",
    settings: { temperature: 5, alpha: 0.95 },
  },
  {
    methods: ["ard"],
    readings: ["released-code"],
    source: `${ARD}: it takes a tenth of the first rate at both epochs, so the second changes nothing`,
    settings: { milestones: [100] },
  },
  {
    methods: ["fair-ard"],
    readings: ["released-code"],
    source: `${FAIR_ARD}: it takes a tenth of the first rate at both epochs, so the second changes nothing`,
    settings: { milestones: [100] },
  },
  {
    methods: ["ard"],
    readings: ["released-code"],
    datasets: ["cifar100"],
    source: ARD,
    settings: { batchSize: 256 },
  },

  {
    methods: ["rslad"],
    source: "zibojia/RSLAD, resnet18_rslad_cifar10.py",
    settings: {
      epochs: 300,
      milestones: [215, 260, 285],
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      alpha: 5 / 6,
    },
  },
  {
    methods: ["rslad"],
    source: "zibojia/RSLAD, rslad_loss.py",
    settings: { innerStart: 0.001, innerMode: "inference" },
  },

  {
    methods: ["absld"],
    source: ABSLD,
    settings: {
      epochs: 300,
      milestones: [215, 260, 285],
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      alpha: 5 / 6,
      initialTemperature: 1,
      temperatureRate: 0.1,
    },
  },
  {
    methods: ["absld"],
    source: "zhaoshiji123/ABSLD, absld_loss.py",
    settings: { innerStart: 0.001, innerMode: "inference" },
  },
  {
    methods: ["absld"],
    source: `${ABSLD}: class_labels_temp_adv and class_labels_temp_nat`,
    settings: { classTemperatures: "separate" },
  },
  {
    methods: ["absld"],
    readings: ["released-code"],
    source: `${ABSLD}: both temperatures divide one tensor in place`,
    settings: { classTemperatures: "product" },
  },

  {
    methods: ["lmtn"],
    source: "equal weights; B-MTARD, section 4.5 gives none",
    settings: { alpha: 0.5 },
  },
  {
    methods: ["lmtn"],
    source: "mtard's reading of B-MTARD, section 4.5; per-image is the other one",
    settings: { guidance: "shared" },
  },

  {
    methods: ["sat", "trades", "score", "ard", "rslad", "fair-ard", "absld"],
    readings: ["b-mtard"],
    source: "B-MTARD, section 4.1",
    settings: {
      epochs: 300,
      milestones: [215, 260, 285],
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
    },
  },
];
