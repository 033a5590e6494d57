/** The generator behind the armdb peer's keys, values and operations (armdb/src/keys.rs), forwards and back. */

const GOLDEN = 0x9e3779b97f4a7c15n;
const [FIRST, SECOND] = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const [FIRST_INVERSE, SECOND_INVERSE] = [inverse(FIRST), inverse(SECOND)];

/** The low 64 bits. */
export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** One output of the generator for a state. */
export function splitmix64(state: bigint): bigint {
  let word = u64(state + GOLDEN);
  word = u64((word ^ (word >> 30n)) * FIRST);
  word = u64((word ^ (word >> 27n)) * SECOND);
  return word ^ (word >> 31n);
}

/** The state of which a word is the output. */
export function unsplitmix64(word: bigint): bigint {
  let state = word ^ (word >> 31n) ^ (word >> 62n);
  state = u64(state * SECOND_INVERSE);
  state = u64((state ^ (state >> 27n) ^ (state >> 54n)) * FIRST_INVERSE);
  return u64((state ^ (state >> 30n) ^ (state >> 60n)) - GOLDEN);
}

/** Of an odd number, modulo 2^64: each step of Newton's method doubles the bits that are right. */
function inverse(odd: bigint): bigint {
  let found = odd;
  for (let bits = 3; bits < 64; bits *= 2) found = u64(found * (2n - odd * found));
  return found;
}
