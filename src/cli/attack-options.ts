import type { Argv } from "yargs";
import type { Access, AttackSettings, SingleAttack } from "../attacks/attack.js";
import { type AttackId, attackIds, attacks, isTransfer } from "../attacks/attacks.js";
import {
  type Conventions,
  uniformStarts,
  USUAL_CONVENTIONS,
  wrongWhenClean,
} from "../attacks/conventions.js";
import { type Norm, norms } from "../attacks/norms.js";
import { InputError } from "../errors.js";
import {
  changesOf,
  checkConventions,
  checkNumbers,
  checkThreat,
  checkRestarts,
  type NumberNames,
} from "../evaluation/numbers.js";
import type { AttackNumbers } from "../evaluation/rounds.js";
import { type AttackChanges, USUAL_SEED } from "../evaluation/settings.js";
import type { StudentChoice } from "../model/run-student.js";
import { parseSetting } from "../recipes/settings.js";
import { requestedDevice, type DeviceRequest } from "../runtime/device.js";
import { checkpointOption, deviceOption, type HandlerArguments } from "./options.js";
import type { GlobalArguments } from "./output.js";

const OPTIONS: NumberNames = {
  steps: "--steps",
  stepSize: "--step-size",
  queries: "--queries",
  targetClasses: "--target-classes",
  restarts: "--restarts",
};

const THREAT = { norm: "--norm", epsilon: "--eps" } as const;

/** The options of commands that attack. */
export function attackOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .option("eps", {
      type: "string",
      requiresArg: true,
      describe: "radius, in pixel values of [0, 1]",
      defaultDescription: Object.values(norms)
        .map(({ title, text }) => `${text} in ${title}`)
        .join(", "),
    })
    .option("norm", {
      choices: Object.keys(norms),
      coerce: normOf,
      default: "linf",
      requiresArg: true,
      describe: "what radius and step size are measured in; 2 is l2",
    })
    .option("steps", { requiresArg: true, describe: "in place of the attacks' own number of steps" })
    .option("step-size", {
      type: "string",
      requiresArg: true,
      describe: "in place of the attacks' own step size, such as 2/255",
    })
    .option("queries", { requiresArg: true, describe: "in place of the attacks' own most looks an image" })
    .option("target-classes", {
      requiresArg: true,
      describe: "how many wrong classes targeted attacks aim at, in place of their own number",
    })
    .option("restarts", {
      requiresArg: true,
      default: 1,
      describe: "runs of each random attack, on the images still robust",
    })
    .option("wrong-when-clean", {
      choices: Object.keys(wrongWhenClean),
      requiresArg: true,
      default: USUAL_CONVENTIONS.wrongWhenClean,
      describe: "an image answered wrong before the attack: not robust (AutoAttack), or as it ends (MTARD)",
    })
    .option("uniform-start", {
      choices: Object.keys(uniformStarts),
      requiresArg: true,
      default: USUAL_CONVENTIONS.uniformStart,
      describe: "whether noise that PGD and CW start from stays in [0, 1] (MTARD) or not (TRADES)",
    })
    .option("surrogate", {
      type: "string",
      requiresArg: true,
      describe: "the classifier that transfer attacks make their images on",
    })
    .option("seed", {
      requiresArg: true,
      default: USUAL_SEED,
      describe: "of everything random in the attacks",
    })
    .option("checkpoint", checkpointOption)
    .option("device", deviceOption);
}

/** A norm is known by its number too: 2, inf. */
function normOf(asked: unknown): string {
  const name = String(asked);
  return Object.keys(norms).find((id) => id.slice(1) === name.toLowerCase()) ?? name;
}

const SEES: Readonly<Record<Access, string>> = {
  gradient: "gradients",
  logits: "logits",
  labels: "the class answered alone",
};

