/** Where the local engine keeps its things. Every engine has a folder of its own; all share one virtual environment. */
import { dirname, join } from "node:path";

/** The checkout, from which the stack is deployed. */
export const ROOT = join(import.meta.dirname, "..", "..");

/** The folder of the engine that `npm run local` starts. */
export const LOCAL_FOLDER = join(ROOT, ".local");

/** The bucket of that engine. */
export const LOCAL_BUCKET = "cback-local";

/** Installed once for all engines of a checkout. */
export const VENV_FOLDER = join(LOCAL_FOLDER, "venv");

/** Node as it runs now, for what we start: a function's runtime, the CDK, the agent. */
export const NODE_FOLDER = dirname(process.execPath);

/** The files of an engine below its folder. */
export function engineFiles(folder: string) {
  return {
    /** What clients load. */
    env: join(folder, "env"),
    /** What the engine printed. */
    log: join(folder, "engine.log"),
    /** What the CDK printed. */
    cdkLog: join(folder, "cdk.log"),
    cdkHome: join(folder, "cdk-home"),
    cdkOutput: join(folder, "cdk.out"),
    stackOutputs: join(folder, "stack-outputs.json"),
    /** What was deployed last, so that an unchanged stack is not deployed again. */
    deployed: join(folder, "deployed.json"),
    pid: join(folder, "engine.pid"),
    port: join(folder, "port"),
    lock: join(folder, "lock"),
    tls: join(folder, "tls"),
    /** What clients trust. */
    authority: join(folder, "tls", "ca.pem"),
    state: join(folder, "state"),
    objects: join(folder, "objects"),
    temporary: join(folder, "tmp"),
  };
}

export type EngineFiles = ReturnType<typeof engineFiles>;
