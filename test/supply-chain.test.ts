/** What others' code gets into this project, and into what ships: pinned by hash, from one registry, never run to install. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "acorn";
import { build } from "../build.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string) => JSON.parse(readFileSync(join(ROOT, path), "utf8"));
const MANIFEST = read("package.json");

interface LockedPackage {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
}
function lockedIn(path: string): Record<string, LockedPackage> {
  const { "": _, ...packages } = read(path).packages as Record<string, LockedPackage>;
  return packages;
}
const LOCKED = lockedIn("package-lock.json");
/** Of `npm run mutation`, installed by that alone. */
const MUTATION = "test/mutation/stryker";
const MUTATION_LOCKED = lockedIn(`${MUTATION}/package-lock.json`);
const LOCKS = { project: LOCKED, mutation: MUTATION_LOCKED };

/** The modules that a script imports, by their names in it. */
function importsOf(text: string): string[] {
  const { body } = parse(text, { ecmaVersion: "latest", sourceType: "module" });
  return body.flatMap((node) => {
    const from = "source" in node && node.source ? node.source.value : undefined;
    return typeof from === "string" ? [from] : [];
  });
}

describe("what is installed to build and test", () => {
  for (const [name, locked] of Object.entries(LOCKS)) {
    test(`fault 76: is pinned by its hash, each package: ${name}`, () => {
      const loose = Object.entries(locked).filter(
        // What lies in another package's tarball is covered by that one's hash.
        ([, { integrity, inBundle }]) => !(inBundle || integrity?.startsWith("sha512-")),
      );
      assert.ok(Object.keys(locked).length > 100);
      assert.deepEqual(loose, []);
    });

    test(`fault 76: comes from the registry: no URL, no repository, no folder: ${name}`, () => {
      const elsewhere = Object.entries(locked).filter(
        ([, { resolved, link }]) => resolved !== undefined || link === true,
      );
      assert.deepEqual(elsewhere, []);
    });
  }

  test("fault 76: is asked for by its version", () => {
    const { devDependencies } = read(`${MUTATION}/package.json`);
    const ranges = Object.values({ ...MANIFEST.devDependencies, ...MANIFEST.peerDependencies, ...devDependencies });
    assert.deepEqual(
      ranges.map(String).filter((range) => !/^\^?\d+\.\d+\.\d+$/.test(range)),
      [],
    );
  });

  test("fault 76: runs a script of its own only where that was looked at", () => {
    const running = (locked: typeof LOCKED) => Object.keys(locked).filter((path) => locked[path]?.hasInstallScript);
    const looked = Object.keys(MANIFEST.allowScripts).map((name) => `node_modules/${name}`);
    assert.deepEqual(running(LOCKED).sort(), looked.sort());
    assert.deepEqual(running(MUTATION_LOCKED), []);
  });
});

describe("what ships", () => {
  test("fault 76: needs no other package on a host, and runs nothing when it is installed", () => {
    assert.deepEqual([MANIFEST.dependencies, MANIFEST.optionalDependencies], [undefined, undefined]);
    const optional = Object.keys(MANIFEST.peerDependenciesMeta).filter(
      (name) => MANIFEST.peerDependenciesMeta[name].optional,
    );
    assert.deepEqual(Object.keys(MANIFEST.peerDependencies).sort(), optional.sort());
    const scripts = ["preinstall", "install", "postinstall", "prepare"].filter((name) => name in MANIFEST.scripts);
    assert.deepEqual(scripts, []);
  });

  test("fault 76: agent and validator import nothing but Node.js", async (t) => {
    const folder = temporaryFolder(t);
    await build(folder);
    const agent = readdirSync(join(folder, "agent")).filter((name) => name.endsWith(".js"));
    assert.ok(agent.includes("main.js"));
    for (const file of [...agent.map((name) => `agent/${name}`), "lambda/index.mjs"]) {
      const imports = importsOf(readFileSync(join(folder, file), "utf8"));
      const foreign = imports.filter((name) => !isBuiltin(name) && !agent.includes(name.replace(/^\.\//, "")));
      assert.deepEqual(foreign, [], file);
    }
  });

  test("fault 76: has a bill of materials, with the hash of each package", () => {
    const bill = JSON.parse(execFileSync("npm", ["run", "--silent", "sbom"], { cwd: ROOT, encoding: "utf8" }));
    assert.equal(bill.bomFormat, "CycloneDX");
    const named = new Set(bill.components.map(({ name }: { name: string }) => name));
    for (const name of Object.keys(MANIFEST.devDependencies)) assert.ok(named.has(name), name);
    const own = Object.values(LOCKED).filter(({ inBundle }) => !inBundle);
    const hashed = bill.components.filter(({ hashes }: { hashes?: unknown[] }) => hashes !== undefined);
    assert.ok(hashed.length > 0.9 * own.length, `${hashed.length} of ${own.length}`);
  });
});
