/** Whom alarms are told, where that is one e-mail address: a topic that takes messages from CloudWatch, over TLS only. */
import { Stack } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";

export function alarmTopic(scope: Construct, id: string, email: string): ITopic {
  const topic = new Topic(scope, id, { displayName: "cback-amazons3-sync", enforceSSL: true });
  // The denial makes a policy, and a policy takes the place of the one that would let in this account's alarms.
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: "AlarmsOfThisAccount",
      principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
      actions: ["sns:Publish"],
      resources: [topic.topicArn],
      conditions: { StringEquals: { "aws:SourceAccount": Stack.of(scope).account } },
    }),
  );
  topic.addSubscription(new EmailSubscription(email));
  acknowledge(topic, {
    "Serverless-SNSRedrivePolicy": "SNS has no dead letters for e-mail; the alarm itself stays on.",
  });
  return topic;
}
