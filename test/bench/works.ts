/** The pieces of work that are measured, each for all tools that can do it, side by side in turns. */
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RACY_MS } from "#agent/baseline.ts";
import { AS_S3, type Latency, NONE } from "./latency-proxy.ts";
import { type Command, CommandFailed, type Figures, type Measured } from "./measure.ts";
import type { Row, WorkResult } from "./results.ts";
import type { Route, Stage } from "./stage.ts";
import { OURS, TOOLS_PATH, type Tool } from "./tools.ts";
import { fillTree } from "./tree.ts";

const MIB = 1024 * 1024;
/** Content that no work reads: only how many files there are counts. */
const LEAST_BYTES = 16;

export interface Size {
  readonly rounds: number;
  readonly uploadFiles: number;
  /** Of the works about a bucket that is full already. */
  readonly fullFiles: number;
  readonly largeFiles: number;
  readonly largeBytes: number;
  readonly reportFiles: number;
  readonly growthFiles: readonly number[];
  readonly starts: number;
}

export const SIZES = {
  full: {
    rounds: 3,
    uploadFiles: 10_000,
    fullFiles: 100_000,
    largeFiles: 4,
    largeBytes: 256 * MIB,
    reportFiles: 20_000,
    growthFiles: [10_000, 100_000, 1_000_000],
    starts: 21,
  },
  small: {
    rounds: 1,
    uploadFiles: 20,
    fullFiles: 20,
    largeFiles: 1,
    largeBytes: 20 * MIB,
    reportFiles: 20,
    growthFiles: [10, 20],
    starts: 1,
  },
} satisfies Record<string, Size>;

export const WORK_NAMES = ["upload", "unchanged", "listed", "large", "report", "growth", "startup"] as const;
export type WorkName = (typeof WORK_NAMES)[number];
type Work = () => Promise<Pick<WorkResult, "title" | "rows">>;

export function worksOn(stage: Stage, size: Size): Readonly<Record<WorkName, Work>> {
  const ours = stage.tools.filter(({ name }) => name === OURS);
  const oursAndPeers = stage.tools.filter(({ name, isPeer }) => isPeer || name === OURS);
  let full: FullBucket | undefined;
  const fullBucket = async () => {
    full ??= await fillBucket(stage, size.fullFiles, "proxies");
    return full;
  };

  return {
    upload: async () => ({
      title: `First upload of ${inWords(size.uploadFiles)} files of 4 KiB`,
      rows: await firstUploads(stage, stage.tools, size.uploadFiles, 4096, size.rounds),
    }),

    unchanged: async () => {
      const { directory, keyPrefix, stateDirectory } = await fullBucket();
      return {
        title: `${inWords(size.fullFiles)} unchanged files, with latency; then the bucket is checked, by whoever can`,
        rows: await inTurns(stage, stage.tools, {
          ...{ files: size.fullFiles, rounds: size.rounds, latency: AS_S3 },
          turn(tool, route) {
            const task = stage.task(tool, route, { directory, keyPrefix, stateDirectory });
            return { commands: [...tool.sync(task), ...tool.check(task)] };
          },
        }),
      };
    },

    listed: async () => {
      const { directory, keyPrefix } = await fullBucket();
      return {
        title: `${inWords(size.fullFiles)} files that are in the bucket already, nothing known of them, with latency`,
        rows: await inTurns(stage, stage.tools, {
          ...{ files: size.fullFiles, rounds: size.rounds, latency: AS_S3 },
          turn(tool, route) {
            const task = stage.task(tool, route, { directory, keyPrefix, stateDirectory: stage.directory("state") });
            return { commands: tool.sync(task) };
          },
        }),
      };
    },

    large: async () => ({
      title: `First upload of ${size.largeFiles} × ${size.largeBytes / MIB} MiB`,
      rows: await firstUploads(stage, stage.tools, size.largeFiles, size.largeBytes, size.rounds),
    }),

    report: async () => {
      const rows = await firstUploads(stage, ours, size.reportFiles, 1024, size.rounds, NONE);
      return { title: `From the last upload to the verdict, ${inWords(size.reportFiles)} files, no latency`, rows };
    },

    growth: async () => {
      const rows: Row[] = [];
      for (const files of size.growthFiles) rows.push(...(await growTo(stage, oursAndPeers, files)));
      return { title: "What a run costs as the tree grows, no latency", rows };
    },

    startup: async () => ({
      title: "Start: print help or version, and end",
      rows: await starts(stage, oursAndPeers, size.starts),
    }),
  };
}

interface Turns {
  readonly files: number;
  readonly rounds: number;
  /** Undefined: past the proxies, after one round through them, which warms up and counts the requests. */
  readonly latency: Latency | undefined;
  turn(tool: Tool, route: Route): Turn;
}

interface Turn {
  readonly commands: readonly Command[];
  /** What is not measured. */
  readonly after?: () => Promise<void>;
}

/** A peer that fails keeps its row, with the reason; ours must not fail. */
async function inTurns(stage: Stage, tools: readonly Tool[], { files, rounds, latency, turn }: Turns): Promise<Row[]> {
  const records = tools.map((tool) => ({ tool, ...newRecord() }));
  const warmUps = latency === undefined ? 1 : 0;
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const record of records) {
      if (record.failed !== undefined) continue;
      const route = latency !== undefined || round < warmUps ? "proxies" : "direct";
      stage.begin(latency ?? NONE);
      try {
        const { commands, after } = turn(record.tool, route);
        const measured = await stage.measure(commands);
        await stage.settle();
        if (route === "proxies") record.requests = stage.requests();
        if (round >= warmUps) addRound(record, measured, stage.lastUploadMs());
        await after?.();
      } catch (error) {
        if (!(error instanceof CommandFailed) || record.tool.name === OURS) throw error;
        record.failed = error.message;
      }
    }
  }
  return records.map(({ tool, ...record }) => rowOf(tool, files, record));
}

