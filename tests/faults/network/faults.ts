/** The faults of a network, and what a follower may make of each. */
import type { FollowOptions } from "../../../mod.ts";
import { ProtocolVersionError, ShapeError, type SlotcaskError } from "../../../src/errors.ts";
import { FRAME_HEADER_BYTES, FrameType, writeHeader } from "../../../src/replication/wire.ts";
import type { FaultProxy, Proxied, Spot, Weather } from "./fault_proxy.ts";
import { type Phase, PHASES } from "./phases.ts";

/** A fault. It strikes once a spot of its phase is reached, and may last until the proxy is cleared. */
export interface NetworkFault {
  name: string;
  /** Where it strikes; all without it. */
  phases?: readonly Phase[];
  /** What of its phase's spot is another. */
  spot?: Partial<Spot>;
  /** Options of the follower that are others. */
  options?: FollowOptions;
  /** Strikes. The bytes before the spot are on their way, and those behind it follow as the fault allows. */
  strike(proxy: FaultProxy, connection: Proxied): void;
  /** What it does for as long as it lasts; without it, it is over at once. */
  lasts?:
    /** No frame reaches the follower. */
    | "deaf"
    /** All that the leader sends comes. */
    | "passing";
  /** What the struck connection ends with, as `reason: class: message`; undefined if it does not end. */
  ends: RegExp | undefined;
  /** Set if it ends the follower for good. */
  stops?: new (...parameters: never[]) => SlotcaskError;
}

const HANDSHAKES: readonly Phase[] = ["unconnected", "first handshake", "handshake"];
/** Where there is a connection. */
const CONNECTED: readonly Phase[] = PHASES.filter((phase) => phase !== "unconnected");
const SILENT = /^silent: ConnectionError: The leader said nothing for \d+ ms/;

const cut = (proxy: FaultProxy) => proxy.cut();

function weather(name: string, kind: Weather, rest: Omit<NetworkFault, "name" | "strike">): NetworkFault {
  return { name, strike: (proxy) => proxy.weather = kind, ...rest };
}

/** The leader, or what stands for it, sends this Error frame in the place of one of its own, and closes. */
function error(
  name: string,
  message: string | Uint8Array,
  rest: Omit<NetworkFault, "name" | "strike">,
): NetworkFault {
  const payload = typeof message === "string" ? new TextEncoder().encode(message) : message;
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeHeader(frame, FrameType.Error, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return {
    name: `Error frame: ${name}`,
    phases: CONNECTED,
    spot: { byte: 0 },
    strike: (proxy, connection) => {
      connection.down.pass(frame);
      proxy.close(connection);
    },
    ...rest,
  };
}

/** See the head of this file. */
export const FAULTS: readonly NetworkFault[] = [
  {
    name: "refuse",
    strike: (proxy) => {
      proxy.shut();
      cut(proxy);
    },
    lasts: "deaf",
    ends: /^error: ConnectionError: Cannot connect to .*ECONNREFUSED/,
  },
  {
    name: "accept and close",
    strike: (proxy) => {
      proxy.slams = true;
      cut(proxy);
    },
    lasts: "deaf",
    ends: /^closed: ConnectionError: The leader closed the connection \(phase greeting\)/,
  },
  {
    name: "close in mid-frame",
    phases: CONNECTED,
    strike: (proxy, connection) => proxy.close(connection),
    ends: /^closed: ConnectionError: The leader closed the connection/,
  },
  // As a leader does that is stopped in the middle of its scan.
  {
    name: "close right behind CaughtUp",
    phases: ["caught-up"],
    spot: { byte: Infinity },
    strike: (proxy, connection) => proxy.close(connection),
    ends: /^partial-scan: ConnectionError: The leader closed the connection right after CaughtUp/,
  },
  {
    name: "reset in mid-frame",
    phases: CONNECTED,
    strike: (proxy, connection) => proxy.reset(connection),
    ends: /^closed: ConnectionError: The leader closed the connection/,
  },
  {
    name: "half-open: the peer vanishes without a word",
    phases: CONNECTED,
    strike: (proxy) => {
      for (const connection of [...proxy.open]) proxy.vanish(connection);
    },
    ends: SILENT,
  },
  weather("black hole", { kind: "swallow" }, {
    lasts: "deaf",
    ends: SILENT,
  }),
  weather("black hole from the leader", { kind: "swallow", way: "down" }, {
    phases: ["handshake", "catch-up", "live"],
    lasts: "deaf",
    ends: SILENT,
  }),
  weather("black hole to the leader", { kind: "swallow", way: "up" }, {
    phases: [...HANDSHAKES, "first catch-up", "catch-up"],
    lasts: "deaf",
    ends: SILENT,
  }),
  // It needs nothing from a follower that it streams to.
  weather("black hole to the leader while live", { kind: "swallow", way: "up" }, {
    phases: ["live"],
    options: { times: { silenceMs: 20_000, silenceV1Ms: 20_000 } },
    lasts: "passing",
    ends: undefined,
  }),
  weather("stall", { kind: "hold" }, {
    phases: ["handshake", "catch-up", "live"],
    lasts: "deaf",
    ends: SILENT,
  }),
  weather("delay", { kind: "delay", ms: 25 }, { lasts: "passing", ends: undefined }),
  weather("throttle", { kind: "throttle", bytesPerMs: 100 }, {
    lasts: "passing",
    ends: undefined,
  }),
  weather("one byte at a time", { kind: "bytewise", way: "down" }, {
    // The handshakes go on into their scans.
    phases: ["first handshake", "catch-up", "live"],
    lasts: "passing",
    ends: undefined,
  }),
  weather("stall after ShardInfo", { kind: "hold", way: "down" }, {
    phases: ["first handshake", "handshake"],
    spot: { byte: Infinity },
    lasts: "deaf",
    ends: SILENT,
  }),
  error("any", "the disk is full", { ends: /^error: LeaderError: The leader says: the disk is full/ }),
  error("events dropped", "events dropped, rescan required", {
    phases: ["catch-up", "caught-up", "live"],
    ends: /^dropped: LeaderError: events dropped/,
  }),
  error("already streaming", "shard already streaming", {
    phases: ["first handshake", "first catch-up", "live"],
    ends: /^already-streaming: LeaderError: .*shard already streaming/,
  }),
  error("long", "x".repeat(200_000), {
    phases: ["first handshake", "live"],
    ends: /^error: LeaderError: The leader says: xxx/,
  }),
  error("no UTF-8", new Uint8Array([0xff, 0xfe, 0x00, 0xc3]), {
    phases: ["handshake", "catch-up"],
    ends: /^error: LeaderError: The leader says: /,
  }),
  error("empty", "", { phases: ["first catch-up", "live"], ends: /^error: LeaderError: The leader says: $/ }),
  error("another version", "protocol version mismatch: leader 3, follower 2", {
    phases: ["first handshake", "catch-up", "live"],
    ends: /^version-mismatch: ProtocolVersionError: .*is 3 at the leader/,
    stops: ProtocolVersionError,
  }),
  error("no such shard", "invalid shard_id", {
    phases: ["first handshake", "catch-up", "live"],
    ends: /^error: ShapeError: Cannot follow: the leader has no shard/,
    stops: ShapeError,
  }),
];
