import { PositionalFile } from "./positional.ts";
import { ResidentFile } from "./resident.ts";
import type { SlotFile, SlotFileOptions, StorageKind } from "./slot_file.ts";

/** Opens a slot file of the kind that was asked for. Throws the runtime's error. */
export function openSlotFile(kind: StorageKind, options: SlotFileOptions): SlotFile {
  return kind === "resident" ? new ResidentFile(options) : new PositionalFile(options);
}
