// Shows what attacks do to a model, one PNG an attack: node attack-pictures.ts [model] [dataset]
import { writeFileSync } from "node:fs";
import { attackImages, drawAttack, openModel, prepareDataset } from "mtard";

const [named = "demo-clean", dataset = "demo"] = process.argv.slice(2);
if (dataset === "demo") await prepareDataset("demo", "data");

using model = await openModel(named, { dataset });
for (const attack of ["fgsm", "pgd-sat", "cw"] as const) {
  const images = await attackImages(model, { dataset, attack, limit: 6 });
  const fooled = images.filter(({ label, after }) => after.answer !== label).length;
  const title = `${attack} on ${model.name}`;
  writeFileSync(
    `${attack}.png`,
    await drawAttack(model, images, { title, subtitle: `${fooled} of 6 wrong` }),
  );
  console.log(`${attack}.png: ${fooled} of 6 wrong`);
}