/** Lists every attack for the end of a command's help: what it looks at, and its default settings. */
export function attackList(): string {
  const facts = attackIds.map((id) => {
    const known = attacks[id];
    const about =
      known.kind === "ensemble"
        ? `${known.parts.join(", ")}, each on what withstood those before`
        : known.kind === "transfer"
          ? `${known.of} made on --surrogate`
          : [SEES[known.access], ...Object.entries(known.defaults).map(numberText), ...inL2(known)].join(
              ", ",
            );
    return `  ${id.padEnd(Math.max(...attackIds.map(({ length }) => length)))}  ${about}`;
  });
  return ["Attacks, what they look at and their defaults:", ...facts].join("\n");
}

/** What is other in L2, or that there is no such form. */
function inL2(attack: SingleAttack): string[] {
  if (attack.l2 === undefined) return ["L-infinity alone"];
  return Object.entries<number>(attack.l2).map((each) => `in L2 ${numberText(each)}`);
}

function numberText([name, value]: [string, number]): string {
  const pixels = 255 * value;
  const shown = name === "stepSize" && Number.isInteger(pixels) ? `${pixels}/255` : String(value);
  return `${OPTIONS[name as keyof AttackSettings].replace("--", "").replace("-", " ")} ${shown}`;
}

/** The conventions that the options name. @throws {InputError} if one makes no difference to the attacks asked for. */
export function requestedConventions(
  ids: readonly AttackId[],
  { conventions }: Pick<AttackRequest, "conventions">,
): Conventions {
  return checkConventions(ids, conventions, {
    wrongWhenClean: "--wrong-when-clean",
    uniformStart: "--uniform-start",
  });
}

type AttackArguments = HandlerArguments<typeof attackOptions>;

/** What the options ask for, each checked by itself. */
export interface AttackRequest {
  readonly norm: Norm;
  readonly epsilon: number;
  /** The radius as it was typed. */
  readonly radius: string;
  readonly numbers: AttackNumbers;
  readonly restarts: number;
  readonly conventions: Readonly<Record<keyof Conventions, string>>;
  readonly surrogate: string | undefined;
  readonly seed: number;
  readonly checkpoint: StudentChoice;
  readonly device: DeviceRequest;
}

/** @throws {InputError} naming the option that is wrong, or an attack that has no form in the norm. */
export function attackRequest(ids: readonly AttackId[], args: AttackArguments): AttackRequest {
  const { steps, queries } = args;
  const asked = { steps, stepSize: args["step-size"], queries, targetClasses: args["target-classes"] };
  const { norm, epsilon } = checkThreat(ids, { norm: args.norm, epsilon: args.eps }, THREAT);
  return {
    ...{ norm, epsilon, radius: args.eps ?? norms[norm].text },
    numbers: checkNumbers(asked, OPTIONS, norm),
    restarts: checkRestarts(args.restarts, OPTIONS),
    conventions: { wrongWhenClean: args["wrong-when-clean"], uniformStart: args["uniform-start"] },
    surrogate: args.surrogate,
    seed: parseSetting("seed", args.seed, "--seed"),
    checkpoint: args.checkpoint,
    device: requestedDevice(args.device),
  };
}

/**
 * The changes that the options make to the attacks asked for.
 *
 * @throws {InputError} if an option changes none of them, or a transfer attack lacks its surrogate.
 */
export function requestedChanges(
  ids: readonly AttackId[],
  { numbers, restarts, surrogate }: AttackRequest,
): AttackChanges {
  const transfers = ids.filter(isTransfer);
  if (transfers.length > 0 && surrogate === undefined)
    throw new InputError(`${transfers.join(" and ")} needs another classifier to make the images on`, {
      expected: "--surrogate with a teacher's name, a run directory or an .onnx file",
      found: "no --surrogate",
    });
  if (transfers.length === 0 && surrogate !== undefined)
    throw new InputError("--surrogate is for transfer attacks alone", {
      expected: "a transfer attack among --attacks",
      found: ids.length === 0 ? "none" : ids.join(", "),
      fix: "leave --surrogate out, or add transfer-pgd-trades",
    });
  return changesOf(ids, numbers, restarts, OPTIONS);
}
