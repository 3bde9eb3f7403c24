import type { TrainingSettings } from "../recipes/settings.js";
import { SELECTION_ATTACK } from "../training/schedule.js";
import { evaluationCost, trainingCost, trainingLooks } from "./ledger.js";
import { loadWork } from "./load-work.js";
import { imagesOf, type RunPlace, type Session } from "./session.js";

/** Trains a run to its end, from where it is, with progress over all the work. */
export async function trainMissing(
  folder: string,
  settings: TrainingSettings,
  name: string,
  place: RunPlace,
  { places, events, ledger, lock, record }: Session,
): Promise<void> {
  lock.hold();
  const { trainRun } = await loadWork(places);
  const images = imagesOf(settings, record);
  const allotted = trainingLooks(settings, images.train, images.selection);
  const cost = trainingCost(settings);
  let accounted = 0;
  let lastStep: number | null = null;
  let imagesPerSecond: number | null = null;
  await trainRun(settings, folder, places, events, (progress) => {
    const { step, steps, epoch, evaluated } = progress;
    if (lastStep === null) {
      accounted = (allotted * step) / steps;
      ledger.strike(accounted);
      if (step > 0) events.onMessage(`resumed after step ${step} of ${steps}`);
    } else {
      const imagesPerStep = (images.train * settings.epochs) / steps;
      const looks = (step - lastStep) * imagesPerStep * cost + evaluated * evaluationCost(SELECTION_ATTACK);
      accounted += looks;
      ledger.work(looks);
    }
    lastStep = step;
    imagesPerSecond = progress.imagesPerSecond ?? imagesPerSecond;
    const doing =
      evaluated > 0 ? `choosing the best of epoch ${epoch}/${settings.epochs}` : `step ${step}/${steps}`;
    events.onProgress({
      ...place,
      doing: `${name}: ${doing}`,
      imagesPerSecond,
      secondsLeft: ledger.secondsLeft(),
    });
  });
  ledger.strike(allotted - accounted);
}
