/**
 * Tar archives as npm packs them: plain files with short names, in memory.
 *
 * ```text
 * 0          100    108   116   124    136     148        156    157   257        512
 * | name     | mode | uid | gid | size | mtime | checksum | type | ... | ustar... |   numbers are octal text
 * | content, filled up with zeros to a multiple of 512                           |   two blocks of zeros end it
 * ```
 */

/** A file in an archive. */
export interface TarFile {
  /** Path, at most 100 bytes. */
  name: string;
  /** Content. */
  bytes: Uint8Array;
}

const BLOCK = 512;
const MOST_NAME_BYTES = 100;
const REGULAR_FILE = "0";

/** The files of an archive. Throws for an entry that is no plain file. */
export function readTar(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0;) {
    const name = field(archive, at, 100);
    const size = parseInt(field(archive, at + 124, 12), 8);
    const type = field(archive, at + 156, 1) || REGULAR_FILE;
    if (type !== REGULAR_FILE) throw new Error(`Cannot read ${name}: entry type is ${type}, only 0 is known`);
    files.push({ name, bytes: archive.slice(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + roundUp(size);
  }
  return files;
}

/** An archive of files; equal files give equal bytes, since none has a time. */
export function writeTar(files: readonly TarFile[]): Uint8Array<ArrayBuffer> {
  const length = files.reduce((sum, { bytes }) => sum + BLOCK + roundUp(bytes.length), 2 * BLOCK);
  const archive = new Uint8Array(length);
  let at = 0;
  for (const file of files) {
    archive.set(header(file), at);
    archive.set(file.bytes, at + BLOCK);
    at += BLOCK + roundUp(file.bytes.length);
  }
  return archive;
}

function header({ name, bytes }: TarFile): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  if (new TextEncoder().encode(name).length > MOST_NAME_BYTES) {
    throw new Error(`Cannot archive ${name}: the name is over ${MOST_NAME_BYTES} bytes`);
  }
  put(name, 0);
  put("0000644\0" + "0000000\0" + "0000000\0", 100);
  put(`${octal(bytes.length, 11)}\0${octal(0, 11)}\0`, 124);
  put(" ".repeat(8) + REGULAR_FILE, 148);
  put("ustar\0" + "00", 257);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  put(`${octal(checksum, 6)}\0 `, 148);
  return block;
}

function field(archive: Uint8Array, at: number, length: number): string {
  const bytes = archive.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}
