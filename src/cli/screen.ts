/** The last lines of a terminal, which change in place while other lines scroll by above them. */

/** Where a screen is drawn. */
export interface Terminal {
  /** Writes text as it is. */
  write(text: string): void;
  /** Columns at the moment. */
  columns(): number;
}

/** To the first column, too: the terminal itself writes `^C` where the cursor stands. */
const UP = (lines: number) => lines === 0 ? "\r" : `\r\x1b[${lines}A`;
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Lines that stay at the bottom. Each change is one write, so that nothing flickers. */
export class Screen {
  readonly #terminal: Terminal;
  #shown: string[] = [];

  /** An empty screen. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Replaces the lines at the bottom. A line that is too long is cut: one that wraps could not be taken back. */
  draw(lines: readonly string[]): void {
    const cut = lines.map((line) => cutTo(line, this.#terminal.columns() - 1));
    this.#terminal.write(this.#up() + cut.map(asLine).join("") + CLEAR_BELOW);
    this.#shown = cut;
  }

  /** Writes a line above them, for good. */
  line(text: string): void {
    this.#terminal.write(this.#up() + asLine(text) + CLEAR_BELOW + this.#shown.map(asLine).join(""));
  }

  /** Leaves the lines as they are; what is drawn next comes below. */
  leave(): void {
    this.#shown = [];
  }

  #up(): string {
    return UP(this.#shown.length);
  }
}

function asLine(text: string): string {
  return `${text}${CLEAR_LINE}\n`;
}

function cutTo(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}
