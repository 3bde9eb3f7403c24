import { type BothAnswers, percent, showAnswers, showLogits } from "./answers.js";
import { answerOf, ascend, type AscentSettings, probabilitiesOf } from "./ascent.js";
import {
  bytesOfBase64,
  type Classifier,
  openClassifier,
  packedBytes,
  type WebRuntime,
} from "./classifier.js";
import type { ModelFacts, SampleImage } from "./model-facts.js";
import { draw, planesOf, readPicture } from "./pixels.js";

/** The image that is looked at, and its class where it is known. */
interface Chosen {
  readonly image: Float32Array;
  readonly label: number | null;
}

/** The shortest time that a step of the attack is seen, in milliseconds. */
const PACE = 40;

/** Opens the model that is in the page, and answers what is chosen there from then on. */
export async function tryModel(runtime: WebRuntime): Promise<void> {
  const facts = JSON.parse(element("facts", HTMLScriptElement).text) as ModelFacts;
  const notice = element("notice", HTMLElement);
  try {
    const [wasm, model] = await Promise.all([packedBytes("wasm"), packedBytes("model")]);
    const classifier = await openClassifier(runtime, wasm, model, facts);
    start(facts, notice, (image, label) => classifier.lossGradient(image, label));
    notice.hidden = true;
    element("app", HTMLElement).hidden = false;
  } catch (error) {
    say(
      notice,
      `The model cannot run in this browser: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

type LossGradientOf = Classifier["lossGradient"];

function start(facts: ModelFacts, notice: HTMLElement, lossGradient: LossGradientOf): void {
  const { classNames, samples } = facts;
  const epsilon = element("epsilon", HTMLInputElement);
  const steps = element("step-count", HTMLInputElement);
  const stepSize = element("step-size", HTMLInputElement);
  const randomStart = element("random-start", HTMLInputElement);
  const stage = element("stage", HTMLElement);
  let chosen: Chosen | null = null;
  let turn = 0;

  const nameOf = (index: number): string => classNames[index] ?? `class ${index}`;

  function settings(): AscentSettings {
    const levels = within(epsilon, 0);
    return {
      epsilon: levels / 255,
      steps: Math.round(within(steps, facts.steps)),
      stepSize: within(stepSize, 255 * facts.stepSize) / 255,
      start: randomStart.checked ? "uniform-clamped" : "image",
    };
  }

  /** Answers the clean image and attacks it, step by step, until something else is asked for. */
  async function run(): Promise<void> {
    const mine = ++turn;
    if (!chosen) return;
    const { image } = chosen;
    const attack = settings();
    const gain = attack.epsilon === 0 ? 1 : 0.375 / attack.epsilon;
    element("epsilon-text", HTMLElement).textContent = `${epsilon.value}/255`;
    element("gain", HTMLElement).textContent = gain < 10 ? gain.toFixed(1) : gain.toFixed(0);
    const marks = makeMarks(attack.steps);
    stage.setAttribute("aria-busy", "true");

    const { logits: clean } = await lossGradient(image, chosen.label ?? 0);
    if (mine !== turn) return;
    const label = chosen.label ?? answerOf(clean);
    draw(element("clean", HTMLCanvasElement), image, facts);
    caption("clean-answer", clean, label);
    let wrongFrom: number | null = null;
    for await (const point of ascend(image, attack, (at) => lossGradient(at, label))) {
      if (mine !== turn) return;
      const { step, image: changed, logits } = point;
      draw(element("adversarial", HTMLCanvasElement), changed, facts);
      const change = changed.map((value, at) => 0.5 + gain * (value - (image[at] as number)));
      draw(element("change", HTMLCanvasElement), change, facts);
      caption("adversarial-answer", logits, label);
      const isWrong = answerOf(logits) !== label;
      wrongFrom = isWrong ? (wrongFrom ?? step) : null;
      const mark = marks[step - 1];
      if (mark) mark.className = isWrong ? "wrong" : "right";
      element("step", HTMLElement).textContent = `step ${step} of ${attack.steps}`;
      const both: BothAnswers = { clean, adversarial: logits, label };
      showAnswers(bodyOf("answers"), classNames, both);
      if (step === attack.steps) finish(both, attack, wrongFrom);
      else await nextFrame();
    }
  }

  function begin(): void {
    run().catch((error: unknown) => {
      notice.hidden = false;
      say(notice, `The model gave no answer: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  function finish(
    both: BothAnswers,
    { epsilon: reach, steps: count }: AscentSettings,
    wrongFrom: number | null,
  ): void {
    showLogits(bodyOf("logits"), classNames, both);
    stage.setAttribute("aria-busy", "false");
    const [before, after] = [both.clean, both.adversarial ?? both.clean].map(answerOf) as [number, number];
    const verdict = element("verdict", HTMLElement);
    const isFooled = after !== both.label;
    verdict.className = isFooled ? "wrong" : "right";
    const [truth, answer] = [quoted(nameOf(both.label)), quoted(nameOf(after))];
    if (before !== both.label)
      say(verdict, `Wrong without any attack: it shows ${truth}, the model says ${quoted(nameOf(before))}.`);
    else if (reach === 0) say(verdict, `Nothing is changed: still ${answer}.`);
    else if (!isFooled) say(verdict, `Withstood: still ${answer} after ${count} steps.`);
    else if (wrongFrom === 0) say(verdict, `Fooled by the noise of the start: ${truth} becomes ${answer}.`);
    else say(verdict, `Fooled: ${truth} becomes ${answer}, from step ${wrongFrom ?? count} on.`);
  }

  function caption(id: string, logits: Float32Array, label: number): void {
    const answer = answerOf(logits);
    const place = element(id, HTMLElement);
    place.className = answer === label ? "right" : "wrong";
    const probability = percent(probabilitiesOf(logits)[answer] ?? 0);
    const [name = document.createElement("bdi"), share = document.createElement("span")] = place.children;
    name.textContent = nameOf(answer);
    share.textContent = probability;
    place.replaceChildren(name, share);
    place.title = nameOf(answer);
  }

  function choose(next: Chosen): void {
    chosen = next;
    notice.hidden = true;
    stage.hidden = false;
    begin();
  }

  async function chooseFile(file: Blob): Promise<void> {
    try {
      const image = await readPicture(file, facts);
      for (const radio of document.querySelectorAll<HTMLInputElement>("#samples input"))
        radio.checked = false;
      choose({ image, label: null });
    } catch {
      notice.hidden = false;
      say(notice, "This file cannot be read as an image.");
    }
  }

  const pictures = samples.map((sample) => planesOf(bytesOfBase64(sample.pixels), facts));
  const places = element("samples", HTMLElement);
  for (const [place, sample] of samples.entries()) {
    const image = pictures[place] as Float32Array;
    places.append(
      sampleChoice(sample, nameOf(sample.label), image, facts, () => choose({ image, label: sample.label })),
    );
  }
  for (const input of [epsilon, steps, stepSize, randomStart]) input.addEventListener("input", () => begin());
  element("again", HTMLButtonElement).addEventListener("click", () => begin());
  const file = element("file", HTMLInputElement);
  file.addEventListener("change", () => {
    const [picked] = file.files ?? [];
    if (picked) void chooseFile(picked);
    file.value = "";
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const [dropped] = event.dataTransfer?.files ?? [];
    if (dropped) void chooseFile(dropped);
  });
  places.querySelector("input")?.click();
}

/** One image of the test set, to be chosen as radio buttons are: with the arrow keys too. */
function sampleChoice(
  { label, index }: SampleImage,
  name: string,
  image: Float32Array,
  size: ModelFacts,
  onChosen: () => void,
): HTMLElement {
  const choice = document.createElement("label");
  const radio = document.createElement("input");
  radio.type = "radio";
  radio.name = "sample";
  radio.value = String(index);
  radio.dataset["label"] = String(label);
  radio.addEventListener("change", onChosen);
  const canvas = document.createElement("canvas");
  draw(canvas, image, size);
  const text = document.createElement("bdi");
  text.textContent = name;
  choice.title = `${name}, test image ${index}`;
  choice.append(radio, canvas, text);
  return choice;
}

/** One mark for each step to come. */
function makeMarks(count: number): HTMLElement[] {
  const marks = Array.from({ length: count }, () => document.createElement("i"));
  element("marks", HTMLElement).replaceChildren(...marks);
  return marks;
}

/** The number in a field, kept within its bounds; what is no number counts as `otherwise`. */
function within(input: HTMLInputElement, otherwise: number): number {
  const value =
    input.value.trim() === "" || !Number.isFinite(Number(input.value)) ? otherwise : Number(input.value);
  return Math.min(Number(input.max), Math.max(Number(input.min), value));
}

/** Lets the page be drawn, and a person see it. */
async function nextFrame(): Promise<void> {
  const isHurried = matchMedia("(prefers-reduced-motion: reduce)").matches;
  await new Promise((resolve) => setTimeout(resolve, isHurried ? 0 : PACE));
}

function say(place: HTMLElement, text: string): void {
  place.textContent = text;
}

/** A name within a sentence, so that its direction does not turn the sentence. */
function quoted(name: string): string {
  const shown = name.length > 60 ? `${name.slice(0, 59)}…` : name;
  return `“\u2068${shown}\u2069”`;
}

function bodyOf(table: string): HTMLTableSectionElement {
  const [body] = element(table, HTMLTableElement).tBodies;
  if (!body) throw new Error(`the table ${table} has no body`);
  return body;
}

/** An element of the page by its id. */
function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}
