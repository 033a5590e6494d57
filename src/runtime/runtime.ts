/**
 * The seam between Slotcask and the runtime it runs on.
 *
 * Everything that touches the world goes through this interface; only this folder knows `Deno`, `Bun` and the
 * I/O modules. Failures of the disk arrive as the runtime's own errors with a `code` such as "ENOSPC".
 */

/** A file that is open; numbers as the operating system gives them. */
export type FileDescriptor = number;

/** Files and directories. Synchronous unless it returns a promise; positions and lengths in bytes. */
export interface Files {
  /** Opens a file: `read` and `write` (which also reads) want it to exist, `create` makes it if need be. */
  open(path: string, mode: "read" | "write" | "create"): FileDescriptor;
  /** Closes a file. */
  close(file: FileDescriptor): void;
  /** Reads `length` bytes to `bytes[at]`; returns how many there were before the end of the file. Loops over short reads. */
  read(file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): number;
  /** Writes `length` bytes from `bytes[at]`, all of them (loops over short writes). */
  write(file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): void;
  /** Size of the file. */
  size(file: FileDescriptor): number;
  /** Sets the size of the file; new bytes are zero. */
  truncate(file: FileDescriptor, size: number): void;
  /** fdatasync, without blocking the thread. */
  sync(file: FileDescriptor): Promise<void>;
  /** fdatasync, blocking: for open and close only. */
  syncNow(file: FileDescriptor): void;
  /** fsync of a directory, so that renames and new names in it are durable. */
  syncDirectory(path: string): void;
  /** The same without blocking the thread. */
  syncDirectoryAsync(path: string): Promise<void>;
  /** The whole file, or undefined where there is none. */
  readFile(path: string): Uint8Array | undefined;
  /** Who may do what with a file, as chmod has it; undefined where there is none. Files in memory have no such thing. */
  permissions?(path: string): number | undefined;
  /** Whether the path exists (file or directory). */
  exists(path: string): boolean;
  /** Names in a directory, or undefined where there is none. */
  list(path: string): string[] | undefined;
  /** Makes a directory and its parents; an existing one is fine. */
  makeDirectory(path: string): void;
  /** Renames, replacing the target. */
  rename(from: string, to: string): void;
  /** Removes a file or a directory with all in it; a missing one is fine. */
  remove(path: string): void;
  /** Makes an empty directory in the system's temporary place and returns its path. */
  makeTemporaryDirectory(prefix: string): string;
  /** flock(LOCK_EX | LOCK_NB) on a file that it makes if need be: a way to release it, or undefined if it is taken. */
  lock(path: string): FileLock | undefined;
  /** Whether somebody holds {@link lock} on a file; neither makes nor changes it. A missing file is not locked. */
  isLocked(path: string): boolean;
  /** Loads what `map`, `allocate` and `readAhead` call. Throws UsageError where this process cannot map files. */
  loadMaps(): void;
  /**
   * Maps a range of an open file, which may lie beyond its end: the bytes are the file's own, and stay so until
   * no view of them is left, whether the file is closed or not. To touch one beyond the file's end, or to write one
   * that has no block on a full disk, kills the process (SIGBUS): see `allocate`. One that is not in memory is read
   * alone, by the page: see `readAhead`. Throws as `loadMaps` does.
   */
  map(file: FileDescriptor, range: MapRange): Uint8Array<ArrayBuffer>;
  /** Gives a range of a file its blocks, and the file at least that size; bytes that are there stay. */
  allocate(file: FileDescriptor, position: number, length: number): void;
  /** Has the system begin to read a range of a file into its memory. */
  readAhead(file: FileDescriptor, position: number, length: number): void;
}

/** A range of a file, in bytes. */
export interface MapRange {
  /** Where it begins. */
  position: number;
  /** How long it is. */
  length: number;
  /** Whether it may be written; the file must be open for that. */
  writable: boolean;
}

/** A held flock. */
export interface FileLock {
  /** The locked file, to write the holder's pid into. */
  readonly file: FileDescriptor;
  /** Releases it; the file stays. */
  release(): void;
}

/** What a connection tells its owner. Each is called from the event loop, never from within a call to it. */
export interface ConnectionHandlers {
  /**
   * Bytes arrived; they belong to the callee only until it returns. While more keep coming, dozens of calls may share
   * one turn of the event loop (32 in Deno, 44 in Bun): who works long in each counts them together.
   */
  onData(bytes: Uint8Array): void;
  /** All that was written has left the process's own buffer, after `write` had said false. */
  onDrain?(): void;
  /** The connection ended, once: by either side, or by an error. All data was delivered before. */
  onClose(error?: Error): void;
}

