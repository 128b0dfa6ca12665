//! `hmac`: replaces a value by a token, which is the same wherever key and join are the same.
//!
//! A token is `hmac:` + key id + `:` + the leftmost bits of the HMAC-SHA256 (FIPS 198-1, truncated
//! as in NIST SP 800-107) of the value under the key of the join. Because of the prefix, no program
//! takes a token for a number or a formula, and tokens of an old and a new key can be told apart.
//!
//! With `normalize`, the normal form of the value is hashed; a value without one fails.

use std::sync::Arc;

use super::Normalize;
use super::Outcome;
use super::TokenShape;
use super::Tokens;
use super::token::PREFIX;
use crate::crypto::{LANES, MacKey};

/// The `hmac` operation.
#[derive(Debug)]
pub struct Hmac {
    /// `hmac:k1:`
    prefix: String,
    key: MacKey,
    shape: TokenShape,
    normalize: Normalize,
    already: Already,
    known: Arc<Tokens>,
}

/// What happens to a value that already is a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Already {
    /// The record is rejected.
    Reject,
    /// The value stays as it is: for files that were processed before.
    Keep,
    /// The value is hashed like any other.
    Hash,
}

impl Hmac {
    /// Makes tokens of that shape with the key of that id. `known` describes all tokens of the
    /// definition, to recognize values that already are tokens.
    pub fn new(key_id: &str, key: MacKey, shape: TokenShape, known: Arc<Tokens>) -> Hmac {
        Hmac {
            prefix: format!("{PREFIX}{key_id}:"),
            key,
            shape,
            normalize: Normalize::None,
            already: Already::Reject,
            known,
        }
    }

    /// Hashes the normal forms of values.
    #[must_use]
    pub fn with_normalize(self, normalize: Normalize) -> Hmac {
        Hmac { normalize, ..self }
    }

    /// Sets what happens to values that already are tokens.
    #[must_use]
    pub fn with_already(self, already: Already) -> Hmac {
        Hmac { already, ..self }
    }

    /// Appends the token of the value to `out`, unless the value already is a token. Fails if the
    /// value has no normal form.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        if let Some(outcome) = self.token_outcome(value) {
            return outcome;
        }
        let mut normal = Vec::new();
        if !self.normalize(value, &mut normal) {
            return Outcome::Failed;
        }
        self.write_token(&normal, out);
        Outcome::PLAIN
    }

    /// The outcome for a value that already is a token; `None` if the value is to be hashed.
    pub(super) fn token_outcome(&self, value: &[u8]) -> Option<Outcome> {
        let found = self.known.recognize(value)?;
        match self.already {
            Already::Hash => None,
            // A shape that no rule makes (64 bits in base64url are 11 characters) may be ordinary data,
            // so it is not kept.
            Already::Keep if found.has_known_shape => Some(Outcome::Kept),
            Already::Keep | Already::Reject => {
                Some(Outcome::AlreadyToken { has_known_key: found.has_known_key })
            }
        }
    }

    /// Replaces `out` by the normal form of a value. Returns false if it has none.
    pub(super) fn normalize(&self, value: &[u8], out: &mut Vec<u8>) -> bool {
        self.normalize.normalize(value, out)
    }

    /// Appends the token of a value that is in its normal form, without any check.
    pub fn write_token(&self, normal: &[u8], out: &mut Vec<u8>) {
        self.push_token(&self.key.mac(normal), out);
    }

    /// Returns the MACs of up to [`LANES`] values in their normal form.
    pub(super) fn macs(&self, values: &[&[u8]]) -> [[u8; 32]; LANES] {
        self.key.macs(values)
    }

    /// Appends the token of a MAC.
    pub(super) fn push_token(&self, mac: &[u8; 32], out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        self.shape.encode(mac, out);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::transform::Encoding;
    use crate::transform::MasterKey;
    use crate::transform::Scope;
    use crate::transform::vectors;
    use crate::transform::vectors::text;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/hmac.json");
        vectors::check(file, |params, value, out| operation(params).apply(value, out));
    }

    pub(in crate::transform) fn operation(params: &Value) -> Hmac {
        let master = MasterKey::parse(text(params, "key").unwrap()).unwrap();
        let scope = Scope::parse(text(params, "scope").unwrap()).unwrap();
        let key = master.derive(&scope, text(params, "join").unwrap());
        let ids = params["ids"].as_array().unwrap();
        let known = Tokens {
            ids: ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
            shapes: params["shapes"].as_array().unwrap().iter().map(shape).collect(),
        };
        let normalize = text(params, "normalize").unwrap_or("none");
        let normalize = Normalize::ALL.into_iter().find(|form| form.name() == normalize).unwrap();
        let already = match text(params, "already") {
            None | Some("reject") => Already::Reject,
            Some("keep") => Already::Keep,
            Some(_) => Already::Hash,
        };
        Hmac::new(text(params, "key_id").unwrap(), key, shape(params), Arc::new(known))
            .with_normalize(normalize)
            .with_already(already)
    }

    fn shape(params: &Value) -> TokenShape {
        let encoding = match text(params, "encoding").unwrap() {
            "hex" => Encoding::Hex,
            _ => Encoding::Base64Url,
        };
        let bits = vectors::count(params, "bits").unwrap();
        TokenShape::new(bits.try_into().unwrap(), encoding).unwrap()
    }

    fn hmac(shape: TokenShape) -> Hmac {
        let key = MasterKey::demo().derive(&Scope::Person, "user");
        let known = Tokens { ids: vec!["k1".to_owned()], shapes: vec![shape] };
        Hmac::new("k1", key, shape, Arc::new(known))
    }

    #[test]
    fn debug_is_the_same_for_every_key() {
        let shape = TokenShape::new(256, Encoding::Hex).unwrap();
        let tokens = Arc::new(Tokens { ids: vec!["k1".to_owned()], shapes: vec![shape] });
        let shown = ["user", "address"].map(|join| {
            let key = MasterKey::demo().derive(&Scope::Person, join);
            format!("{:?}", Hmac::new("k1", key, shape, Arc::clone(&tokens)))
        });
        assert_eq!(shown[0], shown[1]);
        assert!(shown[0].contains("hmac:k1:"), "{}", shown[0]);
    }

    proptest! {
        /// Every value becomes a token, and a token is not hashed again.
        #[test]
        fn makes_tokens(
            value in any::<String>(),
            bytes in 8_u32..=32,
            encoding in prop_oneof![Just(Encoding::Hex), Just(Encoding::Base64Url)],
        ) {
            prop_assume!(!value.is_empty());
            let hmac = hmac(TokenShape::new(bytes * 8, encoding).unwrap());
            let mut token = Vec::new();
            prop_assert_eq!(hmac.apply(value.as_bytes(), &mut token), Outcome::PLAIN);
            prop_assert!(hmac.known.is_token(&token));
            let mut again = Vec::new();
            let already = Outcome::AlreadyToken { has_known_key: true };
            prop_assert_eq!(hmac.apply(&token, &mut again), already);
            prop_assert!(again.is_empty());
        }
    }
}
