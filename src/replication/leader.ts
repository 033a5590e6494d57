import type { Address, Listener, Network } from "../runtime/runtime.ts";
import { DEFAULT_LEADER_LIMITS, LeaderConnection, type LeaderLimits } from "./leader_connection.ts";
import type { ReplicationSource } from "./source.ts";

/** Options of a leader. */
export interface LeaderOptions {
  /** Intervals and limits. */
  limits?: Partial<LeaderLimits>;
  /** Told of followers that come and go, for logs. */
  onEvent?: (event: LeaderEvent) => void;
}

/** What happens at a leader. */
export type LeaderEvent =
  | { type: "follower-connected"; peer: string }
  /** `error` says why it was cut or refused; undefined where it left by itself. */
  | { type: "follower-gone"; peer: string; shard: number; error: string | undefined };

/** The serving side: any number of followers over protocols 1 and 2. */
export class Leader implements AsyncDisposable {
  readonly #listener: Listener;
  readonly #connections: Set<LeaderConnection>;
  readonly #sent: () => number;

  private constructor(listener: Listener, connections: Set<LeaderConnection>, sent: () => number) {
    this.#listener = listener;
    this.#connections = connections;
    this.#sent = sent;
  }

  /** Listens. Rejects with the runtime's error (code EADDRINUSE where the port is taken). */
  static async listen(
    network: Network,
    address: Address,
    source: ReplicationSource,
    options: LeaderOptions = {},
  ): Promise<Leader> {
    const connections = new Set<LeaderConnection>();
    const limits = { ...DEFAULT_LEADER_LIMITS, ...options.limits };
    let sentByGone = 0;
    const listener = await network.listen(address, (connection) => {
      options.onEvent?.({ type: "follower-connected", peer: connection.peer });
      const served = new LeaderConnection(connection, source, {
        limits,
        onEnd: (gone, error) => {
          connections.delete(gone);
          sentByGone += gone.eventsSent;
          options.onEvent?.({ type: "follower-gone", peer: gone.peer, shard: gone.shard, error });
        },
      });
      connections.add(served);
      return served;
    });
    const sent = () => {
      let events = sentByGone;
      for (const connection of connections) events += connection.eventsSent;
      return events;
    };
    return new Leader(listener, connections, sent);
  }

  /** The address in use; its port is never 0. */
  get address(): Address {
    return this.#listener.address;
  }

  /** Connections of followers now: one a shard each. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Events sent so far. */
  get eventsSent(): number {
    return this.#sent();
  }

  /** Stops listening and cuts all followers. */
  async close(): Promise<void> {
    const closing = this.#listener.close();
    for (const connection of [...this.#connections]) connection.cut("the leader was stopped");
    await closing;
  }

  /** See {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
