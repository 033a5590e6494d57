/**
 * XXH3, 64 bits, seed 0, default secret: the hash by which armdb routes keys to shards.
 *
 * A u64 is two 32-bit words here and never a BigInt, and the result goes to {@link hash}, because a hash is
 * computed for every slot event and every read: nothing is allocated. All inner words are signed 32-bit
 * integers, for which both engines have their fastest code.
 *
 * Source: the xxHash specification (`doc/xxhash_spec.md`) and the crate `xxhash-rust`, which armdb uses.
 */

/** The result of the last {@link xxh3}: two u32, `hash[HIGH]` and `hash[LOW]`. The next call overwrites it. */
// A typed array, as Bun is 6 ns slower with an object's fields and V8 with exported variables.
export const hash: Uint32Array = new Uint32Array(2);
/** Index in {@link hash} of bits 0 to 31. */
export const LOW = 0;
/** Index in {@link hash} of bits 32 to 63. */
export const HIGH = 1;

const SECRET_BYTES = Uint8Array.fromHex(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364" +
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e" +
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e",
);
/** The secret's word at each byte offset: the algorithm reads it at offsets that are no multiple of 4. */
const SECRET = Int32Array.from({ length: SECRET_BYTES.length - 3 }, (_, at) => word(SECRET_BYTES, at));

/** The lanes of a long hash before its first stripe: primes, low word first. */
// deno-fmt-ignore
const FIRST_LANES = Int32Array.of(
  0xc2b2ae3d, 0x00000000, 0x85ebca87, 0x9e3779b1, 0x27d4eb4f, 0xc2b2ae3d, 0x9e3779f9, 0x165667b1,
  0xc2b2ae63, 0x85ebca77, 0x85ebca77, 0x00000000, 0x165667c5, 0x27d4eb2f, 0x9e3779b1, 0x00000000,
);
/** Eight u64 of a long hash, low word first. */
const lanes = new Int32Array(16);

const STRIPE = 64;
const STRIPES_PER_BLOCK = 16;

/**
 * Hashes `length` bytes (below 2^31) of `bytes` from offset `at` into {@link hash}.
 *
 * The range is not checked: bytes beyond the end count as zero.
 */
export function xxh3(bytes: Uint8Array, at: number, length: number): void {
  if (length <= 16) {
    if (length > 8) hash9To16(bytes, at, length);
    else if (length >= 4) hash4To8(bytes, at, length);
    else hash0To3(bytes, at, length);
  } else if (length <= 128) hash17To128(bytes, at, length);
  else if (length <= 240) hash129To240(bytes, at, length);
  else hashLong(bytes, at, length);
}

function hash0To3(bytes: Uint8Array, at: number, length: number): void {
  if (length === 0) return xxh64Avalanche(SECRET[60] ^ SECRET[68], SECRET[56] ^ SECRET[64]);
  const ends = (bytes[at] << 16) | bytes[at + length - 1];
  const combined = ends | (bytes[at + (length >> 1)] << 24) | (length << 8);
  xxh64Avalanche(0, combined ^ SECRET[0] ^ SECRET[4]);
}

const FLIP_4_LOW = SECRET[8] ^ SECRET[16];
const FLIP_4_HIGH = SECRET[12] ^ SECRET[20];

function hash4To8(bytes: Uint8Array, at: number, length: number): void {
  const high = word(bytes, at) ^ FLIP_4_HIGH;
  const low = word(bytes, at + length - 4) ^ FLIP_4_LOW;
  // The u64 XOR its rotations by 49 and by 24.
  const a = low ^ ((high << 17) | (low >>> 15)) ^ ((low << 24) | (high >>> 8));
  const b = high ^ ((low << 17) | (high >>> 15)) ^ ((high << 24) | (low >>> 8));
  const c = productHigh(b, a, 0x9fb21c65, 0x1e98df25);
  const d = Math.imul(a, 0x1e98df25) ^ ((c >>> 3) + length);
  const e = productHigh(c, d, 0x9fb21c65, 0x1e98df25);
  const f = Math.imul(d, 0x1e98df25);
  hash[HIGH] = e ^ (e >>> 28);
  hash[LOW] = f ^ ((e << 4) | (f >>> 28));
}

const FLIP_9_LOW = SECRET[24] ^ SECRET[32];
const FLIP_9_HIGH = SECRET[28] ^ SECRET[36];
const FLIP_9_END_LOW = SECRET[40] ^ SECRET[48];
const FLIP_9_END_HIGH = SECRET[44] ^ SECRET[52];

