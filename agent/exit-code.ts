/**
 * The one table from a run's outcome to its exit code. Help, documentation and man page are printed from it.
 *
 * `code` is the predecessor's table, the contract with old cron jobs; `detailed` refines its 6 for those who ask for
 * `--detailed-exit-codes`.
 */
export const OUTCOMES = {
  success: { code: 0, detailed: 0, meaning: "every file is in the bucket, as the validator saw it" },
  interpreter: { code: 1, detailed: 1, meaning: "Node.js is too old" },
  arguments: { code: 2, detailed: 2, meaning: "the command line is wrong" },
  logging: { code: 3, detailed: 3, meaning: "the log file cannot be set up" },
  configuration: { code: 6, detailed: 4, meaning: "configuration, or agent and validator do not fit together" },
  interrupted: { code: 5, detailed: 5, meaning: "interrupted" },
  failed: { code: 6, detailed: 6, meaning: "anything else" },
  mismatch: { code: 6, detailed: 7, meaning: "the bucket does not hold what the source holds" },
  "no-verdict": { code: 6, detailed: 8, meaning: "no verdict from the validator" },
  incomplete: { code: 6, detailed: 9, meaning: "complete but for the files that were named" },
  locked: { code: 6, detailed: 10, meaning: "another run is at work there, or has taken over" },
  "safety-stop": { code: 6, detailed: 11, meaning: "stopped before deleting, to be safe" },
  denied: { code: 6, detailed: 12, meaning: "credentials or permissions" },
} as const satisfies Record<string, { code: number; detailed: number; meaning: string }>;

/** How a run ended. */
export type Outcome = keyof typeof OUTCOMES;
