//! The implementation for plain builds: the `RustCrypto` crates, and the random bytes of the
//! operating system.

mod mac;

use hkdf::Hkdf;
use sha2::Digest;
use zeroize::Zeroize;

use super::{NoRandomness, NotInFipsMode};
pub use mac::MacKey;

/// Checks that a FIPS build is in FIPS mode. Always passes, as this is none.
pub fn check_fips_mode() -> Result<(), NotInFipsMode> {
    Ok(())
}

/// The name and version of the FIPS module. Always `None`: there is none.
pub fn fips_module() -> Option<String> {
    None
}

/// A SHA-256 digest of bytes that come in pieces.
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    pub fn new() -> Sha256 {
        Sha256(sha2::Sha256::new())
    }

    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Derives `out` from a master key by HKDF-SHA256 (RFC 5869). The parts of `info` are joined. `out`
/// is at most 8,160 bytes long.
pub fn hkdf(master: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let (mut extracted, hkdf) = Hkdf::<sha2::Sha256>::extract(Some(salt), master);
    extracted.as_mut_slice().zeroize();
    hkdf.expand_multi_info(info, out).expect("no caller requests more than 8,160 bytes");
}

/// Fills `out` with random bytes for a key.
pub fn random(out: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(out).map_err(|error| NoRandomness(error.to_string()))
}
