//! Where an object is: a bucket and a key, as `s3://bucket/key`.

use std::{fmt, path::Path};

const SCHEME: &str = "s3://";

/// An object, or all objects whose keys begin so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    pub bucket: String,
    /// Without a `/` before it; empty for the whole bucket.
    pub key: String,
}

impl Url {
    /// The place that a path names, if it begins with `s3://`.
    pub fn parse(path: &Path) -> Option<Url> {
        let rest = path.to_str()?.strip_prefix(SCHEME)?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Url { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The same as a folder: its key ends in `/` or is empty.
    #[must_use]
    pub fn folder(mut self) -> Url {
        if !self.key.is_empty() && !self.key.ends_with('/') {
            self.key.push('/');
        }
        self
    }

    /// What lies under this name in a folder.
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
    fn a_path_is_told_by_its_scheme_and_kept_as_it_is() {
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
