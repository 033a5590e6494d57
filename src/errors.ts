/**
 * Every error that Slotcask throws on purpose.
 *
 * Each names its remedy, so that a caller can act without reading the message:
 * `reconnect` (the next session may succeed; the follower does it by itself),
 * `rebuild` (the directory must be made again), `stop` (a person must change something).
 */

/** What mends an error. */
export type Remedy = "reconnect" | "rebuild" | "stop";

/** Options of an error's constructor. */
export interface SlotcaskErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
  /** Overrides the class's usual remedy. */
  remedy?: Remedy;
}

/** The base of all errors below: `instanceof SlotcaskError` means "expected and explained". */
export class SlotcaskError extends Error {
  /** What mends it. */
  readonly remedy: Remedy;

  /** Makes an error with a message for people and a remedy for code. */
  constructor(message: string, remedy: Remedy, options: SlotcaskErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.remedy = options.remedy ?? remedy;
  }
}

/** The peer sent bytes that the protocol does not allow. Nothing of the bad frame was applied. */
export class ProtocolError extends SlotcaskError {
  /** Remedy: reconnect. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "reconnect", options);
  }
}

/** The leader answered with an Error frame; the message is the leader's own. */
export class LeaderError extends SlotcaskError {
  /** Remedy: reconnect. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "reconnect", options);
  }
}

/** The connection could not be made, ended, or fell silent. */
export class ConnectionError extends SlotcaskError {
  /** Remedy: reconnect. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "reconnect", options);
  }
}

/** Two sides disagree about the shape of the data (shards, key, value or slot bytes, prefix bits). */
export class ShapeError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** The leader speaks none of the protocol versions that were allowed. */
export class ProtocolVersionError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** The directory is not an armdb fixed directory, or one of a version that is not known here. */
export class ForeignDirectoryError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** A file of the directory is missing, too short or contradicts itself. */
export class DamagedDirectoryError extends SlotcaskError {
  /** Remedy: rebuild. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "rebuild", options);
  }
}

/** Another process holds the directory. */
export class LockedError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** The disk refused a read, a write or a sync. What was not written stays marked and is tried again. */
export class StorageError extends SlotcaskError {
  /** Remedy: reconnect. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "reconnect", options);
  }
}

/** The leader's data contradicts the copy by more than the divergence limit: see `--on-divergence`. */
export class DivergedError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** A key was not found, and the copy is not complete enough for that to prove its absence. */
export class IncompleteError extends SlotcaskError {
  /** Remedy: reconnect. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "reconnect", options);
  }
}

/** An argument, an option, a flag or an environment variable has a value that cannot be used. */
export class UsageError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** The handle was closed before the call, or while it waited. */
export class ClosedError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** What was asked for cannot be done now: it is under way already, or the follower is not in a state for it. */
export class ConflictError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}

/** The runtime was not given a permission; the message names the flag that gives it. */
export class PermissionError extends SlotcaskError {
  /** Remedy: stop. */
  constructor(message: string, options?: SlotcaskErrorOptions) {
    super(message, "stop", options);
  }
}
