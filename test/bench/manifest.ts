/**
 * Measures manifests: bytes for each entry and milliseconds for a whole shard, for a real tree and for names that
 * compress worse and better. Prints the table of docs/measurements.md.
 *
 *   node test/bench/manifest.ts [DIRECTORY]
 */
import { randomBytes, randomInt } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import type { KnownEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import { decodeManifest, encodeManifest, ManifestScale } from "#shared/manifest.ts";
import { MAX_SHARD_ENTRIES } from "#shared/shard.ts";

const ROUNDS = 9;
const directory = resolve(process.argv[2] ?? "/usr");

interface Name {
  readonly path: string;
  readonly sizeBytes: number;
}

function* filesBelow(folder: string): Generator<Name> {
  for (const item of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${item.name}`;
    if (item.isDirectory()) yield* filesBelow(path);
    else if (item.isFile())
      yield { path: relative(directory, path).replaceAll(sep, "/"), sizeBytes: statSync(path).size };
  }
}

const made = (nameOf: (index: number) => string): Name[] =>
  Array.from({ length: MAX_SHARD_ENTRIES }, (_, index) => ({ path: nameOf(index), sizeBytes: randomInt(1_000_000) }));
const character = () => String.fromCodePoint(0x4e00 + randomInt(20_000));

const kinds: [string, Name[]][] = [
  [`\`${directory}\`, its first files`, [...filesBelow(directory)]],
  ["sequential: `Pictures/2026/IMG_000001.jpg`", made((n) => `Pictures/2026/IMG_${String(n).padStart(6, "0")}.jpg`)],
  [
    "random: 40 hex digits, as git's objects",
    made(() => `${randomBytes(1).toString("hex")}/${randomBytes(19).toString("hex")}`),
  ],
  ["random: 100 characters of base64", made(() => randomBytes(75).toString("base64url"))],
  ["random: 20 Chinese characters", made(() => Array.from({ length: 20 }, character).join(""))],
];

console.log("| names | entries in a shard | bytes an entry | body of the message | weigh ms | encode ms | decode ms |");
console.log("|---|--:|--:|--:|--:|--:|--:|");
for (const [kind, names] of kinds) {
  names.sort((left, right) => compareKeys(left.path, right.path));
  const entries: KnownEntry[] = [];
  const scale = new ManifestScale();
  const began = performance.now();
  for (const name of names) {
    if (!scale.fits(name)) break;
    entries.push({ ...name, etag: "" });
  }
  const weighMs = performance.now() - began;
  for (const [index, entry] of entries.entries()) entries[index] = { ...entry, etag: randomBytes(16).toString("hex") };
  const manifest = encodeManifest(entries);
  const encodeMs = medianMs(() => encodeManifest(entries));
  const decodeMs = medianMs(() => decodeManifest(manifest, { after: null, through: null }, ""));
  const bytes = manifest.body.length;
  const columns = [
    entries.length.toLocaleString("en"),
    (bytes / entries.length).toFixed(1),
    bytes.toLocaleString("en"),
    ...[weighMs, encodeMs, decodeMs].map((ms) => ms.toFixed(0)),
  ];
  console.log(`| ${kind} | ${columns.join(" | ")} |`);
}

function medianMs(action: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const began = performance.now();
    action();
    return performance.now() - began;
  });
  return times.sort((left, right) => left - right)[Math.floor(ROUNDS / 2)] ?? 0;
}
