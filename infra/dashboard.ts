/** One page for a glance: what was verified, whether the validator keeps up, and who is silent. */
import { Duration } from "aws-cdk-lib";
import { Dashboard as CloudWatchDashboard, GraphWidget, type IMetric } from "aws-cdk-lib/aws-cloudwatch";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { METRIC } from "#shared/names.ts";
import { ownMetric } from "./metric.ts";

const PERIOD = Duration.minutes(5);
const AN_HOUR = Duration.hours(1);
/** Of 24: three graphs in a row. */
const WIDTH = 8;

export interface DashboardProps {
  readonly bucketName: string;
  readonly queue: IQueue;
  readonly deadLetterQueue: IQueue;
  /** The validator. */
  readonly handler: IFunction;
  readonly silenceHandler: IFunction;
}

export class Dashboard extends Construct {
  readonly dashboardName: string;

  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { bucketName, queue, deadLetterQueue, handler, silenceHandler } = props;
    const own = (name: keyof typeof METRIC, label: string, statistic = "Sum", period = PERIOD) =>
      ownMetric(name, bucketName, { statistic, period, label });
    const sum = { statistic: "Sum", period: PERIOD };
    const highest = { statistic: "Maximum", period: PERIOD };

    const page = new CloudWatchDashboard(this, "Page", {
      defaultInterval: Duration.days(7),
      widgets: [
        [
          graph("Verdicts", [own("match", "match"), own("mismatch", "mismatch"), own("error", "error")]),
          graph("Findings", [
            own("missing", "missing"),
            own("sizeDiffers", "size-differs"),
            own("etagDiffers", "etag-differs"),
            own("unexpected", "unexpected"),
          ]),
          graph("Silence", [
            own("silentPrefixes", "silent prefixes", "Maximum", AN_HOUR),
            own("damagedStatuses", "damaged statuses", "Maximum", AN_HOUR),
          ]),
        ],
        [
          graph("Shards and messages", [
            own("shardsChecked", "shards checked"),
            own("messagesRefused", "messages refused"),
            own("messagesForeign", "messages for another bucket"),
          ]),
          graph(
            "Queue",
            [
              queue.metricApproximateNumberOfMessagesVisible({ ...highest, label: "waiting" }),
              queue.metricApproximateNumberOfMessagesNotVisible({ ...highest, label: "being checked" }),
            ],
            [queue.metricApproximateAgeOfOldestMessage({ ...highest, label: "age of the oldest, in seconds" })],
          ),
          graph("Dead letters", [
            deadLetterQueue.metricApproximateNumberOfMessagesVisible({ ...highest, label: "dead letters" }),
          ]),
        ],
        [
          graph("Duration, p95", [
            handler.metricDuration({ statistic: "p95", period: PERIOD, label: "the function, in ms" }),
            own("validationTime", "a shard, in ms", "p95"),
          ]),
          graph("Errors and throttles", [
            handler.metricErrors({ ...sum, label: "errors" }),
            handler.metricThrottles({ ...sum, label: "throttles" }),
          ]),
          graph("The silence check", [
            silenceHandler.metricInvocations({ statistic: "Sum", period: AN_HOUR, label: "checks" }),
            silenceHandler.metricErrors({ statistic: "Sum", period: AN_HOUR, label: "errors" }),
          ]),
        ],
      ],
    });
    this.dashboardName = page.dashboardName;
  }
}

function graph(title: string, left: IMetric[], right: IMetric[] = []): GraphWidget {
  return new GraphWidget({ title, left, right, width: WIDTH, leftYAxis: { min: 0 } });
}
