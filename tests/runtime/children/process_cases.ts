/** What a test of the process needs to see from outside; the first argument says which. */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { process } = detectRuntime();
const [name, argument] = process.args;

const cases: Record<string, () => void> = {
  args: () => process.writeOut(JSON.stringify(process.args)),
  env: () => process.writeOut(process.env(argument) ?? "unset"),
  terminal: () =>
    process.writeOut(`${process.isTerminal(1)} ${process.isTerminal(2)} ${process.columns()}\n`),
  exitCode: () => process.setExitCode(3),
  /** More than a pipe holds, in lines whose order shows, and then the end at once. */
  flood() {
    for (let line = 0; line < 20_000; line++) process.writeOut(`${line} ${"x".repeat(200)}\n`);
    process.exit(0);
  },
  oneLargeText() {
    process.writeOut(Array.from({ length: 50_000 }, (_, line) => `line ${line}\n`).join(""));
    process.exit(5);
  },
  endless() {
    for (;;) process.writeOut("again and again\n");
  },
  /** A program that has something to close: the closed pipe reaches it as a stop signal. */
  endlessWithStop() {
    const timer = setInterval(() => process.writeOut("again and again\n"), 1);
    const off = process.onStopSignal((signal) => {
      clearInterval(timer);
      off();
      process.writeErr(`stopped by ${signal}\n`);
    });
  },
  /** Ends by itself, since to listen for signals keeps nothing alive. */
  listenOnly: () => void process.onStopSignal(() => {}),
  signals() {
    const timer = setInterval(() => {}, 1_000);
    const off = process.onStopSignal((signal) => {
      process.writeOut(`${signal}\n`);
      if (signal === "SIGINT") return;
      clearInterval(timer);
      off();
      process.setExitCode(7);
    });
    process.writeOut("ready\n");
  },
  /** After it stopped listening a signal has its usual effect. */
  signalsOff() {
    process.onStopSignal(() => process.writeOut("unexpected\n"))();
    setInterval(() => {}, 1_000);
    process.writeOut("ready\n");
  },
};
cases[name]();
