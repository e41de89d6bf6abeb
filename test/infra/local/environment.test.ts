/** The file of settings, which people load into a shell and programs by `node --env-file`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  cleanEnvironment,
  type EngineEnvironment,
  engineEnvironment,
  readEnvironment,
  writeEnvironment,
} from "#infra/local/environment.ts";
import { engineFiles } from "#infra/local/paths.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

function environmentIn(folder: string): EngineEnvironment {
  return engineEnvironment({
    engine: { pid: 2, port: 4566, endpoint: "https://127.0.0.1:4566" },
    files: engineFiles(folder),
    bucket: "b",
    credentials: { accessKeyId: "key", secretAccessKey: "sec/ret+=" },
  });
}

describe("the file of settings means the same to all that load it", () => {
  const show = "process.stdout.write(JSON.stringify(process.env))";
  const load = {
    "this program": readEnvironment,
    "a shell": (path: string) => {
      const script = 'set -a; . "$1"; exec "$2" -e "$3"';
      const parameters = ["-c", script, "sh", path, process.execPath, show];
      return JSON.parse(execFileSync("/bin/sh", parameters, { env: {}, encoding: "utf8" }));
    },
    "node --env-file": (path: string) =>
      JSON.parse(execFileSync(process.execPath, [`--env-file=${path}`, "-e", show], { env: {}, encoding: "utf8" })),
  };
  for (const [reader, read] of Object.entries(load)) {
    for (const folder of ["/plain", "/with space/$HOME `id` \\ #", "/it's ü"]) {
      test(`${reader}, in the folder ${folder}`, (context) => {
        const path = join(temporaryFolder(context), "env");
        const written = environmentIn(folder);
        writeEnvironment(path, written);
        const loaded = read(path);
        for (const [name, value] of Object.entries(written)) assert.equal(loaded[name], value, name);
      });
    }
  }
});

test("a folder that no quotes can hold is refused", (context) => {
  const path = join(temporaryFolder(context), "env");
  assert.throws(() => writeEnvironment(path, environmentIn(`/it's "both"`)), { name: "LocalError" });
  assert.equal(readEnvironment(path), undefined);
});

test("nothing of the user's own AWS settings reaches what is started for the engine", (context) => {
  const before = { ...process.env };
  context.after(() => {
    process.env = before;
  });
  Object.assign(process.env, {
    AWS_PROFILE: "work",
    AWS_SESSION_TOKEN: "token",
    AWS_CA_BUNDLE: "/ca",
    CDK_HOME: "/cdk",
  });
  Object.assign(process.env, {
    NODE_EXTRA_CA_CERTS: "/ca",
    NODE_OPTIONS: "--no-warnings",
    CBACK_QUEUE_URL: "https://q",
  });
  const { PATH, ...rest } = cleanEnvironment({ AWS_REGION: "us-east-1" });
  assert.equal(PATH, before.PATH);
  const names = Object.keys(rest).filter((name) => /^(AWS|CDK|NODE|CBACK)_/.test(name));
  assert.deepEqual(names, ["AWS_REGION"]);
});
