//! The keys and values of `fill`, `churn` and `burst`: a function of (seed, i, round), so that the test side
//! can compute the same. The README next to this package states it; armdb_keys.ts repeats it.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One output of the splitmix64 generator whose state is `x` before the step.
pub fn splitmix64(x: u64) -> u64 {
    let mut z = x.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn key_base(seed: u64, i: u64) -> u64 {
    splitmix64(splitmix64(seed).wrapping_add(i))
}

/// Writes the little-endian words splitmix64(base), splitmix64(base + 1), ... and cuts the last one.
fn stream(base: u64, out: &mut [u8]) {
    for (j, part) in out.chunks_mut(8).enumerate() {
        let word = splitmix64(base.wrapping_add(j as u64)).to_le_bytes();
        part.copy_from_slice(&word[..part.len()]);
    }
}

/// Key `i`: distinct for every i from 8 bytes on; below that, i itself in little-endian, cut, without the seed.
pub fn fill_key(seed: u64, i: u64, out: &mut [u8]) {
    if out.len() < 8 {
        let length = out.len();
        out.copy_from_slice(&i.to_le_bytes()[..length]);
    } else {
        stream(key_base(seed, i), out);
    }
}

/// Value `i` of one round: `fill` uses round 0 unless told, `churn` and `burst` the operation's number plus 1.
pub fn fill_value(seed: u64, i: u64, round: u64, out: &mut [u8]) {
    let base = key_base(seed, i).wrapping_add(splitmix64(round.wrapping_add(1)));
    stream(splitmix64(base), out);
}
