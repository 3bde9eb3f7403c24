import { gzipSync } from "node:zlib";
import { attacks } from "../../attacks/attacks.js";
import type { ModelFacts, SampleImage } from "../../browser/model-facts.js";
import type { ImageShape } from "../../graph/network.js";
import { htmlText, oneLine } from "../../harmless.js";
import type { WebRuntimeParts } from "../../runtime/onnxruntime-web.js";
import { version } from "../../version.js";
import { pageHtml } from "../html.js";
import { pageScript } from "./page-script.js";
import { pageStyle } from "./page-style.js";

/** A model as its page shows it. */
export interface ModelPage {
  readonly title: string;
  /** A sentence about what it is. */
  readonly summary: string;
  readonly classNames: readonly string[];
  readonly image: ImageShape;
  /** Its gradient graph for the cross-entropy, which answers its logits too. */
  readonly gradient: Uint8Array;
  /** Images of the test set, which may be none. */
  readonly samples: readonly SampleImage[];
}

/** The epsilon that the page begins with, and the largest, in levels of 1/255. */
const LEVELS = { first: 8, most: 16 };

/** The most characters of a class's name; its cell is narrower anyway. */
const LONGEST_NAME = 200;

/** Formats the page that runs a model in a browser: one file, which loads nothing, from a disk as well as from a server. */
export function modelPageHtml(
  { title, summary, classNames, image, gradient, samples }: ModelPage,
  runtime: WebRuntimeParts,
): string {
  const { steps, stepSize } = attacks["pgd-trades"].defaults as { steps: number; stepSize: number };
  const { height, width } = image;
  const facts: ModelFacts = {
    classNames: classNames.map((name) => oneLine(name).slice(0, LONGEST_NAME)),
    ...{ height, width, samples, steps, stepSize },
    levels: LEVELS.first,
  };
  const size = height === width ? `${height} pixels` : `${height} by ${width} pixels`;
  const body = `<p class="lead">${htmlText(summary)} It runs in this page: no image leaves your browser.</p>
<noscript><p>The model needs JavaScript to run.</p></noscript>
<p id="notice" role="status">Loading the model…</p>
<div id="app" hidden>
<fieldset>
<legend>Choose an image</legend>
<div id="samples"></div>
<p class="own"><label><input id="file" type="file" accept="image/*">${samples.length === 0 ? "Choose an image…" : "Or one of your own…"}</label>
<span>or drop it anywhere. It is brought to ${size} around its centre.</span></p>
</fieldset>
<section id="stage" aria-label="The attack" hidden>
<div class="pictures-of">
<figure><canvas id="clean" role="img" aria-label="The clean image"></canvas><figcaption><b>Clean</b><span id="clean-answer"></span></figcaption></figure>
<figure><canvas id="change" role="img" aria-label="The change, amplified around grey"></canvas><figcaption><b>Change × <span id="gain"></span></b><span id="step" class="soft"></span></figcaption></figure>
<figure><canvas id="adversarial" role="img" aria-label="The adversarial image"></canvas><figcaption><b>Adversarial</b><span id="adversarial-answer"></span></figcaption></figure>
</div>
<div id="marks" aria-hidden="true"></div>
<p id="verdict" role="status"></p>
<div class="controls">
<label for="epsilon">Each colour of a pixel changes by at most <output id="epsilon-text" for="epsilon">${LEVELS.first}/255</output></label>
<input id="epsilon" type="range" min="0" max="${LEVELS.most}" step="1" value="${LEVELS.first}">
<button id="again" type="button">Attack again</button>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="The model's answers">
<table id="answers">
<thead><tr><th scope="col">class</th><th scope="col">clean</th><th scope="col">adversarial</th></tr></thead>
<tbody></tbody>
</table>
</div>
<details>
<summary>The attack's settings</summary>
<p>Projected gradient ascent on the cross-entropy: each step moves every colour of every pixel by the step size, in the direction that hurts the model, and stays within the largest change.
Of an image of your own nobody knows the class, so what the model says of it when clean counts as right.</p>
<p class="settings"><label>steps <input id="step-count" type="number" min="1" max="100" step="1" value="${steps}"></label>
<label>step size, of 255 <input id="step-size" type="number" min="0.05" max="16" step="any" value="${Number((255 * stepSize).toFixed(3))}"></label>
<label><input id="random-start" type="checkbox" checked> start from noise</label></p>
</details>
<details>
<summary>Logits of all classes</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Logits of all classes">
<table id="logits">
<thead><tr><th scope="col">class</th><th scope="col" class="number">clean</th><th scope="col" class="number">adversarial</th></tr></thead>
<tbody></tbody>
</table>
</div>
</details>
</section>
</div>
<details>
<summary>About this page</summary>
<p>Made by mtard ${htmlText(version)}. The model card, README.md, and the model itself, as ONNX, lie beside it.
The model is computed by ONNX Runtime Web ${htmlText(runtime.version)}, whose licence is:</p>
<pre>${runtime.licence.split("\n").map(htmlText).join("\n")}</pre>
</details>
<script type="application/json" id="facts">${jsonInside(facts)}</script>
<script type="text/plain" id="model">${packed(gradient)}</script>
<script type="text/plain" id="wasm">${packed(runtime.wasm)}</script>`;
  return pageHtml(title, body, pageScript(runtime), { style: pageStyle, wasm: true });
}

/** JSON that cannot end the element it stands in. */
function jsonInside(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function packed(bytes: Uint8Array): string {
  return gzipSync(bytes).toString("base64");
}
