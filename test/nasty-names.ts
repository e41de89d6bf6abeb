/**
 * A corpus of nasty names: file names that break what is not careful, each with its kind and with what is to become of it.
 * The same each time; whoever finds another name that breaks something adds it to its kind.
 *
 * All that have the fate "synced", "not-utf8" or "too-long" fit side by side into one directory: none is the directory of
 * another. Those of the fate "no-file" only a bucket can hold.
 */
import { MAX_KEY_BYTES } from "#shared/key.ts";

/**
 * What a sync makes of a name below the target's key prefix:
 *
 *   synced     a file of this name becomes an object of this name
 *   not-utf8   is skipped with a notice: a key is text
 *   too-long   is skipped with a notice: with the prefix it is longer than a key can be
 *   no-file    no file can have it; an object of another client's can, and is unexpected
 */
export type Fate = "synced" | "not-utf8" | "too-long" | "no-file";

export interface NastyName {
  readonly kind: Kind;
  /** Below the source or the target's prefix; "/" parts directories. */
  readonly bytes: Buffer;
  readonly fate: Fate;
}

/** A name that is text. */
export interface NastyText extends NastyName {
  readonly text: string;
}

type Kind = keyof typeof KINDS;

/**
 * @param keyPrefix of the target; how long a name may be depends on it. Not that of a whole bucket, where `.cback/` is
 *   nobody's to use.
 */
export function nastyNames(keyPrefix: string): NastyName[] {
  const room = MAX_KEY_BYTES - Buffer.byteLength(keyPrefix);
  const names = new Map<string, NastyName>();
  for (const kind of Object.keys(KINDS) as Kind[])
    for (const name of KINDS[kind](room)) {
      const bytes = Buffer.from(name as string);
      const isText = typeof name === "string";
      const fate = kind === "no file" ? "no-file" : !isText ? "not-utf8" : bytes.length > room ? "too-long" : "synced";
      const place = bytes.toString("latin1");
      // What belongs to several kinds is of the first.
      if (!names.has(place)) names.set(place, { kind, bytes, fate });
    }
  return [...names.values()];
}

