import { conversationsWith } from "../replication/conversation.ts";
import type { LinkShared } from "../replication/link_shared.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { ThreadedTarget } from "../threads/threaded_target.ts";
import type { ResolvedFollowOptions } from "./follow_options.ts";
import type { FollowedTarget } from "./followed_target.ts";
import { ReplicaTarget, type ReplicaTargetOptions } from "./replica_target.ts";

/** Where a follower's copy is kept. */
export interface ChosenTarget {
  target: FollowedTarget;
  /** Opens the directory, if there is one. */
  open(): Promise<void>;
  /** How its links make their conversations. */
  converse: LinkShared["converse"];
}

/** Keeps the copy in this thread, or in as many others as the options ask for. */
export function chooseTarget(
  runtime: Runtime,
  { threads, times, limits }: ResolvedFollowOptions,
  options: Required<Omit<ReplicaTargetOptions, "create" | "onSync">>,
): ChosenTarget {
  if (threads > 0) {
    const target = new ThreadedTarget({ ...options, threads, times, limits });
    return { target, open: () => target.open(), converse: (shared, parts) => target.converse(shared, parts) };
  }
  const target = new ReplicaTarget(options);
  const { network } = runtime;
  return {
    target,
    open: () => target.open(),
    converse: conversationsWith({ network, target, slice: options.slice }),
  };
}
