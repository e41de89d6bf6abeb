/**
 * What the works are measured on: an engine of their own, a real S3 server in its place where one is installed, proxies
 * in front of both, the built command, the tools. All of it is in one folder and goes with it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, DeleteObjectsCommand, paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import { build as bundle } from "esbuild";
import { type Engine, startEngine, stopEngine } from "#infra/local/engine.ts";
import { asAdmin, clientSettings } from "#infra/local/engine-client.ts";
import { cleanEnvironment } from "#infra/local/environment.ts";
import { engineFiles, ROOT } from "#infra/local/paths.ts";
import { installEngine } from "#infra/local/virtual-environment.ts";
import packageJson from "#package.json" with { type: "json" };
import { addFunctionSettings } from "#test/function-settings.ts";
import { build } from "../../build.ts";
import { REQUIRE_BANNER } from "../../bundle-handlers.ts";
import { type Latency, type LatencyProxy, NONE, startLatencyProxy, type TlsMaterial } from "./latency-proxy.ts";
import { type Command, type Measured, measure } from "./measure.ts";
import type { Row } from "./results.ts";
import { type S3Server, startS3Server } from "./s3-server.ts";
import { environmentFor, findTools, OURS, type Task, type Tool } from "./tools.ts";

const BUCKET = "cback-bench";
const PROFILE = "bench";
const QUIET_MS = 500;
/** One that lists and one that reads. The server lists on the same processors: more would only run out of their minute. */
const VALIDATORS_PER_PROCESSOR = 2;

/** Past the proxies, where bandwidth and CPU of this machine are what counts, or through them. */
export type Route = "direct" | "proxies";

export interface StageRequest {
  /** Whether the engine is the S3 server, whatever is installed. */
  readonly engineOnly: boolean;
  readonly say: (line: string) => void;
  /** Takes what is to be undone at the end, also of a stage that could not be set. */
  readonly cleanups: AsyncDisposableStack;
}

export class Stage {
  readonly tools: readonly Tool[];
  /** The S3 server, with its version. */
  readonly server: string;
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly #parts: Parts;
  #outputs = 0;

  private constructor(parts: Parts, { say }: StageRequest) {
    this.#parts = parts;
    this.folder = parts.folder;
    this.say = say;
    this.server = parts.server?.name ?? "the local engine";
    this.tools = findTools(parts.built, packageJson.version);
  }

  static async set(request: StageRequest): Promise<Stage> {
    return new Stage(await assemble(request), request);
  }

  /** A new directory of the bench. */
  directory(name: string): string {
    return mkdtempSync(join(this.folder, `${name}-`));
  }

  /** A tool's piece of work at a prefix. */
  task(tool: Tool, route: Route, task: Pick<Task, "directory" | "keyPrefix" | "stateDirectory">): Task {
    const { engine, server, hostProxy, queueProxy } = this.#parts;
    const direct = { s3: server?.endpoint ?? engine.endpoint, engine: engine.endpoint };
    const through = { s3: hostProxy.endpoint, engine: queueProxy.endpoint };
    // The engine binds hosts to their policy, which says nothing of what peers need.
    const principal = tool.name === OURS || server !== undefined ? engine.environment : asAdmin(engine.environment);
    const base = cleanEnvironment({ ...principal, HOME: this.folder });
    return { ...task, bucket: BUCKET, environment: environmentFor(base, route === "direct" ? direct : through) };
  }

  async measure(commands: readonly Command[]): Promise<Measured> {
    const outputFile = join(this.folder, "outputs", String(this.#outputs++));
    return measure(commands, { python: this.#parts.python, outputFile, signal: this.#parts.signal });
  }

  /** What passes from now on takes as long, and is counted anew. */
  begin(latency: Latency): void {
    const { hostProxy, queueProxy, validatorProxy } = this.#parts;
    for (const proxy of [hostProxy, queueProxy, validatorProxy]) proxy.begin(latency);
  }

  /** Waits until nobody asks for anything any more: the validator writes its status after the report. */
  async settle(): Promise<void> {
    const count = () => Object.values(this.#parts.validatorProxy.counts()).reduce((sum, each) => sum + each, 0);
    for (let before = -1; before !== count(); await sleep(QUIET_MS)) before = count();
  }

  requests(): NonNullable<Row["requests"]> {
    const { hostProxy, queueProxy, validatorProxy } = this.#parts;
    const host = { ...hostProxy.counts() };
    for (const [operation, count] of Object.entries(queueProxy.counts()))
      host[operation] = (host[operation] ?? 0) + count;
    return { host, validator: validatorProxy.counts() };
  }

  lastUploadMs(): number | undefined {
    return this.#parts.hostProxy.lastUploadMs();
  }

  /** How many objects a prefix had. */
  async empty(keyPrefix: string): Promise<number> {
    const { s3: client } = this.#parts;
    let count = 0;
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: BUCKET, Prefix: keyPrefix })) {
      count += Contents.length;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }));
    }
    return count;
  }
}

