/** Why a shard is scanned again, as status and metrics print it. */
export type RescanReason =
  | "asked"
  | "suspected-drops"
  | "clock"
  | "side-scan-failed"
  | "catch-up-only"
  | "unconfirmed"
  | "damage";

/** The same for people. */
export const RESCAN_TEXTS: Readonly<Record<RescanReason, string>> = {
  "asked": "asked for",
  "suspected-drops": "events may have been dropped",
  "clock": "by the clock",
  "side-scan-failed": "the last side scan failed",
  "catch-up-only": "only scans keep the shard fresh",
  "unconfirmed": "to confirm that slots are gone",
  "damage": "slots were found damaged",
};
