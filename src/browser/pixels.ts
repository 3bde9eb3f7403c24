/** The size of a model's images. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Pixels `[height, width, 3]` from 0 to 255 as the model takes them: `[3, height, width]` in [0, 1]. */
export function planesOf(pixels: ArrayLike<number>, { height, width }: ImageSize): Float32Array {
  const area = height * width;
  return Float32Array.from({ length: 3 * area }, (_, at) => {
    const [channel, place] = [Math.floor(at / area), at % area];
    return (pixels[3 * place + channel] as number) / 255;
  });
}

/** Draws an image `[3, height, width]` in [0, 1], pixel by pixel. */
export function draw(canvas: HTMLCanvasElement, planes: Float32Array, { height, width }: ImageSize): void {
  const area = height * width;
  const image = new ImageData(width, height);
  for (let place = 0; place < area; place++) {
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * place + channel] = Math.round(255 * (planes[channel * area + place] as number));
    image.data[4 * place + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/** Reads a picture of the user's: its shorter side becomes the model's, and what is left over around the centre is cut off. */
export async function readPicture(file: Blob, { height, width }: ImageSize): Promise<Float32Array> {
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser gives no canvas");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (width - wide) / 2, (height - high) / 2, wide, high);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return planesOf(
    data.filter((_, at) => at % 4 !== 3),
    { height, width },
  );
}
