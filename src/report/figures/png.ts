import { createRequire } from "node:module";
import { loadSharp } from "../../runtime/sharp.js";

/** Pixels of the PNG to a unit of the SVG. */
export const SCALE = 2;
/** An SVG's unit in dots an inch. */
const DENSITY = 72;

/** A picture as PNG. */
export async function svgToPng(svg: string): Promise<Buffer> {
  await bringFont();
  return await loadSharp()(Buffer.from(svg), { density: DENSITY * SCALE })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/**
 * Makes the font known to the library that draws an SVG's text: a machine without any would draw none. Naming its file to draw one
 * letter is sharp's only way to do it.
 */
async function bringFont(): Promise<void> {
  const fontfile = createRequire(import.meta.url).resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");
  const bold = createRequire(import.meta.url).resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf");
  for (const file of [fontfile, bold]) {
    await loadSharp()({ text: { text: "a", font: "DejaVu Sans", fontfile: file } })
      .png()
      .toBuffer();
  }
}
