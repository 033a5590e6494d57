import { SLOT_HEADER_BYTES, slotCrc } from "../fixed/layout.ts";
import { OCCUPIED, statusOf, versionOf } from "../fixed/meta.ts";
import { hashKey, shardOfHashedKey } from "../fixed/routing.ts";
import { equalBytes, readWord } from "../fixed/shard.ts";
import { type KeySource, SlotIndex } from "../fixed/slot_index.ts";
import type { Shape } from "../slot_events.ts";
import type { SlotFile } from "../storage/slot_file.ts";
import type { Damage, DamageKind } from "./damage.ts";

const STATUS_NAMES = ["FREE", "OCCUPIED", "DELETED", "status 3"];
/** Bytes of a key that a message shows. */
const SHOWN_KEY_BYTES = 32;

/** Checks the slots of one shard against themselves, the sidecar, the routing and each other. */
export class SlotCheck implements KeySource {
  /** OCCUPIED slots seen. */
  occupied = 0;
  readonly #shard: number;
  readonly #shape: Shape;
  readonly #file: SlotFile;
  readonly #sidecar: Uint8Array | undefined;
  readonly #index = new SlotIndex(this);

  /** A check of the slots in `file`; `sidecar` only where it counts. */
  constructor(
    shard: number,
    { shape, file, sidecar }: { shape: Shape; file: SlotFile; sidecar?: Uint8Array },
  ) {
    this.#shard = shard;
    this.#shape = shape;
    this.#file = file;
    this.#sidecar = sidecar;
  }

  /** Adds what is wrong with a slot to `found`. Slots may be checked again, after a change of the file. */
  check(slot: number, found: Damage[]): void {
    const offset = this.#file.at(slot);
    const { window, view } = this.#file;
    const meta = view.getUint32(offset, true);
    if (this.#sidecar !== undefined) this.#checkSidecar(slot, meta, found);
    const status = statusOf(meta);
    if (status === 3) this.#add(found, slot, "status", "status is 3, known are 0 to 2");
    if (status !== OCCUPIED) return;
    this.occupied++;
    const stored = view.getUint32(offset + 4, true);
    const actual = slotCrc(view, offset, this.#shape.keyLength + this.#shape.valueLength) >>> 0;
    if (stored === actual) this.#checkKey(slot, window, offset + SLOT_HEADER_BYTES, found);
    else this.#add(found, slot, "crc", `CRC is ${hexWord(stored)}, its bytes give ${hexWord(actual)}`);
  }

  /** See {@link KeySource}: also that the slot is OCCUPIED, since the file may change meanwhile. */
  slotHasKey(slot: number, bytes: Uint8Array, at: number): boolean {
    const offset = this.#file.at(slot);
    const { window } = this.#file;
    return statusOf(readWord(window, offset)) === OCCUPIED &&
      equalBytes(window, offset + SLOT_HEADER_BYTES, bytes, at, this.#shape.keyLength);
  }

  #checkSidecar(slot: number, meta: number, found: Damage[]): void {
    const noted = readWord(this.#sidecar!, slot * 4);
    if (noted === meta) return;
    this.#add(
      found,
      slot,
      "sidecar",
      `${inWords(meta)} in fixed.data, and ${inWords(noted)} in fixed.versions`,
    );
  }

  #checkKey(slot: number, bytes: Uint8Array, keyAt: number, found: Damage[]): void {
    const hash = hashKey(bytes, keyAt, this.#shape.keyLength);
    const home = shardOfHashedKey(bytes, keyAt, this.#shape);
    if (home !== this.#shard) {
      this.#add(found, slot, "misrouted", `its key ${this.#shown(bytes, keyAt)} belongs to shard ${home}`);
    }
    const other = this.#index.find(hash, bytes, keyAt);
    if (other < 0) this.#index.insert(hash, slot, bytes, keyAt);
    else if (other !== slot) {
      this.#add(found, slot, "duplicate", `its key ${this.#shown(bytes, keyAt)} is in slot ${other} too`);
    }
  }

  #add(found: Damage[], slot: number, kind: DamageKind, text: string): void {
    found.push({ shard: this.#shard, slot, kind, text });
  }

  #shown(bytes: Uint8Array, keyAt: number): string {
    const { keyLength } = this.#shape;
    const shown = bytes.slice(keyAt, keyAt + Math.min(keyLength, SHOWN_KEY_BYTES)).toHex();
    return keyLength > SHOWN_KEY_BYTES ? `${shown}...` : shown;
  }
}

function inWords(meta: number): string {
  return `${STATUS_NAMES[statusOf(meta)]} at version ${versionOf(meta)}`;
}

function hexWord(value: number): string {
  return "0x" + value.toString(16).padStart(8, "0");
}
