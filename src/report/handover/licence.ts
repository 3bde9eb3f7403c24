import { markdownText, oneLine } from "../../harmless.js";
import type { HandedModel } from "./facts.js";

/** The licences that Hugging Face knows by these ids; any other is `other`, by its name. */
const LICENCES = [
  "apache-2.0 mit bsd bsd-2-clause bsd-3-clause isc unlicense wtfpl zlib openrail unknown",
  "cc cc0-1.0 cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0",
  "cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0",
  "gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 agpl-3.0 mpl-2.0 epl-2.0 eupl-1.2",
].flatMap((ids) => ids.split(" "));

/** A licence as the front matter of a model card says it. */
export function licenceFields(licence: string | null): object {
  const id = licence?.toLowerCase();
  if (licence === null || id === undefined) return { license: "unknown" };
  return LICENCES.includes(id) ? { license: id } : { license: "other", license_name: oneLine(licence) };
}

/** A licence as a model card's text says it. */
export function licenceText({ licence, dataset }: HandedModel): string {
  const model =
    licence === null
      ? "Of the model: unknown; whoever made it has to say."
      : `Of the model: ${markdownText(licence)}.`;
  return `${model} The terms of the data set (${markdownText(dataset)}) and of the teachers may bind whoever uses it as well.`;
}
