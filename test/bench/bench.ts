/**
 * The command `npm run bench [-- WORK... | OPTION...]`: measures the built command beside the peers that are on PATH.
 * See docs/performance.md.
 */
import { mkdirSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "#infra/local/paths.ts";
import { PUBLISHED_RESULTS, publish } from "./publish.ts";
import { addResult, type Circumstances, type Results } from "./results.ts";
import { Stage } from "./stage.ts";
import { targetTable, workTable } from "./tables.ts";
import { SIZES, type Size, WORK_NAMES, type WorkName, worksOn } from "./works.ts";

const USAGE = `Usage: npm run bench -- [WORK...] [--size full|small] [--server real|engine]
                        [--rounds N] [--most-files N] [--json FILE] [--publish]
  WORK       ${WORK_NAMES.join(" ")}; all of them when none is named
  --size     small: a few files, to see that it works
  --server   engine: the local engine is S3, also where MinIO is
             installed
  --rounds   how often each work is repeated, but for growth and startup
  --most-files
             leaves out the sizes of growth that are above it
  --json     what was measured, beside what the file holds of other works;
             .local/bench.json when not given
  --publish  write to docs/performance.*, docs/growth.svg instead`;

interface Arguments {
  readonly works: readonly WorkName[];
  readonly size: Size;
  readonly engineOnly: boolean;
  readonly json: string;
  readonly publish: boolean;
}

/** Undefined when they make no sense. */
function readArguments(argv: readonly string[]): Arguments | undefined {
  const options = {
    size: { type: "string", default: "full" },
    server: { type: "string", default: "real" },
    rounds: { type: "string" },
    "most-files": { type: "string" },
    json: { type: "string" },
    publish: { type: "boolean", default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    const { size: sizeName, server, publish } = values;
    const works = WORK_NAMES.filter((name) => positionals.length === 0 || positionals.includes(name));
    const isKnown = positionals.every((name) => works.some((work) => work === name));
    if (!isKnown || !isSize(sizeName) || (server !== "real" && server !== "engine")) return undefined;
    if (publish && (values.json !== undefined || sizeName !== "full")) return undefined;
    const usual: Size = SIZES[sizeName];
    const rounds = Number(values.rounds ?? usual.rounds);
    const mostFiles = Number(values["most-files"] ?? Number.POSITIVE_INFINITY);
    if (!Number.isSafeInteger(rounds) || rounds < 1 || !(mostFiles > 0)) return undefined;
    const size = { ...usual, rounds, growthFiles: usual.growthFiles.filter((files) => files <= mostFiles) };
    const json = publish ? PUBLISHED_RESULTS : (values.json ?? join(ROOT, ".local/bench.json"));
    return { works, size, engineOnly: server === "engine", json, publish };
  } catch {
    return undefined;
  }
}

function isSize(name: string): name is keyof typeof SIZES {
  return Object.hasOwn(SIZES, name);
}

async function bench(made: Arguments, argv: readonly string[]): Promise<void> {
  const { engineOnly } = made;
  const cleanups = new AsyncDisposableStack();
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= cleanups.disposeAsync();
    return ending;
  };
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => void end().finally(() => process.exit(1)));
  try {
    await measureAll(await Stage.set({ engineOnly, say: console.error, cleanups }), made, argv);
  } finally {
    await end();
  }
}

async function measureAll(
  stage: Stage,
  { works, size, json, publish: isPublished }: Arguments,
  argv: readonly string[],
) {
  const measured = worksOn(stage, size);
  const command = ["npm run bench", ...(argv.length > 0 ? ["--", ...withoutFile(argv)] : [])].join(" ");
  mkdirSync(dirname(json), { recursive: true });
  let results: Results = {};
  for (const name of works) {
    console.error(`Measuring: ${name} ...`);
    const [loadBefore = 0] = loadavg();
    const { title, rows } = await measured[name]();
    const result = { title, rows, circumstances: { ...circumstancesOf(stage, command), loadBefore } };
    results = addResult(json, name, result);
    console.log(`\n## ${name}\n\n${workTable(result)}`);
  }
  console.log(`\n${targetTable(Object.fromEntries(works.map((name) => [name, results[name]])) as Results)}`);
  if (isPublished) publish(results);
  console.error(`\nWritten to ${json}.`);
}

/** Where the results went is nothing that they depend on. */
function withoutFile(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf("--json");
  return at < 0 ? argv : argv.toSpliced(at, 2);
}

function circumstancesOf({ server, tools }: Stage, command: string): Omit<Circumstances, "loadBefore"> {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 1e9)} GB`;
  return {
    measuredAt: new Date().toISOString(),
    command,
    machine: `${processors.length} × ${processors[0]?.model.trim()}, ${memory}, ${process.platform}`,
    server,
    versions: Object.fromEntries(tools.map(({ name, version }) => [name, version])),
  };
}

const given = process.argv.slice(2);
const parsed = readArguments(given);
if (parsed === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else await bench(parsed, given);
