import { describe, expect, test } from "bun:test";
import { Screen } from "../../src/cli/screen.ts";

/** What a terminal shows after these bytes: as much of one as the screen uses. */
class FakeTerminal {
  rows: string[] = [""];
  row = 0;
  column = 0;
  writes = 0;

  constructor(readonly width = 80) {}

  columns(): number {
    return this.width;
  }

  write(text: string): void {
    this.writes++;
    // deno-lint-ignore no-control-regex
    for (const [token, , up, erase] of text.matchAll(/\x1b\[((\d+)A|([KJ]))|\r|\n|[^\x1b\r\n]/g)) {
      if (up !== undefined) this.row -= Number(up);
      else if (erase === "K") this.rows[this.row] = this.rows[this.row].slice(0, this.column);
      else if (erase === "J") this.#eraseBelow();
      else if (token === "\r") this.column = 0;
      else if (token === "\n") this.#nextRow();
      else this.#print(token);
    }
  }

  #eraseBelow(): void {
    this.rows[this.row] = this.rows[this.row].slice(0, this.column);
    this.rows.length = this.row + 1;
  }

  #nextRow(): void {
    this.column = 0;
    this.row++;
    this.rows[this.row] ??= "";
  }

  #print(character: string): void {
    if (this.column >= this.width) throw new Error("a line wrapped");
    const row = this.rows[this.row].padEnd(this.column);
    this.rows[this.row] = row.slice(0, this.column) + character + row.slice(this.column + 1);
    this.column++;
  }
}

function screenOn(width?: number): { terminal: FakeTerminal; screen: Screen } {
  const terminal = new FakeTerminal(width);
  return { terminal, screen: new Screen(terminal) };
}

describe("Screen", () => {
  test("draws lines in place, fewer and shorter ones, too", () => {
    const { terminal, screen } = screenOn();
    screen.draw(["one one one", "two", "three"]);
    screen.draw(["one", "TWO"]);
    expect(terminal.rows).toEqual(["one", "TWO", ""]);
  });

  test("keeps written lines above", () => {
    const { terminal, screen } = screenOn();
    screen.line("first");
    screen.draw(["status"]);
    screen.line("second");
    screen.draw(["status!"]);
    expect(terminal.rows).toEqual(["first", "second", "status!", ""]);
  });

  test("each change is one write", () => {
    const { terminal, screen } = screenOn();
    screen.draw(["a", "b"]);
    screen.line("c");
    expect(terminal.writes).toBe(2);
  });

  test("cuts what would wrap", () => {
    const { terminal, screen } = screenOn(10);
    screen.draw(["0123456789abc"]);
    expect(terminal.rows).toEqual(["01234567…", ""]);
  });

  test("draws over the ^C that the terminal wrote", () => {
    const { terminal, screen } = screenOn();
    screen.draw(["live"]);
    terminal.write("^C");
    screen.draw(["live 2"]);
    expect(terminal.rows).toEqual(["live 2", ""]);
  });

  test("leave keeps the lines for good", () => {
    const { terminal, screen } = screenOn();
    screen.draw(["last"]);
    screen.leave();
    screen.line("after");
    expect(terminal.rows).toEqual(["last", "after", ""]);
  });
});
