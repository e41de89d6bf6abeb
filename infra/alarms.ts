/**
 * What wakes somebody: an alarm for each way in which backups or their verification can be wrong. Each says what it is
 * in one sentence and where to read on; `docs/runbook.md` has a section for each.
 */
import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, type Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { ownMetric } from "./metric.ts";

/** A message that is tried again and again is given up sooner: one this old is not being tried. */
const OLDEST_MESSAGE_AGE = Duration.minutes(15);
const SHORT = Duration.minutes(5);
/** Two checks: that one comes a little late is no silence. */
const TWO_CHECKS = Duration.hours(2);

export interface AlarmsProps {
  readonly bucketName: string;
  readonly queue: IQueue;
  readonly deadLetterQueue: IQueue;
  /** The validator. */
  readonly handler: IFunction;
  /** How long a prefix may have no run: for the alarm's text. */
  readonly maxSilence: Duration;
  /** Who is told when an alarm goes off, and when it is over. */
  readonly alarmTopic: ITopic | undefined;
}

interface Watched {
  readonly id: string;
  readonly says: string;
  /** Of the runbook. */
  readonly section: string;
  readonly metric: Metric;
  /** The alarm goes off from here on. */
  readonly threshold: number;
  /** How many periods in a row. */
  readonly periods?: number;
  readonly missing?: TreatMissingData;
}

export class Alarms extends Construct {
  readonly all: readonly Alarm[];

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.all = watched(props).map((one) => this.#add(one, props.alarmTopic));
  }

  #add({ id, says, section, metric, threshold, periods = 1, missing }: Watched, topic: ITopic | undefined): Alarm {
    const alarm = new Alarm(this, id, {
      alarmDescription: `${says} See docs/runbook.md#${section}`,
      metric,
      threshold,
      evaluationPeriods: periods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: missing ?? TreatMissingData.NOT_BREACHING,
    });
    if (topic === undefined) return alarm;
    const action = new SnsAction(topic);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    return alarm;
  }
}

function watched({ bucketName, queue, deadLetterQueue, handler, maxSilence }: AlarmsProps): Watched[] {
  const sum = { statistic: "Sum", period: SHORT };
  const highest = { statistic: "Maximum", period: SHORT };
  return [
    {
      id: "DeadLetters",
      says: `Messages to the validator of ${bucketName} were given up; what they told was not verified.`,
      section: "dead-letters",
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible(highest),
      threshold: 1,
    },
    {
      id: "OldestMessage",
      says: `A message to the validator of ${bucketName} has waited for more than 15 minutes; hosts get no verdict.`,
      section: "oldest-message",
      metric: queue.metricApproximateAgeOfOldestMessage(highest),
      threshold: OLDEST_MESSAGE_AGE.toSeconds() + 1,
    },
    {
      id: "FunctionErrors",
      says: `The validator of ${bucketName} crashed or ran out of time or memory.`,
      section: "function-errors",
      metric: handler.metricErrors(sum),
      threshold: 1,
    },
    {
      id: "Throttles",
      says: `The validator of ${bucketName} has been held back for 15 minutes; verdicts come late.`,
      section: "throttles",
      metric: handler.metricThrottles(sum),
      threshold: 1,
      periods: 3,
    },
    {
      id: "Mismatch",
      says: `The validator found that ${bucketName} does not hold what a host sent.`,
      section: "mismatch",
      metric: ownMetric("mismatch", bucketName, sum),
      threshold: 1,
    },
    {
      id: "ErrorVerdict",
      says: `The validator could not check a run to ${bucketName}.`,
      section: "error-verdict",
      metric: ownMetric("error", bucketName, sum),
      threshold: 1,
    },
    {
      id: "Silence",
      says: `A host has not backed up to ${bucketName} for ${maxSilence.toHours({ integral: false })} hours, or nobody looks whether it has.`,
      section: "silence",
      metric: ownMetric("silentPrefixes", bucketName, { statistic: "Maximum", period: TWO_CHECKS }),
      threshold: 1,
      // Otherwise a check that died would look like one that found nothing.
      missing: TreatMissingData.BREACHING,
    },
  ];
}
