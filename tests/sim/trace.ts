/** What happened, in short lines: the last ones for people, all of them as one number. */

/** Lines that are kept. */
const KEPT = 60;

/** See the head of this file. */
export class Trace {
  /** The last lines. */
  readonly lines: string[] = [];
  /** Is told of each line. */
  onLine: ((line: string) => void) | undefined;
  #hash = 0x811c9dc5;

  /** Notes a line. */
  add(line: string): void {
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193);
    this.lines.push(line);
    if (this.lines.length > KEPT) this.lines.shift();
    this.onLine?.(line);
  }

  /** All lines so far, as one number: equal runs have equal hashes. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }
}
