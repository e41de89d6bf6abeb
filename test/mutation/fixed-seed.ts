/** Loaded before each test file that judges a mutant: the score is the same each time, and a failure is not made smaller. */
import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1, endOnFailure: true });
