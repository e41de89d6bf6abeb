/** A control group of the kernel's with little memory, as containers have one: whoever takes more is killed. */
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Scope {
  after(hook: () => void): void;
}

/** Where version 1 and version 2 keep groups, and the file of their limit. */
const KINDS = [
  { root: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes" },
  { root: "/sys/fs/cgroup", limit: "memory.max" },
];

/** For `within` of an agent; undefined where this machine lets no test make a group. */
export function withMemory(scope: Scope, bytes: number): readonly string[] | undefined {
  for (const { root, limit } of KINDS) {
    const group = join(root, `cback-test-${process.pid}`);
    try {
      mkdirSync(group);
      scope.after(() => rmdirSync(group));
      writeFileSync(join(group, limit), String(bytes), { flag: "r+" });
      return ["sh", "-c", 'echo $$ > "$1" && shift && exec "$@"', "sh", join(group, "cgroup.procs")];
    } catch {
      // Not this kind, or not for us.
    }
  }
  return undefined;
}
