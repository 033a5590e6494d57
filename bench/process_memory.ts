/** Memory of a process, as Linux counts it. */
import { readFileSync } from "node:fs";

/** In MB of 1,000,000 bytes. */
export interface ProcessMemory {
  /** Resident memory now: VmRSS. */
  rssMb: number;
  /** The most that was ever resident: VmHWM. */
  peakMb: number;
  /** The part of the resident memory that belongs to no file: RssAnon. */
  anonMb: number;
}

/** Memory of a process by its id, or of this one. Throws where there is no such process, or no /proc. */
export function processMemory(pid: number | "self" = "self"): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => {
    const kib = new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)?.[1];
    if (kib === undefined) throw new Error(`Cannot read memory of process ${pid}: its status has no ${name}`);
    return Number(kib) * 1024 / 1e6;
  };
  return { rssMb: field("VmRSS"), peakMb: field("VmHWM"), anonMb: field("RssAnon") };
}
