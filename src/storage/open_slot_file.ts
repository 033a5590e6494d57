import type { Files } from "../runtime/runtime.ts";
import { MappedFile } from "./mapped.ts";
import { PositionalFile } from "./positional.ts";
import { ResidentFile } from "./resident.ts";
import type { SlotFile, SlotFileOptions, StorageKind } from "./slot_file.ts";

const KINDS = { resident: ResidentFile, positional: PositionalFile, mapped: MappedFile };

/** Opens a slot file of the kind that was asked for. Throws the runtime's error; mapped, as {@link requireStorage}. */
export function openSlotFile(kind: StorageKind, options: SlotFileOptions): SlotFile {
  return new KINDS[kind](options);
}

/** Throws UsageError where this process cannot have files of a kind: to be asked before anything is made of it. */
export function requireStorage(kind: StorageKind, files: Files): void {
  if (kind === "mapped") files.loadMaps();
}
