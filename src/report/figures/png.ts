import { createRequire } from "node:module";
import { loadSharp } from "../../runtime/sharp.js";

/** Pixels of the PNG per unit of the SVG. */
export const SCALE = 2;
/** The dots per inch at which a unit of an SVG is one pixel. */
const DENSITY = 72;

/** Draws an SVG document as PNG. */
export async function svgToPng(svg: string): Promise<Buffer> {
  await bringFont();
  return await loadSharp()(Buffer.from(svg), { density: DENSITY * SCALE })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/**
 * Makes the font known to the library that draws an SVG's text, which would draw none on a machine without fonts. The only way that
 * sharp offers is to draw a letter with the font's file.
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
