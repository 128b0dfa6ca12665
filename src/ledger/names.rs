//! Spellings of one path: `in/a.csv`, `./in/a.csv`, `in//a.csv`, and the same from the root. An input on the list
//! must be found there however `from` leads to it.

use std::borrow::Cow;

/// Finds the plain spelling of names.
pub(super) struct PlainNames {
    /// The working directory, with a `/` at its end; empty if it is not known.
    here: String,
}

impl PlainNames {
    /// For names relative to the working directory of this process.
    pub(super) fn here() -> PlainNames {
        let here = std::env::current_dir().ok();
        let here = here.as_deref().and_then(|here| here.to_str());
        PlainNames::below(here.unwrap_or_default())
    }

    fn below(here: &str) -> PlainNames {
        let here = here.trim_end_matches('/');
        PlainNames { here: if here.is_empty() { String::new() } else { format!("{here}/") } }
    }

    /// Whether a name is spelled plainly. Keys of objects are: each spelling is another object.
    pub(super) fn is_plain(&self, name: &str) -> bool {
        if name.starts_with("s3://") {
            return true;
        }
        let is_below = !self.here.is_empty() && name.starts_with(&self.here);
        !is_below && !name.starts_with("./") && !name.contains("//") && !name.contains("/./")
    }

    /// The name without what is superfluous in it; relative if it is in the working directory. Links and `..` stay as
    /// they are.
    pub(super) fn plain<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.is_plain(name) {
            return Cow::Borrowed(name);
        }
        let root = if name.starts_with('/') { "/" } else { "" };
        let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
        let clean = format!("{root}{}", parts.collect::<Vec<_>>().join("/"));
        match clean.strip_prefix(&self.here).filter(|_| !self.here.is_empty()) {
            Some(below) => Cow::Owned(below.to_owned()),
            None => Cow::Owned(clean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_plain_spelling() {
        let names = PlainNames::below("/home/ada");
        for (name, plain) in [
            ("in/a.csv", "in/a.csv"),
            ("./in/a.csv", "in/a.csv"),
            ("././in//a.csv", "in/a.csv"),
            ("in/./a.csv", "in/a.csv"),
            ("/home/ada/in/a.csv", "in/a.csv"),
            ("/home//ada/./in/a.csv", "in/a.csv"),
            ("/home/adam/in/a.csv", "/home/adam/in/a.csv"),
            ("//data/a.csv", "/data/a.csv"),
            ("../in/a.csv", "../in/a.csv"),
            ("in/.a./b..csv", "in/.a./b..csv"),
            ("-", "-"),
            ("s3://bucket//in/./a.csv", "s3://bucket//in/./a.csv"),
        ] {
            assert_eq!(names.plain(name), plain, "{name}");
            assert_eq!(names.is_plain(name), name == plain, "{name}");
        }
        assert_eq!(PlainNames::below("").plain("/in//a.csv"), "/in/a.csv");
        assert_eq!(PlainNames::below("/").plain("/in/a.csv"), "/in/a.csv");
    }
}