function hash9To16(bytes: Uint8Array, at: number, length: number): void {
  const end = at + length;
  const low = word(bytes, at) ^ FLIP_9_LOW;
  const high = word(bytes, at + 4) ^ FLIP_9_HIGH;
  const endLow = word(bytes, end - 8) ^ FLIP_9_END_LOW;
  const endHigh = word(bytes, end - 4) ^ FLIP_9_END_HIGH;
  hash[HIGH] = swapBytes(low);
  hash[LOW] = swapBytes(high);
  add(0, length);
  add(endHigh, endLow);
  addFolded(high, low, endHigh, endLow);
  avalanche();
}

function hash17To128(bytes: Uint8Array, at: number, length: number): void {
  const end = at + length;
  startWithLength(length);
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    mix(bytes, at + 16 * pair, 32 * pair);
    mix(bytes, end - 16 - 16 * pair, 32 * pair + 16);
  }
  avalanche();
}

function hash129To240(bytes: Uint8Array, at: number, length: number): void {
  startWithLength(length);
  for (let i = 0; i < 128; i += 16) mix(bytes, at + i, i);
  avalanche();
  for (let i = 128; i + 16 <= length; i += 16) mix(bytes, at + i, i - 128 + 3);
  mix(bytes, at + length - 16, 119);
  avalanche();
}

function hashLong(bytes: Uint8Array, at: number, length: number): void {
  const stripes = Math.floor((length - 1) / STRIPE);
  lanes.set(FIRST_LANES);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const inBlock = stripe % STRIPES_PER_BLOCK;
    accumulate(bytes, at + stripe * STRIPE, 8 * inBlock);
    if (inBlock === STRIPES_PER_BLOCK - 1) scramble();
  }
  accumulate(bytes, at + length - STRIPE, 121);
  startWithLength(length);
  for (let i = 0; i < 16; i += 4) {
    const s = 11 + 4 * i;
    addFolded(
      lanes[i + 1] ^ SECRET[s + 4],
      lanes[i] ^ SECRET[s],
      lanes[i + 3] ^ SECRET[s + 12],
      lanes[i + 2] ^ SECRET[s + 8],
    );
  }
  avalanche();
}

/** Takes 64 bytes into the lanes. */
function accumulate(bytes: Uint8Array, at: number, secretAt: number): void {
  for (let lane = 0; lane < 16; lane += 2) {
    const low = word(bytes, at + 4 * lane);
    const high = word(bytes, at + 4 * lane + 4);
    const a = low ^ SECRET[secretAt + 4 * lane];
    const b = high ^ SECRET[secretAt + 4 * lane + 4];
    addToLane(lane ^ 2, high, low);
    addToLane(lane, mulHigh(a, b), Math.imul(a, b));
  }
}

/** Ends a block of 16 stripes. */
function scramble(): void {
  for (let lane = 0; lane < 16; lane += 2) {
    const high = lanes[lane + 1] ^ SECRET[132 + 4 * lane];
    const low = lanes[lane] ^ (lanes[lane + 1] >>> 15) ^ SECRET[128 + 4 * lane];
    lanes[lane] = Math.imul(low, 0x9e3779b1);
    lanes[lane + 1] = productHigh(high, low, 0, 0x9e3779b1);
  }
}

function addToLane(lane: number, high: number, low: number): void {
  const before = lanes[lane];
  const sum = (before + low) | 0;
  lanes[lane] = sum;
  lanes[lane + 1] += high + carry(before, low, sum);
}

/** hash = length * PRIME64_1. */
function startWithLength(length: number): void {
  hash[HIGH] = productHigh(0, length, 0x9e3779b1, 0x85ebca87);
  hash[LOW] = Math.imul(length, 0x85ebca87);
}

/** hash += the folded product of 16 input bytes, each half under the secret. */
function mix(bytes: Uint8Array, at: number, secretAt: number): void {
  addFolded(
    word(bytes, at + 4) ^ SECRET[secretAt + 4],
    word(bytes, at) ^ SECRET[secretAt],
    word(bytes, at + 12) ^ SECRET[secretAt + 12],
    word(bytes, at + 8) ^ SECRET[secretAt + 8],
  );
}

