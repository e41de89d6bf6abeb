/** The built command: what it loads before it knows that there is a run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../build.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A file of the built agent and all that it loads with itself. */
function loaded(folder: string, name: string, known = new Set<string>()): Set<string> {
  if (known.has(name)) return known;
  known.add(name);
  const text = readFileSync(join(folder, name), "utf8");
  for (const [, other = ""] of text.matchAll(/^(?:import|export)\b[^"]*"\.\/([^"]+)";$/gm))
    loaded(folder, other, known);
  return known;
}

test("the built command loads the SDK for a run alone", async (t) => {
  const folder = temporaryFolder(t);
  await build(folder);
  const agent = join(folder, "agent");
  const textOf = (names: Iterable<string>) =>
    [...names].map((name) => readFileSync(join(agent, name), "utf8")).join("");
  assert.doesNotMatch(textOf(loaded(agent, "main.js")), /ListObjectsV2Command/);
  const [, start = ""] = /import\("\.\/(start-[^"]+)"\)/.exec(textOf(["main.js"])) ?? [];
  assert.match(textOf(loaded(agent, start)), /ListObjectsV2Command/);
  assert.doesNotMatch(textOf(loaded(agent, start)), /ListEventSourceMappings/, "nor Lambda's client for all runs");
  const help = execFileSync(process.execPath, [join(agent, "cback-amazons3-sync.cjs"), "--help"], { encoding: "utf8" });
  assert.match(help, /^Usage: cback-amazons3-sync /m);
});
