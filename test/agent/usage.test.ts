import assert from "node:assert/strict";
import { test } from "node:test";
import { ARGUMENTS, EXAMPLES, switchRows } from "#agent/command.ts";
import { OUTCOMES } from "#agent/exit-code.ts";
import { readRequest } from "#agent/options.ts";
import { renderHelp } from "#agent/usage.ts";

test("the help text fits into 80 columns of plain ASCII", () => {
  for (const line of renderHelp().split("\n")) {
    assert.ok(line.length <= 80, line);
    assert.match(line, /^[ -~]*$/);
    assert.doesNotMatch(line, / $/);
  }
});

test("the help text names every switch with its letter, value and default, every argument and every exit code", () => {
  const help = renderHelp().replace(/\s+/g, " ");
  for (const { name, alias, valueHint, shownDefault, description } of switchRows()) {
    const letter = alias === undefined ? "" : `-${alias}, `;
    const value = valueHint === undefined ? "" : ` ${valueHint}`;
    const standard = shownDefault === undefined ? "" : ` (default: ${shownDefault})`;
    assert.ok(help.includes(`${letter}--${name}${value} ${description}${standard}`), name);
  }
  for (const name of Object.keys(ARGUMENTS)) assert.ok(help.includes(name));
  for (const { code, detailed, meaning } of Object.values(OUTCOMES)) {
    assert.ok(help.includes(`${code} ${detailed} ${meaning}`), meaning);
  }
});

test("examples come first, and are taken by the command", () => {
  const help = renderHelp();
  assert.ok(help.indexOf("Examples:") < help.indexOf("Arguments:"));
  for (const { line } of EXAMPLES) assert.equal(readRequest(line.split(" "), {}).kind, "run");
});

test("no two switches share a letter", () => {
  const letters = switchRows().flatMap(({ alias }) => alias ?? []);
  assert.equal(new Set(letters).size, letters.length);
});
