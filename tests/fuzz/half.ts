/** Both runtimes share the cases of a run: each takes every second one, so that together they make it whole. */

import { detectRuntime } from "../../src/runtime/mod.ts";

/** The cases of this runtime: Deno takes those of even number, Bun the odd ones. */
export const OWN_HALF: { first: number; step: number } = {
  first: detectRuntime().name === "deno" ? 0 : 1,
  step: 2,
};
