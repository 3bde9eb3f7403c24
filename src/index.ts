/**
 * mtard trains small image classifiers to be accurate and robust, by balanced multi-teacher adversarial distillation.
 *
 * Images are `[N, H, W, C]` in [0, 1], distances are L-infinity in pixel values. Importing this starts no engine.
 *
 * @packageDocumentation
 */

/* Models: open, measure, attack, move weights. */
export {
  openModel,
  type OpenModel,
  type OpenModelOptions,
  type OwnClassifier,
} from "./library/open-model.js";
export { classifierOf } from "./library/classifier.js";
export {
  evaluate,
  type AttackOptions,
  type EvaluateOptions,
  type EvaluationResult,
} from "./library/evaluate.js";
export {
  attackImages,
  type AttackImagesOptions,
  drawAttack,
  type PictureOptions,
} from "./library/attack-images.js";
export { exportModel, importTeacher, type ImportTeacherOptions, readWeights } from "./library/weights.js";
export type { ExportFormat } from "./model/export.js";
export type { ImportedTeacher } from "./teacher/import.js";
export type { TeacherManifest } from "./teacher/manifest.js";
export type { StudentChoice } from "./model/run-student.js";
export type { ExaminedImage, Prediction } from "./evaluation/examine.js";
export type { ImageSource, MeasuredImages } from "./evaluation/images.js";
export type { EvaluationProgress } from "./evaluation/progress.js";
export type { Accuracy, ExampleOutcome, RobustAccuracy } from "./evaluation/summary.js";

/* Training, and runs. */
export { train, type TrainingProgress, type TrainingResult, type TrainOptions } from "./library/train.js";
export type { InitRequest } from "./training/initial-student.js";
export { readRun, type Run } from "./library/run.js";
export { recipe, type Training } from "./recipes/recipes.js";
export type { Recipe, TrainingSettings } from "./recipes/settings.js";
export type { BestEvaluation } from "./run/checkpoint.js";
export type { EvaluationLine, StepLine } from "./run/metrics.js";
export type { RunInputs } from "./run/run-directory.js";

/* Data. */
export { datasets, type DatasetDescription, type DatasetId } from "./data/datasets.js";
export { datasetFromArrays, type ArraySplit, type DatasetArrays } from "./data/memory.js";
export { openDataset, type Dataset, type Split } from "./data/store.js";
export { prepareDataset, type PreparedDataset, type PrepareOptions } from "./data/prepare.js";
export type { DatasetOption, Places, ShapeOption } from "./library/places.js";
export type { StopSignal } from "./library/stop.js";

/* Attacks, and what an own one is made of. */
export { attacks, type AttackId } from "./attacks/attacks.js";
export {
  singleAttack,
  type AttackBatch,
  type AttackResult,
  type AttackSettings,
  type SingleAttack,
} from "./attacks/attack.js";
export { pgd, type PgdSettings } from "./attacks/pgd.js";
export type { AttackTarget, LossGradient } from "./attacks/target.js";
export type { LogitLoss } from "./attacks/logit-loss.js";

/* Methods, and what an own one is made of. */
export { methods, type MethodId } from "./methods/methods.js";
export type {
  InnerAttack,
  Method,
  MethodSettings,
  StepLogits,
  StepLosses,
  StepReport,
  TeacherAnswer,
  TeacherLogits,
} from "./methods/method.js";
export { awayFromLabels, awayFromRobustTeacher } from "./methods/attack-losses.js";
export { distillationLoss, meanCrossEntropy, onHost, weightedSum } from "./methods/losses.js";
export { z } from "zod";

/* Networks, and what an own one is made of. */
export { createNetwork, networkIds } from "./networks/networks.js";
export { networkBuilder, type NetworkBuilder } from "./graph/builder.js";
export type { ImageShape, Layer, Network, NetworkShape, Normalization } from "./graph/network.js";
export { parameterCount, type HostTensor, type Weights } from "./graph/parameters.js";

/* TensorFlow, for parts of your own. */
export { tf } from "./runtime/tensorflow.js";
export type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorFlow } from "./runtime/tensor.js";
export type { Device, DeviceRequest } from "./runtime/device.js";

/* Errors. */
export { InputError, WorkError, type ErrorDetail } from "./errors.js";
