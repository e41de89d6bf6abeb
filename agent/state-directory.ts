/** Where a user's own state goes: the log when the usual place is closed to it, and what a host remembers of runs. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

interface StateSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string | undefined;
}

/** XDG base directory specification 0.8; a relative path in the variable is to be ignored. */
export function stateDirectory({ environment, homeDirectory }: StateSurroundings): string | undefined {
  const given = environment.XDG_STATE_HOME ?? "";
  const parent = isAbsolute(given) ? given : homeDirectory && join(homeDirectory, ".local", "state");
  return parent && join(parent, "cback-amazons3-sync");
}

/** Undefined for a user that the system does not know, without HOME. */
export function findHomeDirectory(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
