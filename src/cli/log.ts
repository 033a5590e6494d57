/** Log lines: the only place that knows the logging library. */

import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type LogRecord,
} from "@logtape/logtape";
import { oneLine } from "./one_line.ts";

/** How log lines are written. */
export const LOG_FORMATS = ["text", "json"] as const;

/** `text` for people, `json` for one object a line. */
export type LogFormat = typeof LOG_FORMATS[number];

/** How much a line matters; `debug` lines are written with SLOTCASK_DEBUG=1 only. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Writes one line; `shard` where it is about one. */
export type Log = (level: LogLevel, message: string, shard?: number) => void;

/** A log in a format over a way to write a line, which has no line end. One at a time per process. */
export function openLog(
  format: LogFormat,
  options: { writeLine(line: string): void; debug?: boolean },
): Log {
  const formatter = format === "json" ? getJsonLinesFormatter({ properties: "flatten" }) : textFormatter();
  configureSync({
    reset: true,
    sinks: { lines: (record: LogRecord) => options.writeLine(formatter(record).trimEnd()) },
    loggers: [
      { category: "slotcask", lowestLevel: options.debug ? "debug" : "info", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
  const logger = getLogger("slotcask");
  return (level, message, shard) => logger[level](asTemplate(message), shard === undefined ? {} : { shard });
}

function textFormatter(): (record: LogRecord) => string {
  return getTextFormatter({
    timestamp: "rfc3339",
    level: "full",
    format: ({ timestamp, level, message, record }) => {
      const { shard } = record.properties;
      const about = shard === undefined ? "" : `shard ${shard}: `;
      return `${timestamp} ${level.toLowerCase().padEnd(7)} ${about}${message}`;
    },
  });
}

/** The library fills in what stands in braces; a leader's error message may hold some. */
function asTemplate(message: string): string {
  return oneLine(message).replaceAll("{", "{{").replaceAll("}", "}}");
}
