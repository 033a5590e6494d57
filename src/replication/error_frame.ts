import { LeaderError, ProtocolVersionError, ShapeError } from "../errors.ts";
import type { EndReason } from "./effect.ts";

/** What an Error frame of a leader means for the connection. Throws ShapeError for a shard that does not exist. */
export function readErrorFrame(
  message: string,
  session: { shard: number; version: number },
): { reason: EndReason; error: Error } {
  const [, version, asked] = /^protocol version mismatch: leader (\d+)(?:, follower (\d+))?/.exec(message) ??
    [];
  // It speaks our version, and was asked for another: our request was changed on its way.
  const isDamage = Number(version) === session.version && asked !== undefined && asked !== version;
  if (version !== undefined && !isDamage) {
    const text = `Cannot follow: protocol version is ${version} at the leader, and ${session.version} here`;
    return { reason: "version-mismatch", error: new ProtocolVersionError(text) };
  }
  switch (message) {
    case "events dropped, rescan required":
      return { reason: "dropped", error: new LeaderError(message) };
    case "shard already streaming": {
      const text = "The leader says: shard already streaming (to another follower)";
      return { reason: "already-streaming", error: new LeaderError(text) };
    }
    case "invalid shard_id":
      throw new ShapeError(`Cannot follow: the leader has no shard ${session.shard}`);
    default:
      return { reason: "error", error: new LeaderError(`The leader says: ${message}`) };
  }
}
