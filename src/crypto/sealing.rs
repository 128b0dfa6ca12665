//! Encrypts what a run keeps on disk for a while: AES-256-GCM with a key that only this process has.
//!
//! The key is random, is never written, and dies with the process. Each sealed piece has a random
//! nonce of its own, so 2³² pieces may be sealed with one key (NIST SP 800-38D, section 8.3).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::{NoRandomness, random};

/// How many bytes sealing adds: the tag and the nonce.
pub const SEAL_BYTES: usize = 16 + NONCE_LEN;

/// A key for bytes that only this process reads again.
pub struct SealingKey(RandomizedNonceKey);

/// Bytes that were not sealed with this key, or have changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not those that were written")]
pub struct NotSealed;

impl SealingKey {
    /// A new random key.
    pub fn new() -> Result<SealingKey, NoRandomness> {
        let mut key = Zeroizing::new([0; 32]);
        random(&mut *key)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &*key);
        Ok(SealingKey(key.expect("a key of AES-256 has 32 bytes")))
    }

    /// Encrypts bytes in place, and appends the tag and the nonce.
    pub fn seal(&self, bytes: &mut Vec<u8>) {
        let nonce = self.0.seal_in_place_append_tag(Aad::empty(), bytes);
        let nonce = nonce.expect("a piece is far shorter than AES-GCM allows");
        bytes.extend_from_slice(nonce.as_ref());
    }

    /// Decrypts what [`SealingKey::seal`] made, in place, and returns the bytes that it was made of.
    ///
    /// # Errors
    ///
    /// If the bytes were not sealed with this key, or have changed since.
    pub fn open<'b>(&self, sealed: &'b mut [u8]) -> Result<&'b [u8], NotSealed> {
        let (sealed, nonce) = sealed.split_last_chunk_mut::<NONCE_LEN>().ok_or(NotSealed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        // The error of the module says nothing more.
        let opened = self.0.open_in_place(nonce, Aad::empty(), sealed);
        opened.map(|bytes| &*bytes).map_err(|_unspecified| NotSealed)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_opened_with_their_key_alone() {
        let (key, other) = (SealingKey::new().unwrap(), SealingKey::new().unwrap());
        let plain = b"ada@example.com".repeat(100);
        let mut sealed = plain.clone();
        key.seal(&mut sealed);
        assert_eq!(sealed.len(), plain.len() + SEAL_BYTES);
        assert!(!sealed.windows(4).any(|part| part == b"ada@"));
        assert_eq!(other.open(&mut sealed.clone()), Err(NotSealed));
        for at in [0, plain.len(), sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&mut changed), Err(NotSealed), "at {at}");
        }
        assert_eq!(key.open(&mut [0; 5]), Err(NotSealed));
        assert_eq!(key.open(&mut sealed.clone()), Ok(plain.as_slice()));
        let mut again = plain.clone();
        key.seal(&mut again);
        assert_ne!(again, sealed, "each piece has a nonce of its own");
    }
}
