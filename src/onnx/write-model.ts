import { createHash, type Hash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { writeFileAtomically } from "../files/atomic.js";
import { layOutModel, type StoredModel } from "./stored-model.js";

/** Weights that take more bytes than this go into a file of their own beside the graph. */
const EMBED_LIMIT = 500e6;

/** What a model's files hold: the .onnx file, and the files of its external data, relative to it. */
export interface ModelHashes {
  readonly sha256: string;
  readonly data: readonly { readonly file: string; readonly sha256: string }[];
}

export interface WriteModelOptions {
  /** Tensors of more bytes than this together become external data; 500 MB by default. */
  readonly embedLimit?: number | undefined;
  /** Told how many bytes of how many are written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Writes a model to `path`, its tensors one at a time; where they are large, they go to `path.data` and the graph says so.
 *
 * @throws {WorkError} if the disk is full or refuses; a whole file or none is left at either path.
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
