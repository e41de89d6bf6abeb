/** The tree that the soak syncs, and what its user does to it. Its size stays in a band, so that memory can be compared. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { SINGLE_PUT_BYTES } from "#agent/object-size.ts";
import { writeTreeFile } from "#test/agent/trees.ts";
import { nastyTexts } from "#test/nasty-names.ts";
import type { Random } from "#test/sim/random.ts";

export const BAND = { least: 150, most: 200 };
const DIRECTORIES = 12;
const LARGE_NAMES = ["large/one", "large/two", "large/three"];
const MOST_SMALL_BYTES = 4_096;
/** Two parts, or three. */
const MOST_LARGE_BYTES = 2.2 * SINGLE_PUT_BYTES;
const NASTY_FOLDER = "nasty/";

const EDITS = {
  create: 6,
  "nasty name": 4,
  edit: 6,
  "edit in the same size": 4,
  touch: 3,
  delete: 3,
  rename: 3,
  "move a directory": 1,
  "directory for a file": 1,
  "file for a directory": 0.5,
  "large file": 0.5,
};

export class SourceTree {
  readonly root: string;
  readonly #nasty: readonly string[];

  constructor(root: string, keyPrefix: string, random: Random) {
    this.root = root;
    this.#nasty = nastyTexts(keyPrefix + NASTY_FOLDER, ["synced"]).map(({ text }) => NASTY_FOLDER + text);
    for (const path of LARGE_NAMES) this.#write(path, random, MOST_LARGE_BYTES);
    while (this.paths().length < BAND.least) this.#write(this.#name(random), random);
  }

  /** All files, in no order. */
  paths(): string[] {
    const entries = readdirSync(this.root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map(({ parentPath, name }) => join(parentPath, name).slice(this.root.length + 1));
  }

  /** What each file holds, as the MD5 that S3 has for an object that was sent in one piece. */
  digests(): Map<string, { sizeBytes: number; md5: string }> {
    return new Map(
      this.paths().map((path) => {
        const content = readFileSync(join(this.root, path));
        return [path, { sizeBytes: content.length, md5: createHash("md5").update(content).digest("hex") }];
      }),
    );
  }

  /** @returns what was done */
  edit(random: Random): string {
    const paths = this.paths();
    let edit = random.weighted(EDITS);
    if (paths.length < BAND.least) edit = "create";
    if (paths.length > BAND.most) edit = "delete";
    const small = paths.filter((one) => !LARGE_NAMES.includes(one));
    // Below a name of the greatest length there is none. What goes may be any, or the nasty ones would be all in the end.
    const plain = small.filter((one) => !one.startsWith(NASTY_FOLDER));
    const path = random.pick(edit === "delete" || plain.length === 0 ? small : plain);
    if (plain.length === 0) edit = "delete";
    const file = join(this.root, path);
    const { size } = statSync(file);
    switch (edit) {
      case "create":
        this.#write(this.#name(random), random);
        break;
      case "nasty name":
        this.#write(random.pick(this.#nasty), random);
        break;
      case "edit":
        this.#write(path, random);
        break;
      case "edit in the same size":
        writeTreeFile(this.root, path, random.bytes(size));
        break;
      case "touch":
        utimesSync(file, new Date(), new Date());
        break;
      case "delete":
        rmSync(file);
        break;
      case "rename":
        this.#move(file, join(this.root, this.#name(random)));
        break;
      case "move a directory":
        this.#move(join(this.root, `d${random.below(DIRECTORIES)}`), join(this.root, `d${random.below(DIRECTORIES)}`));
        break;
      case "directory for a file":
        rmSync(file);
        this.#write(`${path}/inside`, random);
        break;
      case "file for a directory":
        this.#write(`d${random.below(DIRECTORIES)}`, random);
        break;
      case "large file":
        this.#write(random.pick(LARGE_NAMES), random, MOST_LARGE_BYTES);
        break;
    }
    return `${edit}: ${JSON.stringify(path)}`;
  }

  #name(random: Random): string {
    return `d${random.below(DIRECTORIES)}/${random.pick(["a", "a-b", "a.txt", "é", "z"])}${random.below(40)}`;
  }

  /** New content; what is in the way goes. */
  #write(path: string, random: Random, mostBytes = MOST_SMALL_BYTES): void {
    const seed = random.bytes(64);
    const sizeBytes =
      mostBytes === MOST_SMALL_BYTES ? random.below(mostBytes) : mostBytes - random.below(mostBytes / 2);
    this.#clear(path);
    writeTreeFile(this.root, path, Buffer.alloc(Math.floor(sizeBytes), seed));
  }

  #move(from: string, to: string): void {
    // What goes into itself, or in place of what it is in.
    if (!existsSync(from) || `${to}/`.startsWith(`${from}/`) || from.startsWith(`${to}/`)) return;
    this.#clear(to.slice(this.root.length + 1));
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }

  #clear(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true });
    // A file where a directory is to be.
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
      const place = join(this.root, folder);
      if (existsSync(place) && !statSync(place).isDirectory()) rmSync(place);
    }
  }
}