interface Parts {
  readonly folder: string;
  readonly python: string;
  readonly engine: Engine;
  readonly server: S3Server | undefined;
  readonly hostProxy: LatencyProxy;
  readonly queueProxy: LatencyProxy;
  readonly validatorProxy: LatencyProxy;
  readonly built: { readonly agent: string; readonly plainSdk: string };
  /** As whoever may do everything. */
  readonly s3: S3Client;
  readonly signal: AbortSignal;
}

async function assemble({ engineOnly, say, cleanups }: StageRequest): Promise<Parts> {
  const folder = mkdtempSync(join(tmpdir(), "cback-bench-"));
  cleanups.defer(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "outputs"));

  say("Building the command ...");
  const agent = join(folder, "dist/agent/cback-amazons3-sync.cjs");
  const plainSdk = join(folder, "plain-sdk.mjs");
  // The bundle is an ES module by what the package says of itself.
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: packageJson.type }));
  await build(join(folder, "dist"));
  await bundlePlainSdk(plainSdk);

  const engineFolder = join(folder, "engine");
  cleanups.defer(async () => void (await stopEngine(engineFolder)));
  const python = await installEngine(say);
  const engine = await startEngine({ folder: engineFolder, bucket: BUCKET, say });
  const { tls: tlsFolder, authority } = engineFiles(engineFolder);
  const certificate = join(tlsFolder, "server.pem");
  const key = join(tlsFolder, "server.key");
  const tls: TlsMaterial = {
    authority: readFileSync(authority),
    certificate: readFileSync(certificate),
    key: readFileSync(key),
  };

  // The host's credentials are the server's only ones: agent, peers and validator all use them there.
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = engine.environment;
  const made = { folder: join(folder, "server"), credentials: { accessKeyId, secretAccessKey }, certificate, key };
  const server = engineOnly ? undefined : await startS3Server({ ...made, authority: tls.authority });
  if (server !== undefined) cleanups.defer(() => server.stop());

  const proxied = async (upstream: string) => {
    const proxy = await startLatencyProxy(upstream, tls);
    cleanups.defer(() => proxy.close());
    proxy.begin(NONE);
    return proxy;
  };
  const s3Endpoint = server?.endpoint ?? engine.endpoint;
  const [hostProxy, queueProxy, validatorProxy] = [
    await proxied(s3Endpoint),
    await proxied(engine.endpoint),
    await proxied(s3Endpoint),
  ];

  const principal = server === undefined ? asAdmin(engine.environment) : engine.environment;
  const s3 = new S3Client({ ...clientSettings({ ...principal, AWS_ENDPOINT_URL: s3Endpoint }), forcePathStyle: true });
  cleanups.defer(() => s3.destroy());
  if (server !== undefined) await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const credentialsFile = join(folder, "credentials");
  if (server !== undefined)
    writeFileSync(
      credentialsFile,
      `[${PROFILE}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
      { mode: 0o600 },
    );
  const settings = {
    AWS_ENDPOINT_URL_S3: validatorProxy.endpoint,
    // Its role's credentials are known to the engine alone.
    ...(server === undefined ? {} : { AWS_PROFILE: PROFILE, AWS_SHARED_CREDENTIALS_FILE: credentialsFile }),
  };
  const mostAtOnce = VALIDATORS_PER_PROCESSOR * availableParallelism();
  await addFunctionSettings(engineFiles(engineFolder), BUCKET, engine.environment, settings, mostAtOnce);
  // Deferred last, so that it comes first: nothing is measured while the rest goes.
  const ending = new AbortController();
  cleanups.defer(() => ending.abort());
  return {
    ...{ folder, python, engine, server, hostProxy, queueProxy, validatorProxy, s3, signal: ending.signal },
    built: { agent, plainSdk },
  };
}

/** As one file, as the command is. */
async function bundlePlainSdk(outfile: string): Promise<void> {
  await bundle({
    ...{ absWorkingDir: ROOT, bundle: true, platform: "node", format: "esm", target: "node24", logLevel: "warning" },
    banner: { js: REQUIRE_BANNER },
    entryPoints: ["test/bench/plain-sdk.ts"],
    outfile,
  });
}
