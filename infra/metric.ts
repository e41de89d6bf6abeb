/** The metrics of one bucket, for alarms and dashboard, by the names that the functions send them under. */
import type { Duration } from "aws-cdk-lib";
import { Metric } from "aws-cdk-lib/aws-cloudwatch";
import { METRIC, METRIC_DIMENSION, METRIC_NAMESPACE } from "#shared/names.ts";

export function ownMetric(
  name: keyof typeof METRIC,
  bucketName: string,
  options: { readonly statistic: string; readonly period: Duration; readonly label?: string },
): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: METRIC[name],
    dimensionsMap: { [METRIC_DIMENSION]: bucketName },
    ...options,
  });
}
