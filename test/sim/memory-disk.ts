/**
 * A source in memory: files, directories, links and their times, as a POSIX file system keeps them, and the changes
 * that users make. `truth` says what is in it, path by path, without a word of the agent's own walk.
 */
import type { DirectoryItem, FileFacts, FileKind } from "#agent/ports.ts";

interface Marks {
  readonly inode: number;
  modifiedMs: number;
  changedMs: number;
  /** Nobody but root may open it. */
  locked: boolean;
}

export interface FileNode extends Marks {
  readonly kind: "file";
  content: Buffer;
}
export interface DirectoryNode extends Marks {
  readonly kind: "directory";
  readonly items: Map<string, Node>;
}
export interface LinkNode extends Marks {
  readonly kind: "link";
  to: string;
}
export interface OtherNode extends Marks {
  readonly kind: "other";
}
export type Node = FileNode | DirectoryNode | LinkNode | OtherNode;

/** What a source holds: what must be in the bucket, and what nobody can say. */
export interface Truth {
  /** Readable or not. */
  readonly files: Map<string, Buffer>;
  /** Paths that cannot be read, with all below them where they end in "/". */
  readonly unknown: Set<string>;
  /** Whether a directory or the facts of a file cannot be read, so that anything may be hidden. */
  readonly hidden: boolean;
  readonly unrepresentable: number;
  /** Entries as the tally of a run must count them. */
  readonly entries: number;
}

const MOST_LINKS = 8;

export class MemoryDisk {
  readonly root: DirectoryNode;
  /** How fine the times of files are. */
  readonly #tickMs: number;
  readonly #now: () => number;
  /** Whether the numbers of removed files are given to new ones. */
  readonly #reusesInodes: boolean;
  readonly #freeInodes: number[] = [];
  #inodes = 1;

  constructor({ now, tickMs, reusesInodes }: { now: () => number; tickMs: number; reusesInodes: boolean }) {
    this.#now = now;
    this.#tickMs = tickMs;
    this.#reusesInodes = reusesInodes;
    this.root = this.#directory();
  }

  /** What the file system's clock shows now. */
  get time(): number {
    const now = this.#now();
    return this.#tickMs === 0 ? now : Math.floor(now / this.#tickMs) * this.#tickMs;
  }

  /** The node at a path, which begins with "/"; the last link is followed only when asked to. */
  at(path: string, follow: boolean, links = 0): Node {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    let node: Node = this.root;
    let here = "";
    for (const [position, name] of names.entries()) {
      if (node.kind !== "directory") throw systemError("ENOTDIR");
      if (node.locked) throw systemError("EACCES");
      const next: Node | undefined = node.items.get(name);
      if (next === undefined) throw systemError("ENOENT");
      const isLast = position === names.length - 1;
      if (next.kind === "link" && (follow || !isLast)) {
        if (links >= MOST_LINKS) throw systemError("ELOOP");
        node = this.at(next.to.startsWith("/") ? next.to : `${here}/${next.to}`, true, links + 1);
      } else {
        node = next;
      }
      here = `${here}/${name}`;
    }
    return node;
  }

  find(path: string, follow = false): Node | undefined {
    try {
      return this.at(path, follow);
    } catch {
      return undefined;
    }
  }

  facts(path: string, follow: boolean): FileFacts {
    return factsOf(this.at(path, follow));
  }

  items(path: string): DirectoryItem[] {
    const node = this.at(path, true);
    if (node.kind !== "directory") throw systemError("ENOTDIR");
    if (node.locked) throw systemError("EACCES");
    return [...node.items].map(([name, { kind }]) => ({ name, kind }));
  }

  openFile(path: string): Node {
    const node = this.at(path, true);
    if (node.locked) throw systemError("EACCES");
    return node;
  }

  // What users do. A path that does not fit what is there changes nothing: they see an error.

  write(path: string, content: Buffer): void {
    const node = this.find(path, true);
    if (node === undefined) this.#put(path, this.#file(content));
    else if (node.kind === "file") {
      node.content = content;
      node.modifiedMs = node.changedMs = this.time;
    }
  }

  /** Writes a new file and puts it in the place of the old one, with the times of the old one. */
  replace(path: string, content: Buffer): void {
    const old = this.find(path);
    if (old?.kind !== "file") return;
    const file = this.#file(content);
    file.modifiedMs = old.modifiedMs;
    this.#put(path, file);
  }

  setModified(path: string, modifiedMs: number): void {
    const node = this.find(path, true);
    if (node === undefined) return;
    node.modifiedMs = modifiedMs;
    node.changedMs = this.time;
  }

  lock(path: string, locked: boolean): void {
    const node = this.find(path);
    if (node === undefined || node.kind === "link") return;
    node.locked = locked;
    node.changedMs = this.time;
  }

  makeDirectory(path: string): void {
    if (this.find(path) === undefined) this.#put(path, this.#directory());
  }

