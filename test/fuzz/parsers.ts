/** Every parser of what others wrote. */
import { AGENT_PARSERS } from "./agent-parsers.ts";
import { CONTRACT_PARSERS } from "./contract-parsers.ts";
import { LISTING_PARSERS } from "./listing-parsers.ts";
import type { Parser } from "./parser.ts";

export const PARSERS: readonly Parser[] = [...CONTRACT_PARSERS, ...AGENT_PARSERS, ...LISTING_PARSERS];