/** A TCP connection with TCP_NODELAY. */
export interface Connection {
  /** Sends bytes in one write; they may be reused once it returns. False asks the caller to wait for `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Ends it after what was written has left. */
  end(): void;
  /** Ends it at once. `onClose` still follows. */
  destroy(): void;
  /**
   * Stops the delivery of data. Up to 256 KiB are read ahead; in Bun, what a paused connection did not read beyond
   * them is lost if the peer resets it (an end loses nothing).
   */
  pause(): void;
  /** Goes on with what {@link pause} stopped. */
  resume(): void;
  /** The peer as host:port. */
  readonly peer: string;
}

/** Where to connect or to listen. */
export interface Address {
  /** Host name or IP address, without brackets. */
  host: string;
  /** Port, 0 to 65,535. */
  port: number;
}

/** A listening socket. */
export interface Listener {
  /** The address in use: the port is never 0. */
  readonly address: Address;
  /** Stops listening; connections stay. */
  close(): Promise<void>;
}

/** TCP. */
export interface Network {
  /**
   * Connects within `timeoutMs`; rejects with the runtime's error, or one with code ETIMEDOUT. `signal` abandons it,
   * and ends the connection once there is one.
   */
  connect(
    address: Address,
    handlers: ConnectionHandlers,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Connection>;
  /** The flag that is missing to connect to an address; undefined where it may be. Never asks anybody. */
  missingPermission(address: Address): string | undefined;
  /** Listens; `accept` is called per connection and returns its handlers. Rejects with code EADDRINUSE etc. */
  listen(address: Address, accept: (connection: Connection) => ConnectionHandlers): Promise<Listener>;
}

/**
 * Answers a request. `env` is what the runtime hands on beside it (as hono takes it): Bun its server, Deno who asks.
 *
 * What it throws becomes a 500 without a word of the error: a handler that has something to say says it itself.
 */
export type HttpHandler = (request: Request, env: unknown) => Response | Promise<Response>;

/** A server of HTTP. */
export interface HttpServer {
  /** Where it listens: the host as it was asked for, and never port 0. */
  readonly address: Address;
  /**
   * Begins no more answers, gives those that have begun `graceMs` to end, and then closes all connections; a stream
   * that goes on for ever is cancelled. The second call waits for the first.
   */
  close(graceMs: number): Promise<void>;
}

/** HTTP/1.1, by the runtime's own server. */
export interface Http {
  /**
   * Listens; port 0 takes a free one. Rejects with an error whose code is EADDRINUSE, EACCES (Deno was not given the
   * permission, or the system refuses the port) or another of the system's.
   */
  serve(address: Address, handler: HttpHandler): Promise<HttpServer>;
}

/** Signals that a process is asked to stop with. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** The process. */
export interface Process {
  /** Process id. */
  readonly pid: number;
  /** Arguments after the program's name. */
  readonly args: string[];
  /** An environment variable; undefined where unset, or where reading it is denied. Never asks for permission. */
  env(name: string): string | undefined;
  /** Writes to standard output (all of it, in order). */
  writeOut(text: string): void;
  /** Writes to standard error. */
  writeErr(text: string): void;
  /** Whether standard output (1) or standard error (2) is a terminal. */
  isTerminal(stream: 1 | 2): boolean;
  /** Columns of the terminal; 80 where it cannot be known. */
  columns(): number;
  /** Calls back on SIGINT and SIGTERM; returns a way to stop listening. */
  onStopSignal(callback: (signal: StopSignal) => void): () => void;
  /** Ends the process. */
  exit(code: number): never;
  /** Sets the code that the process ends with by itself. */
  setExitCode(code: number): void;
  /** Resident memory, in bytes. */
  residentBytes(): number;
}

/** A runtime: Deno or Bun. */
export interface Runtime {
  /** Its name and version. */
  readonly name: "deno" | "bun";
  /** Version of the runtime, as it says it. */
  readonly version: string;
  /** Files and directories. */
  readonly files: Files;
  /** TCP. */
  readonly network: Network;
  /** Serving HTTP. */
  readonly http: Http;
  /** The process. */
  readonly process: Process;
}
