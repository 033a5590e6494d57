/** Locks the file that it is given, says so, and holds it until it is killed. */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { files, process } = detectRuntime();
const lock = files.lock(process.args[0]);
process.writeOut(lock === undefined ? "taken\n" : "locked\n");
if (lock !== undefined) setInterval(() => {}, 1_000);
