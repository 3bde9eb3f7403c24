import { attacks } from "../../attacks/attacks.js";
import { htmlText, shellWord } from "../../harmless.js";
import { hint, paragraph } from "../sections.js";
import { gainText } from "../pixels.js";
import type { Example, Examples } from "./examples.js";
import { brief } from "./names.js";
import type { RunReport } from "./read.js";
import { distanceText } from "./share.js";
import { bestOf } from "./students.js";

/** What examples look like. */
export const exampleStyle = `
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); gap: 1em; padding: 0; margin: 1em 0; list-style: none; }
.examples > li { background: var(--card); border-radius: 8px; padding: 0.8em 1em; }
.examples h3 { margin: 0 0 0.5em; display: flex; flex-wrap: wrap; gap: 0 0.8em; justify-content: space-between; font-size: 1em; }
.examples h3 span { font-weight: normal; }
.triple { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.6em; }
.triple figure { margin: 0; min-width: 0; }
.triple img { display: block; width: 100%; image-rendering: pixelated; border-radius: 3px; background: #fff; }
.triple figcaption { font-size: 0.85em; line-height: 1.35; margin-top: 0.3em; }
.right { color: var(--good); }
.wrong { color: var(--bad); font-weight: bold; }
`;

/** Characters of a class's name below a picture. */
const LONGEST_NAME = 40;

/** The adversarial examples of a run's best student, or which command makes them. */
export function examplesHtml(report: RunReport): string {
  const { examples, folder, classNames } = report;
  if (!bestOf(report.students)) return hint("There is no best student yet.");
  if (!examples)
    return hint(
      "None are kept of this student: {} makes them where the data set is there.",
      `mtard report ${shellWord(folder)}`,
    );
  const about = `${aboutText(examples)} Differences are amplified ${gainText(examples.gain)} times, around grey.`;
  const items = examples.examples.map((example) => exampleHtml(example, classNames));
  return `${paragraph(about, "soft")}\n<ul class="examples">\n${items.join("\n")}\n</ul>`;
}

function aboutText({ attack, epsilon, examples }: Examples): string {
  const right = examples.filter(({ label, before }) => before.answer === label);
  const fooled = right.filter(({ label, after }) => after.answer !== label);
  return `${attacks[attack].title} with epsilon ${distanceText(epsilon)} on the best student; ${examples.length} test images at equal distances, not chosen. ${right.length} were right when clean, ${fooled.length} of them are fooled.`;
}

function exampleHtml(
  { index, label, before, after, linf, pictures }: Example,
  names: readonly string[],
): string {
  const nameOf = (answer: number): string =>
    brief((names[answer] ?? `class ${answer}`).replaceAll("_", " "), LONGEST_NAME);
  const verdict =
    before.answer !== label ? "wrong when clean" : after.answer !== label ? "fooled" : "withstood";
  const answer = ({ answer: found, confidence }: Example["before"]): string =>
    `<span class="${found === label ? "right" : "wrong"}">${htmlText(nameOf(found))}</span> ${(100 * confidence).toFixed(0)}%`;
  const shown = (picture: string, alt: string, caption: string): string =>
    `<figure><img alt="${htmlText(alt)}" src="data:image/png;base64,${picture}"><figcaption>${caption}</figcaption></figure>`;
  const image = `test image ${index}`;
  return `<li><h3>${htmlText(nameOf(label))} <span class="${verdict === "withstood" ? "right" : "wrong"}">${verdict}</span></h3>
<div class="triple">
${shown(pictures.clean, `${image}, clean`, answer(before))}
${shown(pictures.difference, `${image}, the amplified difference`, `at most ${(255 * linf).toFixed(1).replace(/\.0$/, "")}/255`)}
${shown(pictures.adversarial, `${image}, adversarial`, answer(after))}
</div></li>`;
}
