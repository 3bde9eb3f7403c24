/** An image of the test set that stands inside of the page. */
export interface SampleImage {
  /** Its class. */
  readonly label: number;
  /** Which of the test images it is, from 0. */
  readonly index: number;
  /** Its uint8 pixels `[height, width, 3]` in base64. */
  readonly pixels: string;
}

/** What the page of a model is told, as JSON inside of it. */
export interface ModelFacts {
  readonly classNames: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly samples: readonly SampleImage[];
  /** The epsilon, in levels of 1/255, that the page begins with, and its PGD. */
  readonly levels: number;
  readonly steps: number;
  readonly stepSize: number;
}
