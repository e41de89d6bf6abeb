/**
 * What is counted of a delivery and of a silence check, and how CloudWatch reads it: a line of JSON in the log, in its
 * embedded metric format. Pure but for the time in that line, which is a parameter.
 */
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { METRIC, METRIC_DIMENSION, METRIC_NAMESPACE } from "#shared/names.ts";
import type { Totals, Verdict } from "#shared/report.ts";

/** How a delivery ended; these are also the events of its log line. */
type DeliveryEvent =
  | "shard-checked"
  | "shard-known"
  | "shard-refused"
  | "shard-failed"
  | "shard-given-up"
  | "unreadable-message"
  | "foreign-bucket";

/** What of a delivery is counted. */
export interface Counted {
  readonly event: DeliveryEvent;
  /** Of the part that this delivery wrote. */
  readonly totals?: Totals;
  /** Of the report that this delivery published. */
  readonly verdict?: Verdict;
  readonly durationMs: number;
}

export interface Measurement {
  readonly name: (typeof METRIC)[keyof typeof METRIC];
  readonly unit: "Count" | "Milliseconds";
  readonly value: number;
}

/** What did not happen is left out: CloudWatch takes money for each metric that has a value. */
export function measureDelivery({ event, totals, verdict, durationMs }: Counted): Measurement[] {
  const counts: [keyof typeof METRIC, number][] = [
    ["shardsChecked", event === "shard-checked" ? 1 : 0],
    ["missing", totals?.missing ?? 0],
    ["sizeDiffers", totals?.sizeDiffers ?? 0],
    ["etagDiffers", totals?.etagDiffers ?? 0],
    ["unexpected", totals?.unexpected ?? 0],
    ["match", verdict === "match" ? 1 : 0],
    ["mismatch", verdict === "mismatch" ? 1 : 0],
    ["error", verdict === "error" ? 1 : 0],
    ["messagesRefused", event === "shard-refused" || event === "unreadable-message" ? 1 : 0],
    ["messagesForeign", event === "foreign-bucket" ? 1 : 0],
  ];
  const measurements: Measurement[] = counts
    .filter(([, value]) => value > 0)
    .map(([name, value]) => ({ name: METRIC[name], unit: MetricUnit.Count, value }));
  if (event === "shard-checked")
    measurements.push({ name: METRIC.validationTime, unit: MetricUnit.Milliseconds, value: durationMs });
  return measurements;
}

/** Also zeros: a check that says nothing is one that died. */
export function measureSilence(counts: { readonly silent: number; readonly damaged: number }): Measurement[] {
  return [
    { name: METRIC.silentPrefixes, unit: MetricUnit.Count, value: counts.silent },
    { name: METRIC.damagedStatuses, unit: MetricUnit.Count, value: counts.damaged },
  ];
}

/** The line for the log, or undefined when there is nothing to say. */
export function metricLine(measurements: readonly Measurement[], bucket: string, now: Date): string | undefined {
  if (measurements.length === 0) return undefined;
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  // It would add a dimension for the service.
  metrics.clearDefaultDimensions();
  metrics.setDefaultDimensions({ [METRIC_DIMENSION]: bucket });
  metrics.setTimestamp(now);
  for (const { name, unit, value } of measurements) metrics.addMetric(name, unit, value);
  return JSON.stringify(metrics.serializeMetrics());
}
