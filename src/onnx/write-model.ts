import { createHash, type Hash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { writeFileAtomically } from "../files/atomic.js";
import { layOutModel, type StoredModel } from "./stored-model.js";

/** Weights that take more bytes than this go into a file of their own beside the graph. */
const EMBED_LIMIT = 500e6;

/** The hashes of a model's .onnx file and of its external data files, whose paths are relative to it. */
export interface ModelHashes {
  readonly sha256: string;
  readonly data: readonly { readonly file: string; readonly sha256: string }[];
}

export interface WriteModelOptions {
  /** Large tensors become external data if together they take more bytes than this; 500 MB by default. */
  readonly embedLimit?: number | undefined;
  /** Called with the bytes written so far and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Writes a model to `path`, one tensor at a time; beyond `embedLimit`, large tensors go to `path.data`, to which the graph refers.
 *
 * @throws {WorkError} if the disk is full or refuses; each path then holds a whole file or none.
 */
export function writeModel(
  path: string,
  model: StoredModel,
  { embedLimit = EMBED_LIMIT, onProgress = () => undefined }: WriteModelOptions = {},
): ModelHashes {
  const dataFile = `${basename(path)}.data`;
  const { graph, data, size } = layOutModel(model, dataFile, embedLimit);
  let done = 0;
  const write = (target: string, pieces: Iterable<Uint8Array>): string => {
    const hash = createHash("sha256");
    writeFileAtomically(
      target,
      watched(pieces, hash, (length) => onProgress(Math.min((done += length), size), size)),
    );
    return hash.digest("hex");
  };
  const dataHash = data && write(join(dirname(path), dataFile), data);
  const sha256 = write(path, graph);
  return { sha256, data: dataHash === null ? [] : [{ file: dataFile, sha256: dataHash }] };
}

function* watched(
  pieces: Iterable<Uint8Array>,
  hash: Hash,
  onPiece: (length: number) => void,
): Generator<Uint8Array> {
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
    onPiece(piece.length);
  }
}
