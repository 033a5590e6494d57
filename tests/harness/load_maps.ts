/** For tests of mapped storage: what the first of them would load stays loaded, which Deno takes for a leak. */

import { detectRuntime } from "../../src/runtime/mod.ts";

detectRuntime().files.loadMaps();
