//! Hashes and keys: SHA-256, HMAC, HKDF, and random bytes for keys. (AES-GCM and TLS, which are aws-lc's in
//! every build, are in the crate that has files and the network: `src/crypto/mod.rs`.)
//!
//! There are two implementations. A plain build uses the `RustCrypto` crates, and
//! [`simd`](crate::simd) for many MACs at once. A build with the feature `fips` uses the FIPS
//! module of aws-lc and nothing else.
//!
//! - This file alone chooses between them, and both have the same items.
//! - Both return the same bytes. The tests compare the one that is compiled with the `RustCrypto`
//!   crates.
//! - Keys are wiped when dropped, and no `Debug` output shows them.
//!
//! CRCs, seeds of hash tables and names of runs are not cryptography, and are not made here.

use std::fmt;

#[cfg(feature = "fips")]
mod aws_lc;
#[cfg(not(feature = "fips"))]
mod rust_crypto;

#[cfg(feature = "fips")]
pub use aws_lc::{MacKey, Sha256, check_fips_mode, fips_module, hkdf, random};
#[cfg(not(feature = "fips"))]
pub use rust_crypto::{MacKey, Sha256, check_fips_mode, fips_module, hkdf, random};

/// The number of MACs that one call of [`MacKey::macs`] makes.
#[doc(inline)]
pub use crate::simd::sha256::LANES;

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256(..)")
    }
}

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256::new()
    }
}

/// A FIPS build does not run in FIPS mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is a FIPS build, but its cryptography is not in FIPS mode")]
pub struct NotInFipsMode;

/// The operating system returned no random bytes, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes from the operating system: {0}")]
pub struct NoRandomness(String);

/// The SHA-256 digest (FIPS 180-4) of `bytes`.
pub fn sha256(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(bytes);
    digest.finish()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Digest;

    use super::*;

    fn any_bytes(max_len: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..max_len)
    }

    fn hex(digits: &str) -> Vec<u8> {
        HEXLOWER.decode(digits.as_bytes()).unwrap()
    }

    #[test]
    fn the_fips_module_is_there_in_fips_builds() {
        assert_eq!(check_fips_mode(), Ok(()));
        assert_eq!(fips_module().is_some(), cfg!(feature = "fips"));
        if let Some(module) = fips_module() {
            assert!(module.starts_with("AWS-LC FIPS "), "{module}");
        }
    }

    #[test]
    fn random_bytes_differ() {
        let [mut one, mut other] = [[0; 32]; 2];
        random(&mut one).expect("random bytes");
        random(&mut other).expect("random bytes");
        assert_ne!(one, other);
        assert_ne!(one, [0; 32]);
    }

    /// RFC 4231, test cases 1 to 7. Of the fifth, the RFC has the first 128 bits.
    #[test]
    fn macs_are_those_of_rfc_4231() {
        let cases: [(Vec<u8>, &[u8], &str); 7] = [
            (
                vec![0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (vec![0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size \
                  data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            let mac = MacKey::new(&key).mac(data);
            assert!(mac.starts_with(&hex(expected)), "{expected}");
        }
    }

    /// RFC 5869, appendix A.1 to A.3.
    #[test]
    fn keys_are_derived_as_in_rfc_5869() {
        let all = |range: std::ops::RangeInclusive<u8>| range.collect::<Vec<u8>>();
        let cases = [
            (
                vec![0x0b; 22],
                all(0..=0x0c),
                all(0xf0..=0xf9),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf\
                 34007208d5b887185865",
            ),
            (
                all(0..=0x4f),
                all(0x60..=0xaf),
                all(0xb0..=0xff),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                 59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                 cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                Vec::new(),
                Vec::new(),
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d\
                 9d201395faa4b61a96c8",
            ),
        ];
        for (master, salt, info, expected) in cases {
            let expected = hex(expected);
            let mut made = vec![0; expected.len()];
            let (left, right) = info.split_at(info.len() / 2);
            super::hkdf(&master, &salt, &[left, right], &mut made);
            assert_eq!(made, expected);
        }
    }

    proptest! {
        #[test]
        fn digests_are_those_of_the_sha2_crate(text in any_bytes(300), cut in any::<prop::sample::Index>()) {
            let expected: [u8; 32] = sha2::Sha256::digest(&text).into();
            let (first, rest) = text.split_at(cut.index(text.len() + 1));
            let mut digest = Sha256::new();
            digest.update(first);
            digest.update(rest);
            prop_assert_eq!(digest.finish(), expected);
            prop_assert_eq!(sha256(&text), expected);
        }

        #[test]
        fn macs_are_those_of_the_hmac_crate(key in any_bytes(200), value in any_bytes(200)) {
            let mut expected = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
            expected.update(&value);
            let expected: [u8; 32] = expected.finalize().into_bytes().into();
            prop_assert_eq!(MacKey::new(&key).mac(&value), expected);
        }

        #[test]
        fn macs_made_together_are_those_made_alone(
            values in proptest::collection::vec(any_bytes(70), 0..=LANES),
        ) {
            let key = MacKey::new(b"made for this test");
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let short: Vec<&[u8]> = values.iter().map(|v| &v[..v.len().min(55)]).collect();
            for values in [values, short] {
                let macs = key.macs(&values);
                for (mac, value) in macs.iter().zip(&values) {
                    prop_assert_eq!(*mac, key.mac(value));
                }
            }
        }

        /// Also without a salt, which the FIPS module gets as zeros.
        #[test]
        fn keys_are_derived_as_by_the_hkdf_crate(
            master in any_bytes(100),
            salt in any_bytes(100),
            info in any_bytes(100),
            more in any_bytes(100),
            len in 1_usize..100,
        ) {
            for salt in [b"".as_slice(), &salt] {
                let (mut expected, mut made) = (vec![0; len], vec![0; len]);
                let (_, reference) = hkdf::Hkdf::<sha2::Sha256>::extract(Some(salt), &master);
                reference.expand_multi_info(&[&info, &more], &mut expected).unwrap();
                super::hkdf(&master, salt, &[&info, &more], &mut made);
                prop_assert_eq!(made, expected);
            }
        }
    }
}
