/** The process through node:process, which both runtimes have. */

import process from "node:process";
import { isatty } from "node:tty";
import { OutputStream } from "./output_stream.ts";
import type { Process, StopSignal } from "./runtime.ts";

/** The process, with the runtime's own way to read one environment variable. */
export function nodeProcess(env: Process["env"]): Process {
  const signals = new StopSignals();
  const out = new OutputStream(1, () => signals.outputClosed());
  const err = new OutputStream(2, () => {});
  return {
    pid: process.pid,
    args: process.argv.slice(2),
    env,
    writeOut: (text) => out.write(text),
    writeErr: (text) => err.write(text),
    isTerminal: (stream) => isatty(stream),
    columns: terminalColumns,
    onStopSignal: (callback) => signals.listen(callback),
    exit: (code) => process.exit(code),
    setExitCode(code) {
      process.exitCode = code;
    },
    residentBytes: () => process.memoryUsage.rss(),
  };
}

/** Asks only streams that are terminals: to touch `process.stdout` otherwise changes how a pipe is written to. */
function terminalColumns(): number {
  if (isatty(1)) return process.stdout.columns || 80;
  if (isatty(2)) return process.stderr.columns || 80;
  return 80;
}

/** Who wants to know of SIGINT and SIGTERM. The runtimes' signal listeners do not keep the process alive. */
class StopSignals {
  readonly #callbacks = new Set<(signal: StopSignal) => void>();

  listen(callback: (signal: StopSignal) => void): () => void {
    const listener = (signal: StopSignal): void => callback(signal);
    const onInterrupt = () => listener("SIGINT");
    const onTerminate = () => listener("SIGTERM");
    process.on("SIGINT", onInterrupt);
    process.on("SIGTERM", onTerminate);
    this.#callbacks.add(listener);
    return () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      this.#callbacks.delete(listener);
    };
  }

  /** Nobody reads any more: as a program that SIGPIPE ends, but one that has something to close may close it. */
  outputClosed(): void {
    if (this.#callbacks.size === 0) process.exit(0);
    setTimeout(() => {
      for (const callback of [...this.#callbacks]) callback("SIGTERM");
    }, 0);
  }
}
