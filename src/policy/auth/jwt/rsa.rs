//! Which RSA keys are not used: too small, with an exponent that proves nothing, or made by a broken generator.
//!
//! Plain arithmetic on the key's own numbers. The library that verifies has limits of its own; these are looked at when a
//! key is read, so that the operator hears of them then.

use super::keys::KeyFault;

/// RFC 7518 3.3.
const BITS_MIN: usize = 2048;
/// What the library takes. Larger ones are a way to make others compute.
const BITS_MAX: usize = 8192;
/// Exponents fit into 33 bits everywhere; 65537 is usual.
const EXPONENT_BYTES_MAX: usize = 5;

/// Looks at modulus and exponent, both without leading zeros.
///
/// # Errors
/// With what is wrong.
pub(super) fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFault> {
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    if !(BITS_MIN..=BITS_MAX).contains(&bits) {
        return Err(KeyFault::RsaSize { bits });
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    // With exponent 1 every text is its own signature.
    if !is_odd(exponent) || exponent == [1] || exponent.len() > EXPONENT_BYTES_MAX || !is_odd(modulus) {
        return Err(KeyFault::RsaExponent);
    }
    if was_made_by_infineon(modulus) {
        return Err(KeyFault::Roca);
    }
    Ok(())
}

/// Primes up to 167, but for 2: what keys of every size were made from.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// CVE-2017-15361: primes of the form k * M + (65537^a mod M), M a product of small primes, so that modulo each of them
/// the modulus is a power of 65537. For a sound key that happens once in 2^27 or less (Nemec et al., CCS 2017).
fn was_made_by_infineon(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        let mut power = 1;
        loop {
            if power == rest {
                return true;
            }
            power = power * (65_537 % prime) % prime;
            if power == 1 {
                return false;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A modulus of so many bits that is no power of 65537 modulo 11.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut bytes = vec![0xc5; bits.div_ceil(8)];
        bytes[0] = if bits.is_multiple_of(8) { 0xc5 } else { (1 << (bits % 8)) - 1 };
        bytes
    }

    #[test]
    fn small_and_huge_keys_are_refused() {
        for (bits, is_fine) in [(1024, false), (2047, false), (2048, true), (4096, true), (8200, false)] {
            let found = check(&modulus(bits), &[1, 0, 1]);
            let expected = if is_fine { Ok(()) } else { Err(KeyFault::RsaSize { bits }) };
            assert_eq!(found, expected, "{bits}");
        }
        assert_eq!(check(&[], &[3]), Err(KeyFault::RsaSize { bits: 0 }));
    }

    #[test]
    fn exponents_that_prove_nothing_are_refused() {
        assert_eq!(check(&modulus(2048), &[3]), Ok(()));
        for exponent in [&[][..], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 1]] {
            assert_eq!(check(&modulus(2048), exponent), Err(KeyFault::RsaExponent), "{exponent:?}");
        }
    }

    #[test]
    fn a_power_of_65537_gives_its_maker_away() {
        // 65537^128 is of this form itself, and as long as a key.
        let mut power = vec![0u8; 257];
        power[0] = 1;
        let mut digits = vec![1u32];
        for _ in 0..128 {
            let mut carry = 0u64;
            for digit in &mut digits {
                let product = u64::from(*digit) * 65_537 + carry;
                *digit = product as u32;
                carry = product >> 32;
            }
            if carry > 0 {
                digits.push(carry as u32);
            }
        }
        let bytes: Vec<u8> = digits.iter().rev().flat_map(|digit| digit.to_be_bytes()).collect();
        let first = bytes.iter().position(|byte| *byte != 0).unwrap();
        assert_eq!(check(&bytes[first..], &[1, 0, 1]), Err(KeyFault::Roca));
        assert!(!was_made_by_infineon(&power));
    }
}
