//! The maker of plain builds: the `RustCrypto` crates, and the operating system's random bytes.

mod mac;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use hkdf::Hkdf;
use sha2::Digest;
use zeroize::Zeroize;

use super::{NoRandomness, NotInFipsMode};
pub use mac::MacKey;

/// By what TLS is made: rustls with aws-lc.
pub const TLS: CryptoMode = CryptoMode::AwsLc;

/// Whether the cryptography is as the build promises, to be asked once before anything else: always.
pub fn ready() -> Result<(), NotInFipsMode> {
    Ok(())
}

/// The FIPS module that all of this comes from, with its version: none.
pub fn fips_module() -> Option<String> {
    None
}

/// A SHA-256 of bytes that come by and by.
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

/// HKDF-SHA256 (RFC 5869) with the parts of `info` joined; at most 8,160 bytes.
pub fn hkdf(master: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let (mut extracted, hkdf) = Hkdf::<sha2::Sha256>::extract(Some(salt), master);
    extracted.as_mut_slice().zeroize();
    hkdf.expand_multi_info(info, out).expect("no caller asks for more than 8,160 bytes");
}

/// Fills `out` with bytes that nobody can guess, for a key.
pub fn random(out: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(out).map_err(|error| NoRandomness(error.to_string()))
}
