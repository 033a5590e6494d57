/** The source files that mutants are made of, and the unit tests that answer for them. */
export interface Subject {
  /** What the files do. */
  name: string;
  /** Source files, from the repository's root. */
  files: string[];
  /** Test files, from `tests`, the quick ones first. The one named like a source file runs before all others. */
  tests: string[];
}

const SHARD_TESTS = [
  "fixed/apply_test.ts",
  "fixed/apply_batch_test.ts",
  "fixed/shard_test.ts",
  "fixed/shard_edges_test.ts",
  "fixed/scan_edges_test.ts",
  "fixed/scan_end_test.ts",
  "fixed/whole_scan_test.ts",
  "fixed/recover_test.ts",
  "fixed/store_test.ts",
  "fixed/entries_test.ts",
  "replica/replica_target_test.ts",
  "fixed/replica_model_test.ts",
];

/** See {@link Subject}. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: "codec",
    files: [
      "src/replication/framer.ts",
      "src/replication/protocol.ts",
      "src/replication/wire.ts",
      "src/replication/batch_decoder.ts",
      "src/replication/batch_encoder.ts",
      "src/replication/error_frame.ts",
    ],
    tests: [
      "replication/protocol_test.ts",
      "replication/batch_decoder_test.ts",
      "replication/batch_encoder_test.ts",
      "replication/framer_test.ts",
      "replication/fixtures_test.ts",
      "replication/session_test.ts",
      "replication/link_test.ts",
    ],
  },
  {
    name: "session",
    files: [
      "src/replication/session.ts",
      "src/replication/slot_bounds.ts",
      "src/replication/full_run.ts",
      "src/replication/scan_acks.ts",
      "src/replication/stream_pace.ts",
    ],
    tests: [
      "replication/session_test.ts",
      "replication/session_times_test.ts",
      "replication/scan_acks_test.ts",
      "replication/conversation_test.ts",
      "replication/conversation_end_test.ts",
      "replication/batch_applier_test.ts",
      "replication/link_test.ts",
    ],
  },
  {
    name: "slot",
    files: [
      "src/fixed/meta.ts",
      "src/fixed/meta_table.ts",
      "src/fixed/layout.ts",
      "src/fixed/slot_set.ts",
    ],
    tests: ["fixed/meta_test.ts", "fixed/layout_test.ts", "directory/layout_check_test.ts", ...SHARD_TESTS],
  },
  {
    name: "hashes",
    files: ["src/fixed/crc32.ts", "src/fixed/xxh3.ts", "src/fixed/routing.ts"],
    tests: ["fixed/crc32_test.ts", "fixed/xxh3_test.ts", "fixed/routing_test.ts", "fixed/apply_test.ts"],
  },
  {
    name: "index",
    files: [
      "src/fixed/slot_index.ts",
      "src/fixed/index_segment.ts",
      "src/fixed/index_builder.ts",
      "src/fixed/new_keys.ts",
    ],
    tests: [
      "fixed/index_builder_test.ts",
      "fixed/shard_test.ts",
      "fixed/apply_test.ts",
      "fixed/apply_batch_test.ts",
      "fixed/recover_test.ts",
      "fixed/slot_index_test.ts",
      "fixed/replica_model_test.ts",
    ],
  },
  {
    name: "shard",
    files: ["src/fixed/shard.ts", "src/fixed/apply.ts", "src/fixed/recover.ts", "src/fixed/lost_slots.ts"],
    tests: SHARD_TESTS,
  },
  {
    name: "divergence",
    files: ["src/fixed/whole_scan.ts", "src/fixed/scan_end.ts"],
    tests: SHARD_TESTS,
  },
];

/** All source files. */
export function subjectFiles(): string[] {
  return SUBJECTS.flatMap(({ files }) => files);
}

/**
 * The unit tests of a source file, from the repository's root, in two lots: the second runs only where the first
 * caught nothing. In the first are those named like the source file (shard_test.ts, shard_edges_test.ts), as far as
 * `exists` knows them.
 */
export function testsOf(file: string, exists: (path: string) => boolean): [own: string[], others: string[]] {
  const subject = SUBJECTS.find(({ files }) => files.includes(file));
  if (subject === undefined) throw new Error(`Cannot find the tests of ${file}: no subject lists it`);
  const base = file.replace(/^src\//, "tests/").replace(/\.ts$/, "");
  const own = [`${base}_test.ts`, `${base}_edges_test.ts`].filter(exists);
  const others = subject.tests.map((path) => `tests/${path}`).filter((path) => !own.includes(path));
  return own.length === 0 ? [others, []] : [own, others];
}
