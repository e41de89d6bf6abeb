/**
 * Draws a CPU profile of Node as a flame graph, and tells how much of the main thread's time goes where.
 *
 *     node --cpu-prof --cpu-prof-dir=PROFILES test/bench/bundled.ts one-pass.ts …
 *     node test/bench/flame.ts PROFILES/THE-LARGER.cpuprofile OUTPUT.svg TITLE
 */
import { readFileSync, writeFileSync } from "node:fs";

/** What Node writes (Chrome DevTools Protocol, "Profiler.Profile"). */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  /** For each sample the id of its innermost call, and how long after the one before it was taken. */
  readonly samples: readonly number[];
  /** In microseconds. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** A call, with all that it called. */
interface Frame {
  readonly name: string;
  readonly kind: Kind;
  readonly self: number;
  readonly total: number;
  readonly children: readonly Frame[];
}

const KINDS = {
  "file calls": "#0072b2",
  "HTTP, TLS, streams": "#56b4e9",
  "the system sends": "#009e73",
  "signature, hashes": "#e69f00",
  "the collector": "#d55e00",
  "the agent and the SDK": "#cc79a7",
  start: "#f0e442",
  "Node's rest": "#999999",
} as const;
type Kind = keyof typeof KINDS;
const NODES = "Node's rest";

const FILE_CALLS = /^(open|read|fstat|close|lstat|stat|opendir)$|^(open|read|fstat|close|lstat)Sync$/;
const SENDS = /^(writev|writeBuffer|writeUtf8String|writeLatin1String)$/;
const SIGNATURE = /^(signedHeaders|learn|sign|signed|signRequest|getSignature|getPayloadHash)$/;
const NETWORK = /node:(_http|https?$|_tls|tls|net|internal\/stream|stream|events|timers|_)/;
const LOADING = /^(compileSourceTextModule|wrapSafe|evaluate|require|spawnSync|compileForInternalLoader)$/;

const WIDTH = 1200;
const ROW = 17;
const LEGEND_COLUMNS = 4;
const TOP = 84;
/** What is narrower is left out. */
const LEAST_WIDTH = 1.5;
const LETTER_WIDTH = 6.2;

/** Idle time is none of it. */
function framesOf({ nodes, samples, timeDeltas }: Profile): Frame {
  const selfOf = new Map<number, number>();
  for (const [index, id] of samples.entries()) selfOf.set(id, (selfOf.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const nodeOf = new Map(nodes.map((node) => [node.id, node]));
  const frameOf = (ids: readonly number[], within: Kind): Frame[] => {
    const calls = ids.flatMap((id) => {
      const node = nodeOf.get(id);
      if (node === undefined || node.callFrame.functionName === "(idle)") return [];
      const name = node.callFrame.functionName || "(anonymous)";
      return { name, kind: kindOf(name, node.callFrame.url, within), node };
    });
    const alike = Map.groupBy(calls, ({ name, kind }) => `${kind}: ${name}`);
    const frames = [...alike.values()].flatMap((same): Frame[] => {
      const [first] = same;
      if (first === undefined) return [];
      const { name, kind } = first;
      const children = frameOf(
        same.flatMap(({ node }) => node.children ?? []),
        kind,
      );
      const self = same.reduce((sum, { node }) => sum + (selfOf.get(node.id) ?? 0), 0);
      return [{ name, kind, self, total: self + children.reduce((sum, { total }) => sum + total, 0), children }];
    });
    return frames.sort((left, right) => right.total - left.total);
  };
  const [root] = nodes;
  const children = frameOf(root?.children ?? [], NODES);
  return {
    ...{ name: "main thread", kind: NODES, self: 0, children },
    total: children.reduce((sum, { total }) => sum + total, 0),
  };
}

/** @param within the kind of the call around it */
function kindOf(name: string, url: string, within: Kind): Kind {
  if (name === "(garbage collector)") return "the collector";
  if (url === "" && SENDS.test(name)) return "the system sends";
  if (url.startsWith("node:internal/crypto") || (SIGNATURE.test(name) && !url.startsWith("node:")))
    return "signature, hashes";
  if (url.startsWith("node:fs") || (url === "" && FILE_CALLS.test(name) && within !== "HTTP, TLS, streams"))
    return "file calls";
  if (NETWORK.test(url)) return "HTTP, TLS, streams";
  if (LOADING.test(name)) return "start";
  // Whatever these two call is theirs.
  if (within === "start" || within === "signature, hashes") return within;
  return url.startsWith("file:") ? "the agent and the SDK" : within;
}

function sharesOf(root: Frame): Map<Kind, number> {
  const shares = new Map<Kind, number>();
  const add = ({ kind, self, children }: Frame) => {
    shares.set(kind, (shares.get(kind) ?? 0) + self);
    for (const child of children) add(child);
  };
  add(root);
  return shares;
}

function drawn(root: Frame, title: string): string {
  const parts: string[] = [];
  let depth = 0;
  const draw = (frame: Frame, left: number, row: number) => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < LEAST_WIDTH) return;
    depth = Math.max(depth, row + 1);
    const letters = Math.floor((width - 6) / LETTER_WIDTH);
    const label = letters < 3 ? "" : frame.name.length <= letters ? frame.name : `${frame.name.slice(0, letters - 1)}…`;
    const place = `x="${left.toFixed(1)}" y="${TOP + row * ROW}" width="${width.toFixed(1)}" height="${ROW - 1}"`;
    parts.push(
      `<g><title>${escaped(frame.name)}: ${shown(frame.total, root)}</title>` +
        `<rect ${place} fill="${KINDS[frame.kind]}" fill-opacity="0.75"/>` +
        (label === ""
          ? ""
          : `<text x="${(left + 3).toFixed(1)}" y="${TOP + row * ROW + 12}">${escaped(label)}</text>`) +
        "</g>",
    );
    let at = left;
    for (const child of frame.children) {
      draw(child, at, row + 1);
      at += (child.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const shares = sharesOf(root);
  const legend = Object.entries(KINDS).map(([kind, color], index) => {
    const left = 4 + (index % LEGEND_COLUMNS) * (WIDTH / LEGEND_COLUMNS);
    const top = 34 + Math.floor(index / LEGEND_COLUMNS) * 20;
    const label = `${kind}: ${shown(shares.get(kind as Kind) ?? 0, root)}`;
    return `<rect x="${left}" y="${top}" width="10" height="10" fill="${color}"/><text x="${left + 14}" y="${top + 9}">${label}</text>`;
  });
  const height = TOP + depth * ROW + 8;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="4" y="18" font-size="14">${escaped(title)}</text>`,
    ...legend,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function shown(part: number, { total }: Frame): string {
  return `${((100 * part) / total).toFixed(1)} %`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const [profile = "", output = "", title = ""] = process.argv.slice(2);
const root = framesOf(JSON.parse(readFileSync(profile, "utf8")) as Profile);
writeFileSync(output, drawn(root, title));
for (const [kind, share] of [...sharesOf(root)].sort(([, left], [, right]) => right - left))
  console.log(`| ${kind} | ${shown(share, root)} |`);
