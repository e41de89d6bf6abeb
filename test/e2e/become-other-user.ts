/**
 * Loaded before the command by tests that run as root: takes its rights away. The command's code is loaded by then, so
 * that the user needs no rights on the checkout.
 */
import "#agent/main.ts";
import "#agent/start.ts";
import "#agent/aws-settings.ts";

const user = Number(process.env.TEST_OTHER_USER);
process.setgroups?.([user]);
process.setgid?.(user);
process.setuid?.(user);
