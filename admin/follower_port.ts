import type { Follower } from "../src/replica/follower.ts";

/** The part of a follower that the admin uses, so that tests may give another. */
export type AdminFollower = Pick<
  Follower,
  | "leader"
  | "status"
  | "lookup"
  | "watch"
  | "page"
  | "regions"
  | "rescan"
  | "pause"
  | "resume"
  | "verify"
  | "retarget"
  | "backup"
>;
