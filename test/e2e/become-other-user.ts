/**
 * The command as tests run it that are root and need a user without rights. Its code is loaded when the rights are given
 * up, so that the user needs none on the checkout, wherever that lies.
 */
import { lookUp } from "#agent/look-up.ts";
import { main } from "#agent/main.ts";
import { start } from "#agent/start.ts";

const user = Number(process.env.TEST_OTHER_USER);
process.setgroups?.([user]);
process.setgid?.(user);
process.setuid?.(user);
await main(process.argv.slice(2), { run: start, lookUp });
