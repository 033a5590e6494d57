/** A set of files, and what they may import. */
export interface Layer {
  name: string;
  /** Matches the paths of its files, from the repository's root. */
  files: RegExp;
  /** Names of layers; its own is always allowed. After `type:` only types, after `dynamic:` only `import()`. */
  imports: string[];
  /** Whether it may import any `node:` module and use the globals `Deno` and `Bun`. */
  runtime?: true;
  /** Whether it may import npm packages. */
  packages?: true;
}

/** Modules of `node:` that do no I/O: any layer may import them. */
export const PURE_NODE_MODULES: readonly string[] = ["node:path", "node:util", "node:zlib"];

const BELOW_WIRING = [
  "shared",
  "values",
  "runtime interface",
  "runtime",
  "storage",
  "format",
  "fixed",
  "directory",
  "protocol",
  "link",
  "follower and leader",
];

/**
 * The arrows of the architecture, from the lowest layer up. A file belongs to the first layer that matches; one
 * that matches none is an error, so that a new directory gets its place here.
 */
export const LAYERS: readonly Layer[] = [
  {
    name: "shared",
    files: /^src\/(errors|error_code|histogram|is_zero|last_error|slot_events|time_slice|version)\.ts$/,
    imports: [],
  },
  // Typed keys and values: bytes to fields and back.
  { name: "values", files: /^src\/values\//, imports: ["shared"] },
  { name: "runtime interface", files: /^src\/runtime\/runtime\.ts$/, imports: ["shared"] },
  { name: "runtime", files: /^src\/runtime\//, imports: ["shared", "runtime interface"], runtime: true },
  { name: "storage", files: /^src\/storage\//, imports: ["shared", "type:runtime interface"] },
  // How slots, headers and keys look: no slot file, no clock.
  {
    name: "format",
    files: /^src\/fixed\/(meta|layout|slot_index|index_segment|crc32|xxh3|routing)\.ts$/,
    imports: ["shared"],
  },
  // Knows no paths and no sockets: storage is what it was given.
  { name: "fixed", files: /^src\/fixed\//, imports: ["shared", "format", "type:storage"] },
  {
    name: "directory",
    files: /^src\/directory\//,
    imports: ["shared", "format", "fixed", "storage", "type:runtime interface"],
  },
  {
    name: "follower and leader",
    files: /^src\/replication\/(follower|leader)\w*\.ts$/,
    imports: ["shared", "protocol", "link", "type:runtime interface"],
  },
  // One shard's socket and timers.
  {
    name: "link",
    files: /^src\/replication\/(link\w*|conversation|patient_timer|retarget)\.ts$/,
    imports: ["shared", "protocol", "type:runtime interface"],
  },
  // Sans-I/O: codec, framer, session and what they decide with.
  { name: "protocol", files: /^src\/replication\//, imports: ["shared"] },
  // Joins a store with its links; what mod.ts exports.
  { name: "wiring", files: /^src\/(replica\/)?\w+\.ts$/, imports: BELOW_WIRING },
  { name: "module", files: /^mod\.ts$/, imports: [...BELOW_WIRING, "wiring", "dynamic:cli"] },
  { name: "admin", files: /^admin\//, imports: [...BELOW_WIRING, "wiring", "module"], packages: true },
  {
    name: "cli",
    files: /^src\/cli\//,
    imports: [...BELOW_WIRING, "wiring", "module", "type:admin", "dynamic:admin"],
    packages: true,
  },
  // The parts of the tests that benches share: where the runtimes are, and the real armdb.
  {
    name: "test support",
    files: /^tests\/(harness|interop)\//,
    imports: [...BELOW_WIRING, "wiring", "module"],
    runtime: true,
    packages: true,
  },
  {
    name: "bench",
    files: /^bench\//,
    imports: [...BELOW_WIRING, "wiring", "module", "admin", "cli", "test support"],
    runtime: true,
    packages: true,
  },
];

/** The layer that a path belongs to. */
export function layerOf(path: string): Layer | undefined {
  return LAYERS.find((layer) => layer.files.test(path));
}
