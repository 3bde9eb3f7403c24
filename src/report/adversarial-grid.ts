import type { Threat } from "../attacks/ball.js";
import type { ExaminedImage, Prediction } from "../evaluation/examine.js";
import type { ImageShape } from "../graph/network.js";
import { htmlText } from "../harmless.js";
import { SCALE, svgToPng } from "./figures/png.js";
import { COLORS, FONT } from "./figures/style.js";
import { amplified, drawPixels, gainOf, gainText } from "./pixels.js";

/** What a grid shows besides its images. */
export interface GridHeading extends Threat {
  readonly title: string;
  readonly subtitle: string;
  readonly classNames: readonly string[];
  /** What each image is called. */
  readonly names: readonly string[];
}

/** The side of a picture and the spaces around it, in units of the SVG. */
const SIDE = 160;
const GAP = 26;
const MARGIN = 24;
const HEAD = 112;
const CAPTION = 34;
const NAMES = 190;

const RIGHT = COLORS[2];
const WRONG = COLORS[1];

/** Draws a grid as PNG: one row per image, with its clean and adversarial form, the answer to each, and the amplified difference. */
export async function drawGrid(
  images: readonly ExaminedImage[],
  shape: ImageShape,
  heading: GridHeading,
): Promise<Buffer> {
  const width = 2 * MARGIN + NAMES + 3 * SIDE + 2 * GAP;
  const height = HEAD + images.length * (SIDE + CAPTION) + MARGIN;
  const gain = gainOf(heading, shape);
  const columns = ["clean", "adversarial", `difference x ${gainText(gain)}`];
  const heads = columns.map((text, column) =>
    label(left(column) + SIDE / 2, HEAD - 12, text, { middle: true }),
  );
  const rows = await Promise.all(images.map((image, row) => drawRow(image, row, shape, heading, gain)));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" fill="white"/>
${label(MARGIN, 38, heading.title, { size: 23, bold: true })}
${label(MARGIN, 64, heading.subtitle, { color: "#444444" })}
${heads.join("\n")}
${rows.join("\n")}
</svg>`;
  return svgToPng(svg);
}

function left(column: number): number {
  return MARGIN + NAMES + column * (SIDE + GAP);
}

async function drawRow(
  { label: truth, clean, adversarial, before, after, linf, l2 }: ExaminedImage,
  row: number,
  shape: ImageShape,
  { classNames, names, norm }: GridHeading,
  gain: number,
): Promise<string> {
  const top = HEAD + row * (SIDE + CAPTION);
  const levels = (255 * linf).toFixed(1);
  const difference = amplified(clean, adversarial, gain);
  const pictures = await Promise.all(
    [clean, adversarial, difference].map(async (values, column) => {
      const data = (await drawPixels(values, shape, SIDE * SCALE)).toString("base64");
      return `<image x="${left(column)}" y="${top}" width="${SIDE}" height="${SIDE}" href="data:image/png;base64,${data}"/>`;
    }),
  );
  const under = top + SIDE + 21;
  const answer = ({ answer: found, confidence }: Prediction, column: number): string => {
    const text = `${shorten(nameOf(classNames, found), 12)} ${(100 * confidence).toFixed(0)}%`;
    const isRight = found === truth;
    return label(left(column) + SIDE / 2, under, text, {
      middle: true,
      bold: !isRight,
      color: isRight ? RIGHT : WRONG,
    });
  };
  const verdict =
    before.answer !== truth ? "wrong when clean" : after.answer !== truth ? "fooled" : "withstood";
  return [
    ...pictures,
    label(MARGIN, top + 66, shorten(nameOf(classNames, truth), 19), { size: 19, bold: true }),
    label(MARGIN, top + 92, names[row] ?? "", { color: "#444444" }),
    label(MARGIN, top + 116, verdict, { color: verdict === "withstood" ? RIGHT : WRONG, bold: true }),
    answer(before, 0),
    answer(after, 1),
    label(left(2) + SIDE / 2, under, norm === "l2" ? `L2 ${l2.toFixed(3)}` : `at most ${levels}/255`, {
      middle: true,
      color: "#444444",
    }),
  ].join("\n");
}

function nameOf(classNames: readonly string[], answer: number): string {
  return (classNames[answer] ?? `class ${answer}`).replaceAll("_", " ");
}

function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

interface LabelStyle {
  readonly size?: number;
  readonly bold?: boolean;
  readonly middle?: boolean;
  readonly color?: string;
}

function label(x: number, y: number, text: string, style: LabelStyle = {}): string {
  const { size = 17, bold = false, middle = false, color = "#000000" } = style;
  return `<text x="${x}" y="${y}" font-family="${FONT}" font-size="${size}" fill="${color}"${bold ? ' font-weight="bold"' : ""}${middle ? ' text-anchor="middle"' : ""}>${htmlText(text)}</text>`;
}
