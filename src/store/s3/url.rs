//! `s3://bucket/key` URLs. Which locations are refused, such as presigned URLs, is decided in
//! `definition/document/location.rs`.

use std::{fmt, path::Path};

const SCHEME: &str = "s3://";

/// An object, or the prefix of a group of objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    pub bucket: String,
    /// Without a leading `/` that is not part of it; empty for the whole bucket.
    pub key: String,
}

impl Url {
    /// The URL that a path is, if it begins with `s3://`.
    pub fn parse(path: &Path) -> Option<Url> {
        let rest = path.to_str()?.strip_prefix(SCHEME)?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Url { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// This URL as a folder, whose key ends in `/` or is empty.
    #[must_use]
    pub fn folder(mut self) -> Url {
        if !self.key.is_empty() && !self.key.ends_with('/') {
            self.key.push('/');
        }
        self
    }

    /// The URL of an object in this folder.
    #[must_use]
    pub fn join(&self, name: &str) -> Url {
        Url { bucket: self.bucket.clone(), key: format!("{}{name}", self.key) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_the_scheme_and_its_key_is_kept_as_it_is() {
        for (path, bucket, key) in [
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("s3://b/a//c d%+é", "b", "a//c d%+é"),
            ("s3://b//a/", "b", "/a/"),
        ] {
            let expected = Url { bucket: bucket.to_owned(), key: key.to_owned() };
            assert_eq!(Url::parse(Path::new(path)), Some(expected), "{path}");
        }
        assert_eq!(Url::parse(Path::new("a/s3://b/c")), None);
    }

    #[test]
    fn a_folder_ends_in_a_slash() {
        let folder = |path: &str| Url::parse(Path::new(path)).map(|url| url.folder().to_string());
        assert_eq!(folder("s3://b").as_deref(), Some("s3://b/"));
        assert_eq!(folder("s3://b/a").as_deref(), Some("s3://b/a/"));
        assert_eq!(folder("s3://b/a/").as_deref(), Some("s3://b/a/"));
    }
}
