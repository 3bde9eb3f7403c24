import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch } from "./attack.js";
import { ballAround, type Ball } from "./ball.js";
import { copyRows, rowsOf, selectRows } from "./rows.js";

/** The images of a batch that no look at the target has shown fooled: an attack goes on with these rows alone. */
export interface Survivors {
  /** Their places in the batch. */
  places: number[];
  labels: number[];
  /** The margin at `current` of each; infinite where it was not looked at. */
  margins: number[];
  /** Where each is now, `[places, H, W, C]`. */
  current: Tensor4D;
  ball: Ball;
  /** The batch's images `[N, H, W, C]`, those that left as they were when they fooled. */
  readonly found: Float32Array;
}

/**
 * Runs an attack on the survivors of a batch, at first all of it, each at its own image.
 *
 * @returns The images of the whole batch when the attack is over, `[N, H, W, C]`.
 */
export function attackSurvivors(
  { images, labels, epsilon }: AttackBatch,
  attack: (survivors: Survivors) => void,
): Tensor4D {
  const places = Array.from({ length: images.shape[0] }, (_, place) => place);
  const survivors: Survivors = {
    places,
    labels: [...labels.dataSync<"int32">()],
    margins: places.map(() => Infinity),
    current: images.clone(),
    ball: ballAround(images, epsilon),
    found: images.dataSync<"float32">().slice(),
  };
  try {
    attack(survivors);
    record(survivors, [...survivors.places.keys()]);
    return tf.tensor4d(survivors.found, images.shape);
  } finally {
    tf.dispose([survivors.current, survivors.ball.lower, survivors.ball.upper]);
  }
}

/** Moves each whose margin becomes smaller to its candidate, of `[places, H, W, C]`. */
export function moveToBetter(survivors: Survivors, candidates: Tensor4D, margins: Float32Array): void {
  const { current } = survivors;
  const better = survivors.margins.map((margin, row) => (margins[row] as number) < margin);
  if (!better.includes(true)) return;
  survivors.margins = survivors.margins.map((margin, row) =>
    better[row] ? (margins[row] as number) : margin,
  );
  survivors.current = selectRows(better, candidates, current);
  current.dispose();
}

/** Lets those go whose margin is not positive, as they are now. */
export function releaseFooled(survivors: Survivors): void {
  const { places, labels, margins, current, ball } = survivors;
  const rows = [...margins.keys()];
  const standing = rows.filter((row) => !((margins[row] as number) <= 0));
  if (standing.length === rows.length) return;
  const gone = rows.filter((row) => (margins[row] as number) <= 0);
  record(survivors, gone);
  survivors.places = standing.map((row) => places[row] as number);
  survivors.labels = standing.map((row) => labels[row] as number);
  survivors.margins = standing.map((row) => margins[row] as number);
  survivors.current = rowsOf(current, standing);
  survivors.ball = { lower: rowsOf(ball.lower, standing), upper: rowsOf(ball.upper, standing) };
  tf.dispose([current, ball.lower, ball.upper]);
}

function record({ places, current, found }: Survivors, rows: readonly number[]): void {
  const chosen = rowsOf(current, rows);
  copyRows(
    chosen,
    rows.map((row) => places[row] as number),
    found,
  );
  chosen.dispose();
}
