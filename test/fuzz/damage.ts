/**
 * Ways to damage what was valid: bytes, text, lines, and the values in JSON. Each damage is drawn by itself and applied to
 * whatever there is, so that a failing input shrinks to the one damage that matters.
 */
import fc from "fast-check";

const PLACES = 2 ** 16;
/** Where something happens, as a share of the whole. Not drawn as a fraction: most of those are next to nothing. */
const place = fc.nat(PLACES - 1).map((number) => number / PLACES);

type Change<T> = (whole: T) => T;

/** One after another; none at all leaves the whole as it is. */
function applied<T>(change: fc.Arbitrary<Change<T>>, most: number): fc.Arbitrary<Change<T>> {
  return fc
    .array(change, { maxLength: most })
    .map((changes) => (whole: T) => changes.reduce((sofar, one) => one(sofar), whole));
}

const at = (share: number, length: number) => Math.floor(share * length);
const between = (one: number, two: number, length: number): [from: number, to: number] => {
  const [from = 0, to = 0] = [at(one, length + 1), at(two, length + 1)].sort((left, right) => left - right);
  return [from, to];
};

/** Mostly nothing, so that the other damage is met as well. */
export function sometimes<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ arbitrary: fc.constant(undefined), weight: 3 }, { arbitrary, weight: 1 });
}

/** Bits turned, bytes set, cut off, cut out, doubled, put in. */
const byteChange: fc.Arbitrary<Change<Buffer>> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(([share, bit]) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    const index = at(share, bytes.length);
    if (bytes.length > 0) changed[index] = (changed[index] ?? 0) ^ (1 << bit);
    return changed;
  }),
  fc.tuple(place, fc.nat(255)).map(([share, value]) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    if (bytes.length > 0) changed[at(share, bytes.length)] = value;
    return changed;
  }),
  place.map((share) => (bytes: Buffer) => bytes.subarray(0, at(share, bytes.length))),
  fc.tuple(place, place).map(([one, two]) => (bytes: Buffer) => {
    const [from, to] = between(one, two, bytes.length);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  }),
  fc.tuple(place, place, place).map(([one, two, there]) => (bytes: Buffer) => {
    const [from, to] = between(one, two, bytes.length);
    const index = at(there, bytes.length);
    return Buffer.concat([bytes.subarray(0, index), bytes.subarray(from, to), bytes.subarray(index)]);
  }),
  fc.tuple(place, fc.uint8Array({ maxLength: 8 })).map(([share, more]) => (bytes: Buffer) => {
    const index = at(share, bytes.length);
    return Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)]);
  }),
);

/** A byte in the middle that no text has. */
export const brokenBytes: fc.Arbitrary<Change<Buffer>> = fc
  .tuple(place, fc.integer({ min: 0x80, max: 0xff }))
  .map(([share, value]) => (bytes: Buffer) => {
    const index = at(share, bytes.length);
    return Buffer.concat([bytes.subarray(0, index), Buffer.from([value]), bytes.subarray(index)]);
  });

export const damagedBytes: fc.Arbitrary<Change<Buffer>> = applied(byteChange, 3);

const wordChange = (words: readonly string[]): fc.Arbitrary<Change<string>> =>
  fc.tuple(place, fc.constantFrom(...words)).map(([share, word]) => (text: string) => {
    const index = at(share, text.length + 1);
    return text.slice(0, index) + word + text.slice(index);
  });

/** @param words that mean something to the parser, to be put in anywhere */
export function damagedText(words: readonly string[]): fc.Arbitrary<Change<string>> {
  const bytes = byteChange.map((change) => (text: string) => change(Buffer.from(text)).toString("utf8"));
  return applied(fc.oneof(bytes, wordChange(words)), 3);
}

/** Lines swapped, doubled, dropped, put in. Each has its end. */
export function damagedLines(others: readonly string[]): fc.Arbitrary<Change<string[]>> {
  return applied(
    fc.oneof(
      fc.tuple(place, place).map(([one, two]) => (lines: string[]) => {
        const changed = [...lines];
        const [from, to] = [at(one, lines.length), at(two, lines.length)];
        if (lines.length > 0) [changed[from], changed[to]] = [lines[to] ?? "", lines[from] ?? ""];
        return changed;
      }),
      fc.tuple(place, place).map(([one, two]) => (lines: string[]) => {
        const line = lines[at(one, lines.length)];
        return line === undefined ? lines : lines.toSpliced(at(two, lines.length + 1), 0, line);
      }),
      place.map((share) => (lines: string[]) => lines.toSpliced(at(share, lines.length), 1)),
      fc.tuple(place, fc.constantFrom(...others)).map(
        ([share, line]) =>
          (lines: string[]) =>
            lines.toSpliced(at(share, lines.length + 1), 0, line),
      ),
      fc.tuple(place, byteChange).map(([share, change]) => (lines: string[]) => {
        const index = at(share, lines.length);
        return lines.map((line, one) => (one === index ? change(Buffer.from(line)).toString("utf8") : line));
      }),
    ),
    3,
  );
}

/** JSON as text, where values do not do: numbers that none holds, depth, names that occur twice. */
class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const DEPTH = 50_000;

