import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkWatch, decodeWatch, MAX_WATCH_BYTES, type Watch, WatchError } from "#shared/watch.ts";

const ALL: Watch = { prefixes: null, unwatched: [], maxSilenceHours: 26 };
const many = (count: number) => Array.from({ length: count }, (_, number) => `host-${number}.example.com/`);

function names(property: string, reason: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof WatchError);
    assert.equal(error.property, property);
    assert.match(error.reason, reason);
    return true;
  };
}

describe("a watch", () => {
  for (const watch of [
    ALL,
    { ...ALL, prefixes: ["web1/", "db/main/"], unwatched: ["", "old/"], maxSilenceHours: 1 },
    { ...ALL, prefixes: [""], maxSilenceHours: 26.5 },
    { ...ALL, prefixes: many(300) },
  ])
    it(`reads as it was written: ${JSON.stringify(watch).slice(0, 60)}`, () => {
      assert.deepEqual(decodeWatch(JSON.parse(JSON.stringify(checkWatch(watch)))), watch);
    });

  const IMPOSSIBLE: [string, Watch, string, RegExp][] = [
    ["of no prefix", { ...ALL, prefixes: [] }, "prefixes", /empty list/],
    ["of a prefix without its slash", { ...ALL, prefixes: ["web1"] }, "prefixes", /\[web1\].*does not end in \//],
    ["of the validator's own prefix", { ...ALL, unwatched: [".cback/"] }, "unwatched", /belongs to the validator/],
    ["for no time", { ...ALL, maxSilenceHours: 0 }, "maxSilenceHours", /less than one/],
    ["for half an hour", { ...ALL, maxSilenceHours: 0.5 }, "maxSilenceHours", /less than one/],
    ["for no number of hours", { ...ALL, maxSilenceHours: Number.NaN }, "maxSilenceHours", /less than one/],
    ["of more hosts than a rule holds", { ...ALL, prefixes: many(500) }, "prefixes", new RegExp(`${MAX_WATCH_BYTES}`)],
    ["of too many retired hosts", { ...ALL, unwatched: many(500) }, "unwatched", new RegExp(`${MAX_WATCH_BYTES}`)],
  ];
  for (const [title, watch, property, reason] of IMPOSSIBLE)
    it(`${title} cannot be`, () => {
      assert.throws(() => checkWatch(watch), names(property, reason));
    });

  const { maxSilenceHours, ...withoutHours } = ALL;
  const EVENTS: [string, unknown, string][] = [
    ["nothing", undefined, "prefixes"],
    ["null", null, "prefixes"],
    ["text", "web1/", "prefixes"],
    ["a list", [], "prefixes"],
    ["an event of another kind", { source: "aws.events", "detail-type": "Scheduled Event", detail: {} }, "prefixes"],
    ["no hours", withoutHours, "maxSilenceHours"],
    ["hours as text", { ...ALL, maxSilenceHours: String(maxSilenceHours) }, "maxSilenceHours"],
    ["a prefix that is a number", { ...ALL, prefixes: [1] }, "prefixes"],
    ["one unwatched prefix as text", { ...ALL, unwatched: "old/" }, "unwatched"],
    ["a misspelt property beside it", { ...ALL, prefix: ["web1/"] }, "prefixes"],
  ];
  for (const [title, event, property] of EVENTS)
    it(`is not read from ${title}`, () => {
      assert.throws(() => decodeWatch(event), names(property, /./));
    });
});
