/** A program for the tests of the lock: takes it, says so, and holds it until it is ended. */
import { lockTarget } from "#agent/target-lock.ts";

// Never disposed of: however the process ends, the kernel must free the lock. Named by the timer, or it were forgotten.
const lock = lockTarget(JSON.parse(process.argv[2] ?? ""), { warn: (text) => console.log(text) });
setInterval(() => console.log(lock), 3_600_000);
console.log("held");
