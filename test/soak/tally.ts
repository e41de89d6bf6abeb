/** What the soak has counted and measured, and how it shows it. */
import { MOST_GROWTH, median, type Quarters, quartersOf } from "./flat.ts";

const SCREEN_COLUMNS = 80;

export class Tally {
  readonly #startedMs = performance.now();
  runs = 0;
  readonly codes = new Map<string, number>();
  readonly faults = new Map<string, number>();
  /** Samples in the order they were taken, by what they are of. Bytes, but for descriptors. */
  readonly samples = {
    "agent, peak memory": new Series(),
    "validator as deployed, memory": new Series(),
    "validator as deployed, open descriptors": new Series("plain"),
    "handler in one process, memory": new Series(),
    "handler in one process, heap after collection": new Series(),
    // A baseline of 150 to 200 files, of some 40 bytes each.
    "state directory": new Series("bytes", 4_096),
  };
  /** Calls of the handler in one process. */
  calls = 0;
  reports = 0;

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** What did not stay as it was. */
  get grown(): string[] {
    return Object.entries(this.samples).flatMap(([name, series]) => (series.quarters?.grew ? [name] : []));
  }

  minuteLines(): string {
    const { samples } = this;
    const minutes = Math.round(this.elapsedMs / 60_000);
    const memory = [samples["agent, peak memory"], samples["validator as deployed, memory"]].map((one) => one.middle);
    const heap = samples["handler in one process, heap after collection"].middle;
    const line = `${minutes} min, ${this.runs} runs: ${told(this.codes)}; faults ${told(this.faults)}; agent ${memory[0]}, validator ${memory[1]}, heap ${heap}`;
    return wrapped(line);
  }

  table(seed: number, violations: number): string {
    const rows = Object.entries(this.samples).map(([name, series]) => `${name.padEnd(46)} ${series.told()}`);
    return [
      wrapped(
        `seed ${seed}: ${this.runs} runs in ${(this.elapsedMs / 60_000).toFixed(1)} min, ${violations} violations`,
      ),
      wrapped(`exit codes: ${told(this.codes)}`),
      wrapped(`faults: ${told(this.faults)}`),
      wrapped(`${this.calls} calls of the handler in one process; ${this.reports} reports kept`),
      `${"".padEnd(46)} ${"first".padStart(9)} ${"last".padStart(9)}   (quarters)`,
      ...rows,
      ...this.grown.map((name) => `GREW by more than ${MOST_GROWTH * 100} %: ${name}`),
    ].join("\n");
  }
}

class Series {
  readonly values: number[] = [];
  readonly #unit: "bytes" | "plain";
  readonly #slack: number;

  /** @param slack how much more may be chance */
  constructor(unit: "bytes" | "plain" = "bytes", slack = 0) {
    this.#unit = unit;
    this.#slack = slack;
  }

  get quarters(): Quarters | undefined {
    return quartersOf(this.values, this.#slack);
  }

  get middle(): string {
    return this.#shown(median(this.values));
  }

  told(): string {
    const { quarters } = this;
    if (quarters === undefined) return `${this.values.length} samples, too few to judge; median ${this.middle}`;
    const { first, last } = quarters;
    const growth = `${last >= first ? "+" : ""}${((last / first - 1) * 100).toFixed(1)} %`;
    return `${this.#shown(first).padStart(9)} ${this.#shown(last).padStart(9)} ${growth.padStart(8)}`;
  }

  #shown(value: number): string {
    if (Number.isNaN(value)) return "-";
    if (this.#unit === "plain") return String(value);
    return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
  }
}

export function count(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function told(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, number]) => `${name}×${number}`).join(" ") || "none";
}

function wrapped(line: string): string {
  const lines = [""];
  for (const word of line.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && `${last} ${word}`.length > SCREEN_COLUMNS) lines.push(`  ${word}`);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join("\n");
}
