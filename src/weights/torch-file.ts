import type { TorchStorage } from "./torch-tensor.js";

/** An opened PyTorch file: the value that `torch.save` was given, its tensors not yet read. */
export interface TorchFile {
  readonly root: unknown;
  /** The bytes of `length` elements, from element `start` of the whole storage, in a buffer of their own. */
  readonly storageBytes: (storage: TorchStorage, start: number, length: number) => Uint8Array<ArrayBuffer>;
}
