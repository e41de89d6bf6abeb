/**
 * The construct in somebody else's CDK app: outside this repository, from the packed package, with neither esbuild nor
 * Docker within reach. The app is the example of `docs/deploy.md`.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { NODE_FOLDER, ROOT } from "#infra/local/paths.ts";
import { assertExit, runAgent } from "#test/e2e/agent-process.ts";
import { makeTree } from "#test/e2e/tree.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { startBareEngine } from "./bare-engine.ts";

const PACKAGE = "cback-amazons3-sync";
/** What such an app has besides, in the versions of this checkout. */
const TOOLS = ["aws-cdk", "aws-cdk-lib", "constructs", "typescript", "@types/node"];
const STACK = "Backups";

/** As `cdk init` makes it; whatever is not declared anywhere is an error. */
const COMPILER_OPTIONS = { target: "es2022", strict: true, types: ["node"], outDir: "compiled" };
const RESOLUTIONS = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler", noEmit: true },
};

/** Types that were lost on the way would take anything. */
const REFUSED = `
import { Stack } from "aws-cdk-lib";
import { BackupValidator } from "${PACKAGE}/infra";
// @ts-expect-error A bucket's name is text.
new BackupValidator(new Stack(), "Number", { bucketName: 5 });
// @ts-expect-error There is no such property.
new BackupValidator(new Stack(), "Unknown", { bucketName: "b", memory: 512 });
`;

const run = promisify(execFile);
const folder = temporaryFolder({ after });
const app = join(folder, "app");
const engine = await startBareEngine({ after });
/** Nothing but Node.js. */
const bare = { app, path: NODE_FOLDER };

// Each step stands on the one before.
test("a CDK app outside this repository", async (t) => {
  await t.test("npm install of the packed package brings neither esbuild nor an SDK", async () => {
    await run("npm", ["pack", "--pack-destination", folder], { cwd: ROOT });
    const [tarball = assert.fail("npm pack made no package")] = globSync("*.tgz", { cwd: folder });
    makeApp({ [PACKAGE]: `file:${join(folder, tarball)}` });
    await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: app });
    for (const name of ["esbuild", "@aws-sdk"]) assert.ok(!existsSync(join(app, "node_modules", name)), name);
  });

  for (const resolution of Object.keys(RESOLUTIONS))
    await t.test(`tsc takes the construct's types with moduleResolution ${resolution}`, async () => {
      const compiler = join(app, "node_modules", "typescript", "bin", "tsc");
      await run(process.execPath, [compiler, "--project", `tsconfig.${resolution}.json`], { cwd: app });
    });

  await t.test(
    "cdk deploy makes two validators in one stack; the agent of the package is verified by each",
    async () => {
      await engine.bootstrap([], bare);
      const { [STACK]: outputs = assert.fail(`no outputs of ${STACK}`) } = (await engine.deploy([], bare)).outputs;
      const source = makeTree(folder, { "notes.txt": "notes", "mail/inbox": "mail" });
      const command = join(app, "node_modules", ".bin", PACKAGE);
      for (const [name, policyArn, url] of [
        ["web1", outputs.Web1Policy, "s3://example-servers/web1"],
        ["laptop", outputs.LaptopsPolicy, "s3://example-laptops"],
      ] as const) {
        const host = await engine.makeHost(name, policyArn);
        const environment = { ...host.environment, PATH: NODE_FOLDER };
        const ended = await runAgent(folder, [source, url], { environment, command });
        assertExit(ended, 0);
        assert.match(ended.stdout, /^Verdict: match\. The validator found all 2 files /m);
      }
    },
  );

  await t.test("the same app as an ES module deploys the same", async () => {
    const { said } = await engine.deploy(["--app", "node compiled/module.mjs"], bare);
    assert.match(said, new RegExp(`${STACK} \\(no changes\\)`));
  });
});

function makeApp(own: Readonly<Record<string, string>>): void {
  const files: Readonly<Record<string, unknown>> = {
    "package.json": { private: true, dependencies: { ...own, ...Object.fromEntries(TOOLS.map(versionHere)) } },
    "cdk.json": { app: "node compiled/app.js", versionReporting: false },
    ...Object.fromEntries(
      Object.entries(RESOLUTIONS).map(([name, options]) => [
        `tsconfig.${name}.json`,
        { compilerOptions: { ...COMPILER_OPTIONS, ...options }, include: ["*.ts", "*.mts"] },
      ]),
    ),
  };
  const sources = { "app.ts": example(), "module.mts": example(), "refused.ts": REFUSED };
  mkdirSync(app);
  for (const [name, content] of Object.entries({ ...files, ...sources }))
    writeFileSync(join(app, name), typeof content === "string" ? content : JSON.stringify(content));
}

function versionHere(name: string): [string, string] {
  const { version } = JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8"));
  return [name, version];
}

function example(): string {
  const [, code] = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, "docs/deploy.md"), "utf8")) ?? [];
  return code ?? assert.fail("docs/deploy.md has no example");
}
