/** What the soak does to requests on their way, as data: scenarios of the fault proxy, drawn from a seed, counted by kind. */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { Fault, Passing } from "#test/e2e/fault-proxy.ts";
import type { Random } from "#test/sim/random.ts";

const LONGEST_DELAY_MS = 1_500;

/** Those that pass when the request is sent again. */
const PASSING = {
  503: { refuse: "SlowDown", status: 503 },
  500: { refuse: "InternalError", status: 500 },
  502: { answer: { status: 502, body: "<html>Bad Gateway</html>" } },
  429: { refuse: "TooManyRequests", status: 429 },
  cut: { cut: "before" },
  lost: { cut: "after" },
  torn: { cut: "within" },
  half: { change: ({ status, body }) => ({ status, body: body.slice(0, body.length / 2) }) },
  silent: { silent: true },
} satisfies Record<string, Fault>;

export type Kind = `${keyof typeof PASSING}` | "late" | "refused" | "twice" | "gone";

export interface Scenario {
  /** How many of the requests that it is about are hit. */
  readonly share: number;
  readonly kinds: readonly Kind[];
  readonly operations: RegExp;
  /** All that come within so many milliseconds are hit, once: in number, all could be tries of one request. */
  readonly burstMs?: number;
  /** At most so many. */
  readonly most?: number;
}

const ANY = /./;
export const SCENARIOS = {
  none: { share: 0, kinds: [], operations: ANY },
  "burst of 503": { share: 0.05, kinds: ["503"], operations: /PutObject|List|UploadPart|Delete/, burstMs: 3_000 },
  "failing servers": { share: 0.12, kinds: ["500", "502", "429", "503"], operations: ANY, burstMs: 1_000 },
  "cut connections": { share: 0.15, kinds: ["cut", "torn"], operations: ANY },
  "torn pages": { share: 0.4, kinds: ["torn", "half"], operations: /ListObjectsV2/, most: 3 },
  "lost answers": { share: 0.15, kinds: ["lost"], operations: ANY },
  slow: { share: 0.25, kinds: ["late"], operations: ANY },
  "all at once": { share: 0.12, kinds: ["503", "500", "cut", "lost", "late"], operations: ANY },
  "a silent server": { share: 0.3, kinds: ["silent"], operations: /PutObject/, most: 1 },
  "messages late and twice": { share: 0.7, kinds: ["twice", "late"], operations: /SendMessage/ },
  "messages gone": { share: 0.5, kinds: ["gone"], operations: /SendMessage/ },
  "files refused": { share: 0.2, kinds: ["refused"], operations: /PutObject|UploadPart|DeleteObjects/ },
} satisfies Record<string, Scenario>;
export type ScenarioName = keyof typeof SCENARIOS;

/** How often each is drawn; a silent server is one that a run waits long for. */
export const WEIGHTS: Readonly<Record<ScenarioName, number>> = {
  ...{ none: 1, "burst of 503": 2, "failing servers": 2, "cut connections": 2, "torn pages": 2, "lost answers": 2 },
  ...{ slow: 1, "all at once": 2, "a silent server": 0.3, "messages late and twice": 2, "messages gone": 0.6 },
  "files refused": 1,
};

export type Counts = Partial<Record<Kind, number>>;

/** The faults of one run. */
export class Faults {
  readonly counts: Counts = {};
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #sqs: SQSClient;
  /** Which request begins the burst, counted down. */
  #untilBurst: number;
  #burstEndMs = 0;
  #hit = 0;
  #ended = false;
  /** Messages that were taken and are not sent yet. */
  readonly #underWay: Promise<unknown>[] = [];

  /** @param sqs as the host, for messages that go another way than their senders believe */
  constructor(scenario: Scenario, random: Random, sqs: SQSClient) {
    this.#scenario = scenario;
    this.#random = random;
    this.#sqs = sqs;
    this.#untilBurst = random.between(1, 10);
  }

  /** Whether one of them was of a kind that no trying again gets over. */
  get lasting(): boolean {
    return this.counts.refused !== undefined || this.counts.gone !== undefined;
  }

  /** How many uploads they may have kept the agent from giving up, or from knowing of at all. */
  uploadsInDoubt = 0;

  readonly of = async (passing: Passing): Promise<Fault | undefined> => {
    const { share, kinds, operations, burstMs = 0, most = Number.POSITIVE_INFINITY } = this.#scenario;
    const random = this.#random;
    if (kinds.length === 0 || !operations.test(passing.operation) || this.#hit >= most) return undefined;
    if (--this.#untilBurst === 0) this.#burstEndMs = performance.now() + burstMs;
    if (performance.now() >= this.#burstEndMs && !random.chance(share)) return undefined;
    this.#hit += 1;
    const kind = random.pick(kinds);
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    if (/^(Create|Abort)MultipartUpload$/.test(passing.operation)) this.uploadsInDoubt += 1;
    if (passing.operation === "SendMessage" && (kind === "late" || kind === "twice" || kind === "gone"))
      return this.#takeMessage(passing, kind);
    if (kind === "late") {
      await sleep(random.below(LONGEST_DELAY_MS));
      // Nobody waits for it any more: what it asked for must not be done to a later run.
      return this.#ended ? PASSING.cut : undefined;
    }
    if (kind === "refused") return { refuse: "InvalidRequest", status: 400 };
    return kind === "twice" || kind === "gone" ? undefined : PASSING[kind];
  };

  /** When the run is over: nothing of it is to come later. */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#underWay);
  }

  /** Acknowledged to the sender, and then delivered as SQS may: late, twice, or, as it must not, never. */
  #takeMessage({ body }: Passing, kind: "late" | "twice" | "gone"): Fault {
    const message: { QueueUrl: string; MessageBody: string } = JSON.parse(body.toString());
    const delays = { gone: [], late: [LONGEST_DELAY_MS], twice: [0, LONGEST_DELAY_MS] }[kind];
    for (const mostMs of delays)
      this.#underWay.push(
        sleep(this.#random.below(mostMs + 1)).then(() => this.#sqs.send(new SendMessageCommand(message))),
      );
    const MD5OfMessageBody = createHash("md5").update(message.MessageBody).digest("hex");
    return { answer: { status: 200, body: JSON.stringify({ MessageId: randomUUID(), MD5OfMessageBody }) } };
  }
}