/** What may stand in a value's place: each type, the ends of each range, and what no value can be. */
const otherValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    -1,
    1,
    0.5,
    20_001,
    100_000,
    2 ** 31,
    2 ** 53,
    1e308,
    -1e308,
    5e-324,
  ),
  fc.constantFrom<unknown>(
    "",
    "0",
    "null",
    "a",
    "/",
    "a/",
    "..",
    ".cback/",
    "\ud800",
    "\udc00",
    "\u0000",
    "\uffff",
    "2.0",
    "0.9",
  ),
  fc.constantFrom<unknown>([], {}, [[]], [null], { length: 1 }, { toString: 1 }, { __proto__: null }, [1, [2, [3]]]),
  fc.constantFrom<unknown>(
    "x".repeat(300),
    "x".repeat(100_000),
    "\u0301".repeat(20_000),
    "99999999T999999Z-0123456789abcdef0123456789abcdef",
  ),
  fc
    .constantFrom(
      ...["1e400", "-1e400", "9007199254740993", "123456789012345678901234567890", "-0", "0.1e-400", "1E1"],
      ...["[".repeat(DEPTH) + "]".repeat(DEPTH), `${'{"a":'.repeat(DEPTH)}1${"}".repeat(DEPTH)}`, "[".repeat(DEPTH)],
      ...['"\\ud800"', '"\\u0000"', "NaN", "undefined", "01", "'a'", "/**/1", '"\n"', "tru", "-", "1,1", "[1,]"],
    )
    .map((text) => new Raw(text)),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.integer(),
);

/** Names that a program may take for its own. */
const otherName = fc.constantFrom("__proto__", "constructor", "toString", "prototype", "", "new", "version", "Version");

/** A place in a value: what holds it, and by which name or number. */
interface Slot {
  readonly holder: Record<string, unknown> | unknown[];
  readonly name: string;
}

function slotsOf(value: unknown): Slot[] {
  if (typeof value !== "object" || value === null || value instanceof Raw) return [];
  const holder = value as Record<string, unknown> | unknown[];
  return Object.entries(holder).flatMap(([name, member]) => [{ holder, name }, ...slotsOf(member)]);
}

function set({ holder, name }: Slot, value: unknown): void {
  // Assigned, `__proto__` would be something else than a name.
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Changes the value itself, which nobody else has. */
const valueChange: fc.Arbitrary<(value: unknown) => unknown> = fc.oneof(
  {
    arbitrary: fc.tuple(place, otherValue).map(([share, other]) => change(share, (slot) => set(slot, copyOf(other)))),
    weight: 4,
  },
  place.map((share) =>
    change(share, ({ holder, name }) => {
      if (Array.isArray(holder)) holder.splice(Number(name), 1);
      else delete holder[name];
    }),
  ),
  place.map((share) =>
    change(share, ({ holder, name }) => {
      if (Array.isArray(holder)) holder.push(...holder.slice(Number(name)));
      else set({ holder, name: name.toUpperCase() }, holder[name]);
    }),
  ),
  fc.tuple(place, otherName, otherValue).map(([share, name, other]) =>
    change(share, ({ holder }) => {
      if (Array.isArray(holder)) holder.push(copyOf(other));
      else set({ holder, name }, copyOf(other));
    }),
  ),
  // Two members change places.
  fc.tuple(place, place).map(([one, two]) => (value: unknown) => {
    const slots = slotsOf(value);
    const [left, right] = [slots[at(one, slots.length)], slots[at(two, slots.length)]];
    if (left === undefined || right === undefined) return value;
    const members = [left, right].map(({ holder, name }) => copyOf((holder as Record<string, unknown>)[name]));
    set(left, members[1]);
    set(right, members[0]);
    return value;
  }),
  otherValue.map((other) => () => copyOf(other)),
);

function change(share: number, work: (slot: Slot) => void): (value: unknown) => unknown {
  return (value) => {
    const slots = slotsOf(value);
    const slot = slots[at(share, slots.length)];
    if (slot !== undefined) work(slot);
    return value;
  };
}

/** So that no two values share a member, and none is put below itself. */
function copyOf(value: unknown): unknown {
  if (value instanceof Raw || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy = {};
  for (const [name, member] of Object.entries(value)) set({ holder: copy, name }, copyOf(member));
  return copy;
}

function jsonOf(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonOf).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`)
    .join()}}`;
}

const damagedValue: fc.Arbitrary<(value: unknown) => unknown> = applied(valueChange, 3);
const JSON_WORDS = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "null",
  "-",
  "e9",
  '"__proto__":',
  "\u0000",
  "\ufeff",
  "\ud800",
];

/** The text of a value, damaged in its values, in its text, in both or not at all. */
export function damagedJson(value: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  return fc.tuple(value, damagedValue, sometimes(damagedText(JSON_WORDS))).map(([whole, changeValue, changeText]) => {
    const text = jsonOf(changeValue(copyOf(whole)));
    return changeText?.(text) ?? text;
  });
}

/** Anything at all, as text. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
  fc.json(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("utf8")),
);
