import type { ImageShape } from "../graph/network.js";
import { loadSharp } from "../runtime/sharp.js";

/** The shape of each class of `demo`, label 0 first, as SVG within the unit circle; each is its own mirror image. */
export const shapes: readonly string[] = [
  `<circle r="0.95"/>`,
  `<circle r="0.8" fill="none" stroke="white" stroke-width="0.36"/>`,
  `<rect x="-1" y="-0.28" width="2" height="0.56"/>`,
  `<rect x="-0.28" y="-1" width="0.56" height="2"/>`,
  `<path d="M-1,-.22H-.22V-1H.22V-.22H1V.22H.22V1H-.22V.22H-1Z"/>`,
  `<path transform="rotate(45)" d="M-1,-.22H-.22V-1H.22V-.22H1V.22H.22V1H-.22V.22H-1Z"/>`,
  `<path d="M0,-1L.9,.7H-.9Z"/>`,
  `<rect x="-0.6" y="-0.6" width="1.2" height="1.2" fill="none" stroke="white" stroke-width="0.32"/>`,
  `<circle cx="-0.6" r="0.38"/><circle cx="0.6" r="0.38"/>`,
  `<path d="M-.7,-.7h.5v.5h-.5zM.2,-.7h.5v.5h-.5zM-.7,.2h.5v.5h-.5zM.2,.2h.5v.5h-.5z"/>`,
];

/** Where and how a shape is drawn within its image, in pixels and degrees. */
export interface ShapePlacement {
  readonly shape: number;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly angle: number;
}

/** Tiles along each side of a sheet, which sharp draws in one call: far faster than a call per image. */
const SHEET = 50;

/** Draws the coverage of each shape: 0 to 255 per pixel, `height * width`, row-major. */
export async function drawMasks(
  placements: readonly ShapePlacement[],
  image: ImageShape,
): Promise<Uint8Array[]> {
  const masks: Uint8Array[] = [];
  for (let start = 0; start < placements.length; start += SHEET * SHEET)
    masks.push(...(await drawSheet(placements.slice(start, start + SHEET * SHEET), image)));
  return masks;
}

async function drawSheet(
  placements: readonly ShapePlacement[],
  { height, width }: ImageShape,
): Promise<Uint8Array[]> {
  const rows = Math.ceil(placements.length / SHEET);
  const drawn = placements.map(({ shape, x, y, radius, angle }, index) => {
    const left = (index % SHEET) * width + x;
    const top = Math.floor(index / SHEET) * height + y;
    return `<g transform="translate(${left} ${top}) rotate(${angle}) scale(${radius})">${shapes[shape] ?? ""}</g>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SHEET * width}" height="${rows * height}"><rect width="100%" height="100%"/><g fill="white">${drawn.join("")}</g></svg>`;
  const sheet = await loadSharp()(Buffer.from(svg), { limitInputPixels: false })
    .extractChannel(0)
    .raw()
    .toBuffer();
  return placements.map((_, index) => {
    const mask = new Uint8Array(height * width);
    const corner = Math.floor(index / SHEET) * height * SHEET * width + (index % SHEET) * width;
    for (let y = 0; y < height; y++) {
      const row = corner + y * SHEET * width;
      mask.set(sheet.subarray(row, row + width), y * width);
    }
    return mask;
  });
}
