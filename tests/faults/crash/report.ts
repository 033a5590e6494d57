/** What a run of crashes came to. */
import type { Findings } from "./judge.ts";

const COUNTS = [
  "kills",
  "late",
  "converged",
  "armdbDumps",
  "torn",
  "incomplete",
  "unfinished",
  "clean",
] as const;

/** Counts; those of several lanes can be added. */
export class CrashReport {
  /** Processes that were killed. */
  kills = 0;
  /** Of them, the ones that had ended by themselves before the kill came. */
  late = 0;
  /** By moment. */
  readonly moments: Record<string, number> = {};
  /** How often a follower held what the leader held, after a kill. */
  converged = 0;
  /** Dumps of armdb that were compared. */
  armdbDumps = 0;
  /** Slots that a kill tore. */
  torn = 0;
  /** Directories that said that they were incomplete, and those whose creation was not finished. */
  incomplete = 0;
  unfinished = 0;
  /** Directories with a clean shard: the kill came behind its flag. */
  clean = 0;
  readonly backups = { whole: 0, unfinished: 0 };
  /** Operations that a shard which was live was behind the newest that it showed, at most. */
  mostLag = 0;

  /** A process was killed; `ran` tells whether it still ran. */
  killed(moment: string, ran: boolean): void {
    this.kills++;
    if (!ran) this.late++;
    this.moments[moment] = (this.moments[moment] ?? 0) + 1;
  }

  /** Its directory was judged. */
  judged(findings: Findings | undefined): void {
    if (findings === undefined) return void this.unfinished++;
    this.torn += findings.torn;
    if (findings.complete.includes(false)) this.incomplete++;
    if (findings.raw.shards.some(({ isClean }) => isClean)) this.clean++;
  }

  /** Adds another lane's. */
  add(other: CrashReport): void {
    for (const name of COUNTS) {
      this[name] += other[name];
    }
    for (const [name, count] of Object.entries(other.moments)) {
      this.moments[name] = (this.moments[name] ?? 0) + count;
    }
    this.backups.whole += other.backups.whole;
    this.backups.unfinished += other.backups.unfinished;
    this.mostLag = Math.max(this.mostLag, other.mostLag);
  }

  /** In words, one line. */
  toString(): string {
    const moments = Object.entries(this.moments).map(([name, count]) => `${name} ${count}`).join(", ");
    return `${this.kills} kills (${moments}; ${this.late} came too late), converged ${this.converged} times; ` +
      `${this.incomplete} directories incomplete, ${this.unfinished} unfinished, ${this.clean} closed; ` +
      `${this.torn} torn slots, lag at most ${this.mostLag} operations; ${this.backups.whole} backups whole, ` +
      `${this.backups.unfinished} unfinished; ${this.armdbDumps} dumps of armdb equal`;
  }
}
