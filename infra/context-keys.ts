/** The context keys of the app, once: the app reads them, docs/deploy.md shows this table. */
export const CONTEXT_KEYS = {
  bucket: { example: "my-backups", meaning: "the bucket to make; several, by commas, make a stack each" },
  existingBucket: { example: "old-backups", meaning: "a bucket that is there already, instead" },
  hosts: {
    example: "web1,db1",
    meaning: "a policy for each host, limited to its own prefix: its name, or as in web1=servers/web1",
  },
  alarmEmail: { example: "ops@example.com", meaning: "who is told when an alarm goes off" },
  encryptionKey: {
    example: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    meaning: "the KMS key of the bucket, in its region; otherwise S3 manages the keys",
  },
  reportRetention: { example: "400", meaning: "days that reports are kept" },
  oldVersionRetention: { example: "90", meaning: "days that replaced and deleted files are kept; otherwise for ever" },
  maxSilence: { example: "26", meaning: "hours without a run after which a prefix raises an alarm" },
  unwatched: { example: "web1,db1", meaning: "prefixes of hosts that are gone: their silence raises no alarm" },
} as const;

export type ContextKey = keyof typeof CONTEXT_KEYS;
