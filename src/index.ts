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
export { evaluate, type EvaluateOptions, type EvaluationResult } from "./library/evaluate.js";
export type { AttackOptions } from "./library/attack-settings.js";
export {
  attackImages,
  type AttackImagesOptions,
  drawAttack,
  type PictureOptions,
} from "./library/attack-images.js";
export {
  exportModel,
  fetchTeacher,
  type FetchTeacherOptions,
  importTeacher,
  type ImportTeacherOptions,
  readWeights,
} from "./library/weights.js";
export { type ExportFormat, exportFormats } from "./model/export.js";
export type { Model } from "./model/model.js";
export type { ModelReference } from "./model/reference.js";
export type { OnnxClassifier } from "./model/onnx-target.js";
export type { TeacherReference } from "./teacher/reference.js";
export type { KnownNetwork, ModelTarget } from "./model/targets.js";
export type { ImportCheck } from "./evaluation/import-check.js";
export type { Remedy } from "./evaluation/quick-check.js";
export type { ImportedTeacher, ImportRequest } from "./teacher/import.js";
export type { FetchOptions } from "./teacher/fetch.js";
export type { ChangedFile } from "./teacher/first-checksum.js";
export type { MeasuredAccuracy, TeacherManifest } from "./teacher/manifest.js";
export type { ModelUse } from "./teacher/tried.js";
export type { StudentChoice } from "./model/run-student.js";
export { studentChoices } from "./model/student-choices.js";
export type { ExaminedImage, Prediction } from "./evaluation/examine.js";
export type { ImageSource, MeasuredImages } from "./evaluation/images.js";
export type { AttackNumbers, Round } from "./evaluation/rounds.js";
export type { EvaluationPass, EvaluationProgress, ImagesDone } from "./evaluation/progress.js";
export type { Accuracy, ExampleOutcome, RobustAccuracy } from "./evaluation/summary.js";

/* Training, and runs. */
export { train, type TrainingProgress, type TrainingResult, type TrainOptions } from "./library/train.js";
export type { MeasuredStudent } from "./training/train.js";
export type { InitRequest } from "./training/initial-student.js";
export { readRun, type Run } from "./library/run.js";
export { recipe, type Training } from "./recipes/recipes.js";
export type { Recipe, TrainingSettings } from "./recipes/settings.js";
export type { BestEvaluation } from "./run/checkpoint.js";
export type { EvaluationLine, StepLine } from "./run/metrics.js";
export type { InitialWeights, RunInputs, Schedule } from "./run/run-directory.js";

/* Data. */
export { type Augmentation, datasets, type DatasetDescription, type DatasetId } from "./data/datasets.js";
export { datasetFromArrays, type ArraySplit, type DatasetArrays } from "./data/memory.js";
export { openDataset, type Dataset, type Split } from "./data/store.js";
export type { PrepareProgress } from "./data/obtain.js";
export { prepareDataset, type PreparedDataset, type PrepareOptions } from "./data/prepare.js";
export type { ImageSize } from "./data/own-image.js";
export type { LeftOutFile } from "./data/own-files.js";
export type { DecodeProgress } from "./data/tiny-imagenet.js";
export type { DownloadProgress } from "./files/download.js";
export type { OwnOptions } from "./data/own-prepare.js";
export type { OwnReport } from "./data/own-report.js";
export type { Images } from "./data/images.js";
export type { ClassifierChoices } from "./onnx/adapt.js";
export type { ClassifierShape, Layout } from "./onnx/signature.js";
export type { DatasetOption, Places, ShapeOption } from "./library/places.js";
export type { StopSignal } from "./library/stop.js";

/* Attacks, and what an own one is made of. */
export { attacks, type AttackId, type SingleAttackId } from "./attacks/attacks.js";
export {
  singleAttack,
  type Access,
  type AttackBatch,
  type AttackStep,
  type SingleFacts,
  type AttackResult,
  type AttackSettings,
  type SingleAttack,
} from "./attacks/attack.js";
export {
  uniformStarts,
  type UniformStart,
  wrongWhenClean,
  type WrongWhenClean,
} from "./attacks/conventions.js";
export { pgd, type PgdSettings } from "./attacks/pgd.js";
export type { Ball, L2Ball, LinfBall, Threat } from "./attacks/ball.js";
export { type Norm, norms } from "./attacks/norms.js";
export type { Ascent, AttackTarget, LossGradient, LossGradientFunction } from "./attacks/target.js";
export type { LogitLoss } from "./attacks/logit-loss.js";
export type { NoiseSeed } from "./runtime/noise.js";

/* Methods, and what an own one is made of. */
export { methods, type MethodId } from "./methods/methods.js";
export type {
  AttackLogits,
  InnerAttack,
  Method,
  MethodSettings,
  StepLogits,
  StepLosses,
  StepReport,
  TeacherAnswer,
  TeacherAnswers,
  TeacherLogits,
} from "./methods/method.js";
export { awayFromLabels, awayFromRobustTeacher } from "./methods/attack-losses.js";
export {
  distillationLoss,
  meanCrossEntropy,
  onHost,
  type Temperature,
  weightedSum,
} from "./methods/losses.js";
export type { AbsldState, ClassPair } from "./methods/absld.js";
export type { ClassValues } from "./methods/class-values.js";
export type { FairArdState } from "./methods/fair-ard.js";
export { z } from "zod";

/* Networks, and what an own one is made of. */
export { createNetwork, networkIds } from "./networks/networks.js";
export { type ConvOptions, networkBuilder, type NetworkBuilder } from "./graph/builder.js";
export type {
  ActivationLayer,
  BatchNormLayer,
  ConvLayer,
  ImageShape,
  Layer,
  LinearLayer,
  Network,
  NetworkShape,
  Normalization,
  Padding,
  SubsampleLayer,
} from "./graph/network.js";
export { parameterCount, type HostTensor, type Weights } from "./graph/parameters.js";

/* TensorFlow, for parts of your own. */
export { tf } from "./runtime/tensorflow.js";
export type {
  Container,
  DataType,
  DataTypeArrays,
  Nested,
  Operand,
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  TensorFlow,
  Values,
} from "./runtime/tensor.js";
export type { Device, DeviceRequest } from "./runtime/device.js";
export type { Precision } from "./runtime/precision.js";

/* Errors. */
export { InputError, WorkError, type ErrorDetail } from "./errors.js";
