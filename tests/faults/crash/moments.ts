/** The moments at which a follower is killed: what leads to each, and how long after that the kill may come. */
import type { Victim, VictimOptions } from "./victim.ts";

/** What a moment is led to with. */
export interface Scene {
  victim: Victim;
  /** Has the leader put keys that it never had, so that its files and the follower's grow. */
  grow(): Promise<void>;
  /** Where backups go. */
  backups: string;
}

/** One kind of moment. */
export interface Moment {
  name: string;
  /** Whether it is before the follower has caught up. */
  isEarly?: boolean;
  /** Whether the directory is removed first. */
  isFresh?: boolean;
  /** How often it comes in a row of all moments. */
  weight: number;
  /** The kill comes 0 to so many ms after it was led to. */
  withinMs: number;
  /** When data is made durable; default 20 ms. */
  sync?: VictimOptions["sync"];
  /** Resolves when the delay begins. Called when the follower has been started, or has caught up. */
  lead(scene: Scene): Promise<unknown>;
}

/** All moments. */
export const MOMENTS: readonly Moment[] = [
  {
    name: "creation",
    isEarly: true,
    isFresh: true,
    weight: 1,
    withinMs: 25,
    lead: ({ victim }) => victim.says("opening"),
  },
  {
    name: "first catch-up",
    isEarly: true,
    isFresh: true,
    weight: 2,
    withinMs: 80,
    lead: ({ victim }) => victim.says("phase 0 catching-up"),
  },
  {
    name: "open",
    isEarly: true,
    weight: 1,
    withinMs: 40,
    lead: ({ victim }) => victim.says("opening"),
  },
  {
    name: "later catch-up",
    isEarly: true,
    weight: 2,
    withinMs: 60,
    lead: ({ victim }) => victim.says("phase 0 catching-up"),
  },
  { name: "live", weight: 1, withinMs: 150, lead: () => Promise.resolve() },
  { name: "sync in flight", weight: 2, withinMs: 100, sync: "batch", lead: () => Promise.resolve() },
  {
    name: "rescan",
    weight: 2,
    withinMs: 80,
    sync: 1,
    lead: ({ victim }) => victim.ask("rescan", "rescanning"),
  },
  { name: "growth", weight: 1, withinMs: 60, lead: ({ grow }) => grow() },
  {
    name: "close",
    weight: 2,
    withinMs: 20,
    lead: async ({ victim }) => {
      victim.terminate();
      await victim.says("closing");
    },
  },
  {
    name: "backup",
    weight: 2,
    withinMs: 90,
    lead: ({ victim, backups }) => victim.ask(`backup ${backups}`, "backing-up"),
  },
  // Not at random: the leader stands still, and what it holds is known.
  { name: "quiet", weight: 0, withinMs: 0, lead: () => Promise.resolve() },
];

/** A moment by its name. */
export function momentNamed(name: string): Moment {
  return MOMENTS.find((moment) => moment.name === name)!;
}
