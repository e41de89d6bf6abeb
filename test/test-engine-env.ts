/** Names of the environment by which the tests' engine is handed on. */
export const TEST_ENGINE_ENV = {
  /** Where the engine keeps its state; whoever sets it cleans up. */
  folder: "TEST_ENGINE_FOLDER",
  /** The engine's file of settings, as `npm run local -- up` writes one to `.local/env`. */
  settings: "TEST_ENGINE_ENV_FILE",
} as const;
