/**
 * The matrix of faults and threats: its rows by number, and how a test names the rows that it proves. A title says it
 * like `fault 24: …`, `faults 27, 28: …` or `fault 55, fault 56: …`, anywhere in it; what stands in the title of a suite
 * counts for all its tests.
 */

export const ROWS: Readonly<Record<number, string>> = {
  1: "connection cut at any request",
  2: "burst of 503 SlowDown",
  3: "500, 502, 504, 429",
  4: "200 with an error as its body",
  5: "torn, short or invalid XML in a page of a listing",
  6: "server accepts and never answers",
  7: "listing without a token, with a repeated one, or unsorted",
  8: "DNS, TLS, proxy, captive portal",
  9: "clock skew",
  10: "credentials expire during the run, refreshing works",
  11: "credentials expire during the run, refreshing fails",
  12: "no credentials",
  13: "wrong region",
  14: "bucket missing",
  15: "bucket of another account",
  16: "access denied, for each action",
  17: "KMS denied, disabled or throttled",
  18: "Object Lock or bucket policy refuses an object",
  19: "upload acknowledged, answer lost",
  20: "race of two writers of one report",
  21: "multipart upload: part lost, upload gone",
  // What a killed run leaves, S3 gives up days later: no engine's clock goes there, so of that the rule alone is proven.
  22: "multipart uploads left open",
  23: "source missing or no directory",
  24: "source empty, target not",
  25: "source not mounted",
  26: "more deletions than --max-delete",
  27: "directory unreadable",
  28: "file unreadable",
  29: "file vanishes between walk and open",
  30: "file changes while it is read",
  31: "file replaced by another one",
  32: "FIFO, socket, device",
  33: "links: loops, out of the tree, leading nowhere",
  34: "hard links, sparse and empty files",
  35: "large files",
  36: "name that is not UTF-8",
  37: "control characters in a name",
  38: "prefix with dots or empty segments",
  39: "slash at the end of directory or URL",
  40: "neighbour prefix",
  41: "key longer than 1,024 bytes",
  42: "names that differ in normal form or case only",
  43: "empty directory",
  44: "source with a .cback of its own",
  45: "millions of files, deep and wide trees",
  46: "directory changes during the walk",
  47: "other file system inside the source",
  48: "two runs on one host",
  49: "two hosts or sources on one prefix",
  50: "another run took over while this one was suspended",
  51: "SIGINT, SIGTERM, SIGHUP",
  52: "SIGKILL, loss of power",
  53: "disk full",
  54: "log cannot be set up",
  55: "baseline damaged or of another source",
  56: "object changed, baseline says unchanged",
  57: "clock jumps, times in the future or the past",
  58: "limits of files and memory",
  59: "no terminal, closed output",
  60: "log path planted as a link",
  61: "message cannot be sent",
  62: "message twice, late, out of order",
  63: "poison message",
  64: "validator crashes or runs out of time",
  65: "validator does not answer",
  66: "agent and validator of different versions",
  67: "report of another run",
  68: "forged report",
  69: "object changed between upload and validation",
  70: "extra objects",
  71: "message names another bucket or prefix",
  72: "manifest bomb, hostile JSON",
  73: "manifest too large for one message",
  74: "hostile names in report, log and terminal",
  75: "log injection",
  76: "supply chain",
};

const NAMED = /\bfaults? (\d+(?:(?:, | and )(?:fault )?\d+)*)(?:, I\d+)*:/g;

/** The rows that a text names: the full title of a test, or a whole file of tests. */
export function rowsIn(text: string): Set<number> {
  const numbers = [...text.matchAll(NAMED)].flatMap(([, list = ""]) => list.match(/\d+/g) ?? []);
  return new Set(numbers.map(Number));
}

/** Matches the full titles of the tests of a row, or of any row. */
export function titlePattern(row: number | undefined): string {
  return `/\\bfaults? [^:]*\\b${row ?? "\\d+"}\\b[^:]*:/`;
}
