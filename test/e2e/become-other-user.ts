/**
 * The command as tests run it that are root and need a user without rights. Its code is loaded when the rights are given
 * up, so that the user needs none on the checkout, wherever that lies.
 */
import { main } from "#agent/main.ts";
import "#agent/start.ts";
import "#agent/aws-settings.ts";

const user = Number(process.env.TEST_OTHER_USER);
process.setgroups?.([user]);
process.setgid?.(user);
process.setuid?.(user);
await main();
