/** All benches, in the order in which `deno task bench` runs them. */
import { APPLY_BENCH } from "./apply.ts";
import type { Bench } from "./bench.ts";
import { CATCH_UP_BENCHES } from "./catch_up.ts";
import { MEMORY_BENCH } from "./memory.ts";
import { SCALE_BENCH } from "./scale.ts";
import { SCAN_BENCH } from "./scan.ts";
import { GET_BENCH } from "./get.ts";
import { LATENCY_BENCH } from "./latency.ts";
import { LIVE_CPU_BENCHES } from "./live_cpu.ts";
import { OPEN_BENCH } from "./open.ts";
import { WRITE_RATE_BENCH } from "./write_rate.ts";

/** See the head of this file. */
export const BENCHES: readonly Bench[] = [
  ...CATCH_UP_BENCHES,
  SCAN_BENCH,
  MEMORY_BENCH,
  SCALE_BENCH,
  GET_BENCH,
  OPEN_BENCH,
  APPLY_BENCH,
  LATENCY_BENCH,
  ...LIVE_CPU_BENCHES,
  WRITE_RATE_BENCH,
];