interface TurnRecord {
  readonly rounds: Figures[];
  readonly reportSeconds: number[];
  requests: Row["requests"];
  failed: string | undefined;
}

function newRecord(): TurnRecord {
  return { rounds: [], reportSeconds: [], requests: undefined, failed: undefined };
}

function addRound(record: TurnRecord, { endedMs, ...figures }: Measured, lastUploadMs: number | undefined): void {
  record.rounds.push(figures);
  if (lastUploadMs !== undefined) record.reportSeconds.push((endedMs - lastUploadMs) / 1000);
}

function rowOf({ name, isPeer }: Pick<Tool, "name" | "isPeer">, files: number, record: TurnRecord, step?: string): Row {
  const { rounds, reportSeconds, requests, failed } = record;
  return {
    ...{ tool: name, isPeer, files, rounds },
    ...(step === undefined ? {} : { step }),
    ...(requests === undefined ? {} : { requests }),
    ...(reportSeconds.length === 0 ? {} : { reportSeconds }),
    ...(failed === undefined ? {} : { failed }),
  };
}

/** Each into an empty prefix of its own, which must hold all files afterwards. */
async function firstUploads(
  stage: Stage,
  tools: readonly Tool[],
  files: number,
  bytesEach: number,
  rounds: number,
  latency?: Latency,
): Promise<Row[]> {
  const directory = makeTree(stage, files, bytesEach);
  return inTurns(stage, tools, {
    ...{ files, rounds, latency },
    turn(tool, route) {
      const stateDirectory = stage.directory("state");
      const keyPrefix = `${basename(stateDirectory)}/`;
      return {
        commands: tool.sync(stage.task(tool, route, { directory, keyPrefix, stateDirectory })),
        async after() {
          const count = await stage.empty(keyPrefix);
          if (count !== files) throw new CommandFailed(`it left ${count} objects for ${files} files`);
        },
      };
    },
  });
}

interface FullBucket {
  readonly directory: string;
  readonly keyPrefix: string;
  /** With a baseline of it. */
  readonly stateDirectory: string;
  readonly measured: Measured;
}

/**
 * Ours fills it; so it is ours that knows of it.
 *
 * @param route the one that is measured later: what ours knows, it believes only of the same endpoint
 */
async function fillBucket(stage: Stage, files: number, route: Route): Promise<FullBucket> {
  const directory = makeTree(stage, files, LEAST_BYTES);
  const made = { directory, keyPrefix: `full-${basename(directory)}/`, stateDirectory: stage.directory("state") };
  // What has only just changed is not believed to be as it was.
  await sleep(RACY_MS + 100);
  stage.begin(NONE);
  stage.say(`Filling the bucket with ${inWords(files)} files ...`);
  const [ours] = stage.tools;
  if (ours?.name !== OURS) throw new Error("ours is not the first of the tools");
  const measured = await stage.measure(ours.sync(stage.task(ours, route, made)));
  return { ...made, measured };
}

/** A first upload by ours; then, nothing having changed, one run of each. */
async function growTo(stage: Stage, tools: readonly Tool[], files: number): Promise<Row[]> {
  const route = "direct";
  const { directory, keyPrefix, stateDirectory, measured } = await fillBucket(stage, files, route);
  const rows = [...tools].flatMap((tool) => {
    if (tool.name !== OURS) return [];
    const record = newRecord();
    addRound(record, measured, undefined);
    return [rowOf(tool, files, record, "first upload")];
  });
  for (const tool of tools) {
    stage.say(`${tool.name}: ${inWords(files)} unchanged files ...`);
    const record = newRecord();
    try {
      const task = stage.task(tool, route, { directory, keyPrefix, stateDirectory });
      addRound(record, await stage.measure(tool.sync(task)), undefined);
    } catch (error) {
      if (!(error instanceof CommandFailed) || tool.name === OURS) throw error;
      record.failed = error.message;
    }
    rows.push(rowOf(tool, files, record, "unchanged"));
  }
  return rows;
}

async function starts(stage: Stage, tools: readonly Tool[], count: number): Promise<Row[]> {
  const node = { name: "node -e 0", isPeer: false, startArgv: [process.execPath, "-e", "0"] };
  const records = [node, ...tools].map((tool) => ({ tool, ...newRecord() }));
  const environment = { PATH: TOOLS_PATH, HOME: stage.folder, TMPDIR: stage.folder };
  for (let round = 0; round <= count; round++) {
    for (const record of records) {
      const measured = await stage.measure([{ argv: record.tool.startArgv, environment }]);
      // The first one finds nothing in the caches.
      if (round > 0) addRound(record, measured, undefined);
    }
  }
  return records.map(({ tool, ...record }) => rowOf(tool, 1, record));
}

function makeTree(stage: Stage, files: number, bytesEach: number): string {
  const directory = stage.directory("tree");
  fillTree(directory, files, bytesEach);
  return directory;
}

function inWords(count: number): string {
  return count.toLocaleString("en");
}
