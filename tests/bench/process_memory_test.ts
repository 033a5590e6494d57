import { expect, test } from "bun:test";
import process from "node:process";
import { processMemory } from "../../bench/process_memory.ts";

test.skipIf(process.platform !== "linux")("memory of this process, by itself and by its id", () => {
  const { rssMb, peakMb, anonMb } = processMemory();
  expect(anonMb).toBeGreaterThan(1);
  expect(rssMb).toBeGreaterThan(anonMb);
  expect(peakMb).toBeGreaterThanOrEqual(rssMb);
  expect(Math.abs(processMemory(process.pid).rssMb - rssMb)).toBeLessThan(rssMb);
  expect(rssMb).toBeGreaterThan(process.memoryUsage.rss() / 1e6 / 2);
});

test("a process that is not there has none", () => expect(() => processMemory(-1)).toThrow());