  link(path: string, to: string): void {
    const old = this.find(path);
    if (old === undefined || old.kind === "link") this.#put(path, { ...this.#marks(), kind: "link", to });
  }

  special(path: string): void {
    if (this.find(path) === undefined) this.#put(path, { ...this.#marks(), kind: "other" });
  }

  remove(path: string): void {
    const parent = this.#parent(path);
    const name = nameOf(path);
    const node = parent?.items.get(name);
    if (parent === undefined || node === undefined || parent.locked) return;
    parent.items.delete(name);
    parent.modifiedMs = parent.changedMs = this.time;
    this.#free(node);
  }

  /** As `mv`: a file takes the place of another, a directory only a free one. */
  rename(from: string, to: string): void {
    const node = this.find(from);
    const there = this.find(to);
    const source = this.#parent(from);
    if (node === undefined || source === undefined || `${to}/`.startsWith(`${from}/`)) return;
    if (there !== undefined && (there.kind === "directory" || node.kind === "directory")) return;
    if (!this.#put(to, node)) return;
    source.items.delete(nameOf(from));
    source.modifiedMs = source.changedMs = this.time;
    node.changedMs = this.time;
  }

  /** What is below a directory, link by link, as the command of that name shows it. */
  paths(below: string): { path: string; node: Node }[] {
    const found: { path: string; node: Node }[] = [];
    const visit = (path: string, { items }: DirectoryNode) => {
      for (const [name, node] of items) {
        found.push({ path: `${path}/${name}`, node });
        if (node.kind === "directory") visit(`${path}/${name}`, node);
      }
    };
    const start = this.find(below, true);
    if (start?.kind === "directory") visit(below, start);
    return found;
  }

  truth(source: string): Truth {
    const files = new Map<string, Buffer>();
    const unknown = new Set<string>();
    let [hidden, unrepresentable, entries] = [false, 0, 0];
    const visit = (location: string, key: string, directory: DirectoryNode, above: readonly Node[]) => {
      for (const [name, item] of directory.items) {
        const text = textOf(name);
        const path = key + (text ?? "");
        entries += 1;
        const node = item.kind === "link" ? this.find(`${location}/${name}`, true) : item;
        if (text === undefined && node?.kind !== "directory") {
          if (node?.kind === "other") continue;
          unrepresentable += 1;
        } else if (node === undefined) {
          unknown.add(path).add(`${path}/`);
        } else if (node.kind === "directory" && !above.includes(node)) {
          if (text === undefined) throw new Error("no directory here has such a name");
          if (node.locked) {
            unknown.add(`${path}/`);
            hidden = true;
          } else {
            entries -= 1;
            visit(`${location}/${name}`, `${path}/`, node, [...above, node]);
          }
        } else if (node.kind === "file") {
          if (node.locked) unknown.add(path);
          files.set(path, node.content);
        }
      }
    };
    const root = this.at(source, true);
    if (root.kind === "directory") visit(source, "", root, [root]);
    return { files, unknown, hidden, unrepresentable, entries };
  }

  #put(path: string, node: Node): boolean {
    const parent = this.#parent(path);
    const name = nameOf(path);
    if (parent === undefined || parent.locked) return false;
    const old = parent.items.get(name);
    if (old?.kind === "directory") return false;
    parent.items.set(name, node);
    parent.modifiedMs = parent.changedMs = this.time;
    if (old !== undefined && old !== node) this.#free(old);
    return true;
  }

  #parent(path: string): DirectoryNode | undefined {
    const node = this.find(path.slice(0, path.lastIndexOf("/")), true);
    return node?.kind === "directory" ? node : undefined;
  }

  /** A name less is a change of the file too: whoever has it open can see it. */
  #free(node: Node): void {
    node.changedMs = this.time;
    if (this.#reusesInodes && node.kind === "file") this.#freeInodes.push(node.inode);
  }

  #marks(): Marks {
    return {
      inode: this.#freeInodes.pop() ?? this.#inodes++,
      modifiedMs: this.time,
      changedMs: this.time,
      locked: false,
    };
  }

  #file(content: Buffer): FileNode {
    return { ...this.#marks(), kind: "file", content };
  }

  #directory(): DirectoryNode {
    return { ...this.#marks(), kind: "directory", items: new Map() };
  }
}

export function factsOf(node: Node): FileFacts {
  const { kind, modifiedMs, changedMs, inode } = node;
  return {
    kind: kind satisfies FileKind,
    sizeBytes: node.kind === "file" ? node.content.length : 0,
    modifiedMs,
    changedMs,
    identity: `1:${inode}`,
    inode,
    isLocal: false,
  };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A name as text, or undefined: names are byte strings, one character a byte. */
export function textOf(name: string): string | undefined {
  const text = Buffer.from(name, "latin1").toString("utf8");
  return text.includes("\ufffd") && Buffer.from(text, "utf8").toString("latin1") !== name ? undefined : text;
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: in memory`), { code });
}
