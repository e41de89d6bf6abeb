/** How a run must end that nothing disturbed, and what the bucket must hold then: from the truth alone. */
import type { Truth } from "./memory-disk.ts";
import { isData, isUnknown, Violation } from "./observer.ts";
import { type Ending, type Ran, SOURCE } from "./run-plan.ts";
import type { World } from "./world.ts";

export interface Difference {
  /** Paths of files whose object is not there, or another. */
  readonly wrong: readonly string[];
  /** The same, but of the same size, and only content would tell: nothing was ever proven of them. */
  readonly doubtful: readonly string[];
  readonly extras: readonly string[];
}

function differences(world: World, truth: Truth, adopts: boolean): Difference {
  const { bucket, traits, observer } = world;
  const { prefix } = traits;
  const wrong: string[] = [];
  const doubtful: string[] = [];
  for (const [path, content] of truth.files) {
    const object = bucket.objects.get(prefix + path);
    if (truth.unknown.has(path) || object?.body.equals(content)) continue;
    const mayPass = adopts && object?.body.length === content.length && observer.adoptable.has(prefix + path);
    (mayPass ? doubtful : wrong).push(path);
  }
  const extras = [...bucket.objects].filter(([key, { body }]) => {
    if (!key.startsWith(prefix) || !isData(key, body)) return false;
    const path = key.slice(prefix.length);
    return !truth.files.has(path) && !isUnknown(path, truth.unknown);
  });
  return { wrong, doubtful, extras: extras.map(([key]) => key.slice(prefix.length)) };
}

/** Runs the agent with nothing in its way, and holds what comes of it against what must. */
export async function runUndisturbed(world: World, switches: readonly string[], go: () => Promise<Ran>): Promise<Ran> {
  const truth = world.disk.truth(SOURCE);
  const adopts = !switches.includes("--checksum");
  const before = differences(world, truth, adopts);
  const wasTouched = world.observer.touched.size > 0;
  const ran = await go();
  const after = differences(world, truth, adopts);
  const allowed = endings(world, truth, switches, before, wasTouched);
  if (!allowed.includes(ran.ending))
    throw new Violation(
      `an undisturbed run [${switches}] ends with ${ran.ending}, and should with ${allowed.join(" or ")}: ${JSON.stringify({ before, after })}`,
    );
  const done = ran.ending === "success" || ran.ending === "incomplete";
  if (done && after.wrong.length > 0)
    throw new Violation(`${ran.ending}, and [${after.wrong}] is not as in the source`);
  if (done && after.extras.length > 0 && !switches.includes("-u"))
    throw new Violation(`${ran.ending}, and [${after.extras}] is in the bucket, not in the source`);
  const [, entries] = ran.lines.map((line) => /^Source: (\d+) /.exec(line)).find((match) => match !== null) ?? [];
  if (entries !== undefined && Number(entries) !== truth.entries)
    throw new Violation(`I3: the run counts ${entries} entries of ${truth.entries}`);
  if (ran.ending === "success" && !switches.includes("-v") && !switches.includes("-u")) {
    world.observer.touched.clear();
    world.observer.forgetful = false;
  }
  return ran;
}

function endings(
  { traits }: World,
  truth: Truth,
  switches: readonly string[],
  before: Difference,
  wasTouched: boolean,
): Ending[] {
  const isIncomplete = truth.unknown.size > 0 || (truth.unrepresentable > 0 && !switches.includes("-w"));
  const locked = [...truth.unknown].filter((path) => truth.files.has(path));
  // A file that nobody may read is no fault as long as it need not be read.
  const best: Ending[] = isIncomplete ? ["incomplete"] : ["success"];
  if (isIncomplete && truth.unknown.size === locked.length && truth.unrepresentable === 0) best.push("success");
  if (switches.includes("-v")) {
    if (before.wrong.length + before.extras.length > 0) return ["mismatch"];
    // The same content may be another version than the one that was proven; with KMS nobody can tell. And the size of a
    // file tells enough of one that cannot be read.
    const isOpen = wasTouched || locked.length > 0 || traits.encrypted || before.doubtful.length > 0;
    return isOpen ? [...best, "mismatch"] : best;
  }
  if (switches.includes("-u")) return best;
  if (truth.hidden) return before.extras.length > 0 ? ["mismatch"] : best;
  if (truth.files.size === 0 && !switches.includes("--allow-empty-source"))
    return before.extras.length > 0 ? ["safety-stop"] : [...best, "safety-stop"];
  return best;
}