/** hash += high, low. */
function add(high: number, low: number): void {
  const before = hash[LOW] | 0;
  const sum = (before + low) | 0;
  hash[LOW] = sum;
  hash[HIGH] += high + carry(before, low, sum);
}

/**
 * hash += the XOR of both halves of the 128-bit product a * b.
 *
 * Four 32-bit products, each by four of 16 bits; what one leaves over is added into the next, where
 * `x * y + z + z` of 32-bit words still fits 64 bits, so that no carries need to be looked for.
 */
function addFolded(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const a0 = aLow & 0xffff, a1 = aLow >>> 16, a2 = aHigh & 0xffff, a3 = aHigh >>> 16;
  const b0 = bLow & 0xffff, b1 = bLow >>> 16, b2 = bHigh & 0xffff, b3 = bHigh >>> 16;
  let t = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) | 0;
  let u = (Math.imul(a0, b1) + (t & 0xffff)) | 0;
  const word0 = Math.imul(aLow, bLow);
  const over0 = (Math.imul(a1, b1) + (t >>> 16) + (u >>> 16)) | 0;

  let s = (Math.imul(a0, b2) + (over0 & 0xffff)) | 0;
  t = (Math.imul(a1, b2) + (over0 >>> 16) + (s >>> 16)) | 0;
  u = (Math.imul(a0, b3) + (t & 0xffff)) | 0;
  const middle = (Math.imul(aLow, bHigh) + over0) | 0;
  const over1 = (Math.imul(a1, b3) + (t >>> 16) + (u >>> 16)) | 0;

  s = (Math.imul(a2, b0) + (middle & 0xffff)) | 0;
  t = (Math.imul(a3, b0) + (middle >>> 16) + (s >>> 16)) | 0;
  u = (Math.imul(a2, b1) + (t & 0xffff)) | 0;
  const word1 = (Math.imul(aHigh, bLow) + middle) | 0;
  const over2 = (Math.imul(a3, b1) + (t >>> 16) + (u >>> 16)) | 0;

  s = (Math.imul(a2, b2) + (over1 & 0xffff) + (over2 & 0xffff)) | 0;
  t = (Math.imul(a3, b2) + (over1 >>> 16) + (s >>> 16)) | 0;
  u = (Math.imul(a2, b3) + (over2 >>> 16) + (t & 0xffff)) | 0;
  const word2 = (Math.imul(aHigh, bHigh) + over1 + over2) | 0;
  const word3 = (Math.imul(a3, b3) + (t >>> 16) + (u >>> 16)) | 0;
  add(word1 ^ word3, word0 ^ word2);
}

/** XXH3's last step, on hash itself. */
function avalanche(): void {
  const high = hash[HIGH] | 0;
  const low = hash[LOW] ^ (high >>> 5);
  const mixed = productHigh(high, low, 0x16566791, 0x9e3779f9);
  hash[HIGH] = mixed;
  hash[LOW] = Math.imul(low, 0x9e3779f9) ^ mixed;
}

/** XXH64's last step, which the shortest inputs take. */
function xxh64Avalanche(high: number, low: number): void {
  const a = low ^ (high >>> 1);
  const b = productHigh(high, a, 0xc2b2ae3d, 0x27d4eb4f);
  const c = Math.imul(a, 0x27d4eb4f);
  const d = c ^ ((b << 3) | (c >>> 29));
  const e = productHigh(b ^ (b >>> 29), d, 0x165667b1, 0x9e3779f9);
  hash[HIGH] = e;
  hash[LOW] = Math.imul(d, 0x9e3779f9) ^ e;
}

/** High word of a product modulo 2^64; its low word is `Math.imul(aLow, bLow)`. */
function productHigh(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  return (mulHigh(aLow, bLow) + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow)) | 0;
}

/**
 * High word of the product of two u32.
 *
 * The product as a double is wrong by 2^10 at most and its low word is known, so the quotient is wrong by
 * less than 2^-20 and rounds to the right integer. Cheaper than four products of 16 bits.
 */
function mulHigh(a: number, b: number): number {
  return (((a >>> 0) * (b >>> 0) - (Math.imul(a, b) >>> 0)) * 2 ** -32 + 0.5) | 0;
}

/** 1 if `sum`, which is a + b modulo 2^32, wrapped. Without a branch. */
function carry(a: number, b: number, sum: number): number {
  return ((a & b) | ((a | b) & ~sum)) >>> 31;
}

function swapBytes(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