/** Those that are text, or only those of some fates. */
export function nastyTexts(keyPrefix: string, fates: readonly Fate[] = ["synced", "too-long", "no-file"]): NastyText[] {
  return nastyNames(keyPrefix)
    .filter(({ fate }) => fate !== "not-utf8" && fates.includes(fate))
    .map((name) => ({ ...name, text: name.bytes.toString("utf8") }));
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const characters = (...codes: (number | number[])[]): string[] =>
  codes.flat().map((code) => String.fromCodePoint(code));
/** One or more names on each line, parted by two spaces or more; no escapes. */
const words = ({ raw: [lines = ""] }: TemplateStringsArray): string[] => lines.split(/\s{2,}/).filter(Boolean);

const CONTROLS = characters(range(0x01, 0x1f), 0x7f, range(0x80, 0x9f));
const LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\u001c", "\u001d", "\u001e", "\u0085", "\u2028", "\u2029"];
const BIDI = characters(0x061c, 0x200e, 0x200f, range(0x202a, 0x202e), range(0x2066, 0x2069));
const INVISIBLE = characters(
  ...[0x00ad, 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d, 0x3164, 0xfeff, 0xffa0],
  ...[range(0x2060, 0x2064), range(0x206a, 0x206f), 0xfe00, 0xfe0f, range(0xfff9, 0xfffb), 0x1d173, 0xe0001, 0xe0041],
);
const SPACES = characters(0x20, 0xa0, 0x1680, range(0x2000, 0x200a), 0x202f, 0x205f, 0x3000);
/** Characters of one, two, three and four bytes, and one that JSON makes six of. */
const SIZES = { "one byte": "k", "two bytes": "é", "three bytes": "漢", "four bytes": "😀", escaped: "\u0001" };

/** A path of so many bytes, all of one character as far as it goes, in directories of 240 bytes. */
function pathOf(bytes: number, character: string): string {
  const size = Buffer.byteLength(character);
  const segments: string[] = [];
  for (let left = bytes; left > 0; ) {
    // What is left may not be a slash alone.
    const length = left === 241 ? 200 : Math.min(left, 240);
    segments.push(character.repeat(Math.floor(length / size)) + "-".repeat(length % size));
    left -= length + 1;
  }
  return segments.join("/");
}

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
const around = (before: string, broken: Buffer, after: string): Buffer =>
  Buffer.concat([Buffer.from(before), broken, Buffer.from(after)]);

/** Names by kind; each is given the bytes that the longest name may have. */
const KINDS = {
  "control characters": () => [
    ...CONTROLS,
    ...CONTROLS.map((control) => `control ${control} inside`),
    ..."\t\n\r\u001b\u007f\u009b".split("").flatMap((control) => [`${control}at the start`, `at the end${control}`]),
  ],
  "terminal escapes": () => [
    ...["\u001b[2J", "\u001b[31mred\u001b[0m", "\u001b[1A\u001b[2Kup", "\u001b[6n", "\u001b[?1049h", "\u001b[?25l"],
    ...["\u001bc", "\u001b7\u001b8", "\u001b#8", "\u001b(0lqk", "\u000e\u000f", "\u001b[8mhidden", "\u001b[5mblinks"],
    ...["\u001b]0;title\u0007", "\u001b]0;title\u001b\\", "\u001b]8;;mailto:x\u0007link\u001b]8;;\u0007"],
    ...["\u001b]52;c;eA==\u0007", "\u009b2J", "\u009d0;title\u009c", "\u0090q\u009c", "\u001bP+q\u001b\\"],
    ...["\u001b_G\u001b\\", "\u001b^x\u001b\\", "secret\b\b\b\b\b\bpublic", "long text\rshort", "\u0007\u0007\u0007"],
    ...["\u001b[200~paste\u001b[201~", "\u001b["],
  ],
  "line ends": () =>
    LINE_ENDS.flatMap((end) => [`${end}first`, `two${end}lines`, `last${end}`, `twice${end}${end}over`]),
  "forged lines": () => [
    "x\n2026-11-22T12:00:00 UTC --> [INFO   ] Verdict: match.",
    "2026-11-22T12:00:00 UTC --> [INFO   ] forged",
    "x\nVerdict: match. The validator found all 3 files in s3:",
    "x].\n[y",
    "x] is missing in the bucket.",
    "x]: permission denied.\nNot synced: [y",
    "\rRun completed with status 0 (success).",
    'x"}\n{"level":"INFO","event":"shard-checked',
    '{"_aws":{"Timestamp":0,"CloudWatchMetrics":[]}}',
    "x\u2028Report: s3:",
    "END RequestId: 00000000-0000-0000-0000-000000000000",
  ],
  "reading direction": () => [
    ...BIDI,
    ...BIDI.map((mark) => `txt.${mark}exe`),
    ...["\u202egnp.exe", "\u2067\u2066nested\u2069\u2069", "שלום", "مرحبا", "abc שלום 123 مرحبا", "(א)", "א]1[ב"],
  ],
  invisible: () => [
    "invisible",
    ...INVISIBLE,
    ...INVISIBLE.map((one) => `in${one}visible`),
    ...["\u200b\u200b", "\u{e0073}\u{e0065}\u{e0063}ret", "\u2800", "braille\u2800blank", "a\u{e0100}"],
  ],
  spaces: () => [
    ...SPACES,
    ...SPACES.map((space) => `space${space}inside`),
    ...SPACES.map((space) => `at the end${space}`),
    ...["  ", " at the start", "at both ends ", "many     inside", "\u00a0\u3000 ", "tab\t", "\t\t"],
    ...["trailing space/ ", "trailing /space"],
  ],
  quotes: () =>
    words`
    "  '  "  ''  ""  '''  """  \  \\  \"  \'  a"b  a'b  a\b  a\"b  «»  “”  ‘’  „“  ‹›  ′″  "quoted"  'quoted'  "open
    back\slash\es  \n  \t  \0  \x00  \u0000  \u{0}  \ud800  \x1b[31m  C:\Users\me  \\server\share  [brackets]  [  ]  ][  ]]  (  )`,
  "HTML and XML": () =>
    words`
    <script>alert(1)</script>  <img src=x onerror=alert(1)>  <svg onload=alert(1)>  <b>  </b>  <!--  -->  --!>  <![CDATA[  ]]>
    &lt;  &amp;  &  &#60;  &#x3c;  &a;  &nbsp  "><b>  '><b>  " onmouseover="x  ' autofocus onfocus='x  javascript:alert(1)
    <?xml version="1.0"?>  <?php  <%= 1 %>  {{7*7}}  <!DOCTYPE x [<!ENTITY a "b">]>  <Key>x</Key>  </Key><Key>  </ListBucketResult>
    <iframe srcdoc=x>  <a href=x>  <style>@import x  </title>  </textarea>  <meta charset=utf-7>  +ADw-script+AD4-`,
  JSON: () =>
    words`
    {}  []  {"a":1}  ["a",1,"e"]  ["a"]  ",1,"e"]  null  true  false  0  1  -0  1e400  NaN  Infinity  undefined  {"__proto__":1}
    "}  ]}  "],["x",1,"e"]  {"path":"x"}  '{"a":1}'  {"$ref":"#"}  [object Object]  ,  :  ;  a,b`,
  CSV: () =>
    words`
    =1+1  +1+1  -1+1  @SUM(A1)  =cmd|'calc'!A0  =HYPERLINK("x")  a;b  a,b,c  "a","b"  "a""b"  ;;;  ,,,  |  a|b  =  '=1  %0A=1`.concat(
      "\t=1",
      "\r=1",
      "a\tb",
    ),
  shell: () =>
    words`
    $(id)  ;id  |id  &&id  &  >x  <x  >>x  2>&1  -rf  --  ---  -  --help  --delete  --force  -v  *  **  ?  [a-z]  [!a]
    {a,b}  {1..9}  ~  ~root  !!  !1  $HOME  $0  $$  $?  #  #!x  a#b  a=b  A=b  %s%n  %d  %1  $(rm -rf ~)  ';id;'  ";id;"
    ..;id  ^  a^b  \\\  \*  a\ b  =x  ()  :(){ :|:& };:  if  alias  _  $'\n'`.concat("`id`", "$" + "{IFS}", "x;\nid"),
  "URL syntax": () =>
    words`
    %  %%  %2  %2F  %2f  %00  %0a  %0D%0A  %20  %25  %252F  %zz  %u0041  %E0%A4%A  %c0%ae  %2e  %2e%2e  %2e%2e%2f  ..%2f  ..%5c
    100%  a%2Fb  a%20b  a+b  +  ++  a b+c%20d  ?  ?acl  ?versionId=null  ?x=1&y=2  a?b  #  #x  a&b  a=b  =  a;b  :  a:b  http:  s3:
    mailto:x  @  a@b  me:secret@host  !  $  '  (  )  *  ,  ;  [::1]  xn--bcher-kva  ?prefix=  ?list-type=2  ?uploads  ?delete  %F0%9F%98%80`,
  dots: () => [
    ...words`...  ....  .....  .a  ..a  a.  a..  a...  .hidden  ..hidden  a..b  a.b.c  .git  .ssh  ․  ‥  …  ．  ．．  。  。。`,
    ...[". ", ".. ", " .", " ..", "..\\", ".\\", "..;", "...\u200b", ".\u200b.", "..\n", ".\t"],
    ...["dots/.../x", "dots/..a/x", "dots/a../x", "dots/.../...", "dots/. /x", "dots/.. /x"],
  ],
  "what looks like a slash": () =>
    characters(0x2044, 0x2215, 0x29f8, 0xff0f, 0x2571, 0x29f5, 0xfe68, 0xff3c).flatMap((one) => [
      `a${one}b`,
      `..${one}x`,
    ]),
  "members of objects": () => [
    ...words`__proto__  constructor  prototype  toString  toLocaleString  valueOf  hasOwnProperty  isPrototypeOf  then
      propertyIsEnumerable  __defineGetter__  __defineSetter__  __lookupGetter__  __lookupSetter__  toJSON  length  name
      caller  arguments  callee  apply  call  bind  get  set  size  at  inspect  Symbol(Symbol.iterator)  00  01  10  9  -1  1.0  1e3`,
    ...["members/__proto__/x", "members/constructor/prototype", "__proto__.x", "__proto__[x]", "constructor.prototype"],
  ],
  Windows: () => [
    ...words`CON  PRN  AUX  NUL  CLOCK$  CONIN$  CONOUT$  con  nul  Nul.txt  con.tar.gz  COM¹  LPT²  desktop.ini  Thumbs.db
      ~$document  PROGRA~1  a<b  a>b  a:b  a|b  a*b  file:stream:$DATA  C:  C:x  autorun.inf  $Recycle.Bin`,
    ...range(0, 9).flatMap((port) => [`COM${port}`, `LPT${port}`]),
  ],
  length: (room) => [
    ...Object.values(SIZES).flatMap((one) => [
      one.repeat(Math.floor(255 / Buffer.byteLength(one))),
      ...[room - 1, room, room + 1, room + 2, 2_000].map((length) => pathOf(length, one)),
    ]),
    "k".repeat(254),
    ...["deep", "wide"].map((top) => `${top}/${"d/".repeat(top === "deep" ? 200 : 20)}x`),
  ],
  "non-characters": () =>
    characters(
      range(0xfdd0, 0xfdef),
      range(0, 16).flatMap((plane) => [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff]),
    ).flatMap((one) => [one, `non${one}character`]),
  "order of bytes": () => [
    // UTF-16 puts the pairs of surrogates before what is above U+D7FF; bytes put them behind.
    ...["\ud7ff", "\ue000", "\ufb01", "\ufffd", "\uffee", "\u{10000}", "\u{1f600}", "\u{10ffff}"].flatMap((one) => [
      ...[one, `order ${one}`, `order ${one}x`, `order/${one}/x`, `order/${one}-x`],
    ]),
    // A directory sorts as its name with a slash.
    ...["a-b", "a.txt", "a/x", "a0", "a\u0001", "a b", "a!", "a/-", "ab/x", "a-/x", "a+"].map((one) => `sorted/${one}`),
    ...["Z", "a", "_", "À", "z\u0300", "ä", "ß", "ss", "10", "9", "09"].map((one) => `collated ${one}`),
  ],
  "normal forms": () =>
    ["é", "ñ", "Å", "ệ", "각", "ǖ", "ḍ̇", "שּׁ", "が", "Ω", "ﬁ", "①", "½", "ſ", "ｱ", "㎏"]
      .flatMap((one) => [
        ...new Set([one, one.normalize("NFC"), one.normalize("NFD"), one.normalize("NFKC"), one.normalize("NFKD")]),
      ])
      .concat("\u212b", "\u2126", "\u212a", "\u00b5", "\u03bc", "\u0344", "\u0308\u0301")
      .concat("twins/\u00e9/x", "twins/e\u0301/x"),
  case: () => [
    ...words`Case  case  CASE  cASE  casE  ß  ẞ  SS  ss  i  I  ı  İ  i̇  K  k  σ  ς  Σ  ﬀ  FF  ff  ǆ  ǅ  Ǆ  Straße  STRASSE`,
    ...["Folder/x", "folder/x", "FOLDER/x", "folder/X"],
  ],
  emoji: () => [
    ...words`👨‍👩‍👧‍👦  👨👩👧👦  🏳️‍🌈  🏳🌈  👍🏽  👍  🇪🇺  🇪  🇺🇪🇺  1️⃣  1⃣  ❤️  ❤  ☎︎  ☎️  🧑🏿‍🚀  🏴‍☠️`,
    ...["\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "\u{1fae8}", "\u{1f1e6}".repeat(9)],
    "🙂".repeat(60),
  ],
  "stacked marks": () => [
    ...[
      `zalgo${"\u0300\u0301\u0302\u0316\u0317".repeat(20)}`,
      "\u0301",
      "\u20dd",
      "a\u20e3\u20dd",
      "\u0e01\u0e49\u0e49",
    ],
    ...["\u0b95\u0bcd\u0bb7\u0bbf", "\u{1d157}\u{1d165}", "\u094d\u200d", "\u{11f02}"],
  ],
  "not UTF-8": () => {
    // Over-long, also of a dot, a slash and a zero byte; halves of surrogate pairs, alone and as CESU-8 pairs them; cut off
    // at the end and in the middle; continued without a beginning; beyond U+10FFFF; of five and six bytes; never used; and
    // other encodings: Latin 1, Shift JIS, GBK, KOI8-R, Macintosh.
    const broken = words`
      c0 ae  c0 af  c0 80  c1 bf  e0 80 af  e0 9f bf  f0 80 80 af  f0 8f bf bf
      ed a0 80  ed af bf  ed b0 80  ed bf bf  ed a0 bd ed b8 80
      c3  e2 82  e2  f0 9f 98  f0 9f  f0  c3 28  e2 28 a1  e2 82 28  f0 28 8c bc  f0 9f 28 80
      80  bf  80 bf 80  f4 90 80 80  f5 80 80 80  f8 88 80 80 80  fc 84 80 80 80 80  fe  ff  fe ff  ff fe
      63 61 66 e9  83 65 83 58 83 67  d6 d0 ce c4  f0 d2 c9 d7 c5 d4  93 66 61 6e 63 79 94`.map(bytesOf);
    return [
      ...broken,
      ...broken.slice(0, 12).map((one) => around("text ", one, " text")),
      ...broken.slice(8, 14).map((one) => around("é😀", one, "")),
      around("broken ", Buffer.from([0xff]), "/inside"),
      around("broken/", Buffer.from([0xfe]), "/deep/inside"),
      around("\u001b[31m", Buffer.from([0x9b]), "\n"),
    ];
  },
  "what S3 or the validator use": () => [
    ...words`soap  soap.xml  .cback.  .cback2/x  .cbackup  .CBACK/x  .Cback/x  cback  a/.cback/x  _$folder$  x_$folder$  WEB-INF/x
      AWSLogs/x  .well-known/x  index.html  robots.txt  .cback/reports/x.json  .cback/runs/x  .cback/status.json  .cback/status/x.json
      part-00000.json  part-00000-last.json  findings-00000.ndjson  shard-0.ndjson  x--x-s3  xn--x  x-s3alias  .s3keep  arn:aws:s3:::x`,
    "20261122T120000Z-0123456789abcdef0123456789abcdef/part-00000-last.json",
  ],
  "no file": (room) => [
    ...[
      "a//b",
      "/a",
      "//",
      "/",
      "a/",
      "a//",
      "./a",
      "a/./b",
      "a/.",
      "../a",
      "a/../b",
      "a/..",
      "..",
      ".",
      "/../x",
      "a/../../../b",
    ],
    ...[
      "nul\u0000byte",
      "\u0000",
      "a\u0000/b",
      "k".repeat(256),
      "漢".repeat(86),
      "k".repeat(room),
      "😀".repeat(Math.floor(room / 4)),
    ],
    ...["x/<script>//", " /", "\n/", "../.cback/status.json"],
  ],
} satisfies Record<string, (room: number) => readonly (string | Buffer)[]>;

/** What a terminal or a log must never be given of a name; by the properties that make it dangerous. */
export const DANGEROUS =
  /\p{Cc}|\p{Bidi_Control}|\p{Zl}|\p{Zp}|\p{Cs}|\ufeff|[\u00ad\u200b\u2060-\u2064\u206a-\u206f\u3164]|[\u{e0000}-\u{e007f}]/u;
