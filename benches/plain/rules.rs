//! The rules applied to a valid endpoint: two tokens and a mask.
//!
//! A token is `hmac:k1:` followed by 64 lower-case hex digits of HMAC-SHA256. The key of each join is
//! derived from the master key by HKDF-SHA256 without salt.

use std::{env, error::Error};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_segmentation::UnicodeSegmentation;

use super::{endpoint::Endpoint, hex};

pub(super) struct Rules {
    endpoint_key: [u8; 32],
    user_key: [u8; 32],
}

impl Rules {
    /// Reads the master key from `SEGPREP_KEY_K1`, in the form `hex:0011…`.
    pub(super) fn from_env() -> Result<Rules, Box<dyn Error>> {
        // The errors of the environment and of the parser would quote the key.
        let text = env::var("SEGPREP_KEY_K1").unwrap_or_default();
        let master = text.strip_prefix("hex:").and_then(hex::parse);
        let hkdf = Hkdf::<Sha256>::new(None, &master.ok_or("no `hex:` key in `SEGPREP_KEY_K1`")?);
        Ok(Rules { endpoint_key: key(&hkdf, "endpoint"), user_key: key(&hkdf, "user") })
    }

    pub(super) fn apply(&self, endpoint: &mut Endpoint) {
        if let Some(id) = &mut endpoint.id {
            *id = token(&self.endpoint_key, id);
        }
        let Some(user) = &mut endpoint.user else { return };
        if let Some(user_id) = &mut user.user_id {
            *user_id = token(&self.user_key, user_id);
        }
        let attributes = user.user_attributes.iter_mut().flat_map(|named| &mut named.0);
        for (_, phones) in attributes.filter(|(name, _)| name == "Phone") {
            for phone in phones {
                *phone = masked(phone, 4);
            }
        }
    }
}

fn key(hkdf: &Hkdf<Sha256>, join: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let info = format!("segprep/v1/hmac-sha256/{join}");
    hkdf.expand(info.as_bytes(), &mut key).expect("32 bytes are within HKDF's limit");
    key
}

fn token(key: &[u8; 32], value: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(value.as_bytes());
    let mut token = String::with_capacity(72);
    token.push_str("hmac:k1:");
    hex::push(&mac.finalize().into_bytes(), &mut token);
    token
}

/// Replaces all graphemes but the last `keep` by `*`; all of them if there are no more than `keep`.
fn masked(text: &str, keep: usize) -> String {
    let count = text.graphemes(true).count();
    let hidden = if count <= keep { count } else { count - keep };
    let clusters = text.graphemes(true).enumerate();
    clusters.map(|(index, cluster)| if index < hidden { "*" } else { cluster }).collect()
}
