//! Spellings of one path: `in/a.csv`, `./in/a.csv`, `in//a.csv`, and the same from the root. An input on the list
//! must be found there however `from` leads to it.

use std::borrow::Cow;

use crate::store::STANDARD_INPUT;

/// Finds the plain spelling of names.
pub(super) struct PlainNames {
    /// The working directory, with a `/` at its end; empty if it is not known.
    here: String,
    /// Whether plain names begin at the root; otherwise those in the working directory are relative to it.
    from_root: bool,
}

impl PlainNames {
    /// For names relative to the working directory of this process. `like`: a name of the list, which most others are
    /// spelled like: they stay as they are.
    pub(super) fn here(like: Option<&str>) -> PlainNames {
        let here = std::env::current_dir().ok();
        let here = here.as_deref().and_then(|here| here.to_str());
        PlainNames::below(here.unwrap_or_default(), like)
    }

    fn below(here: &str, like: Option<&str>) -> PlainNames {
        let here = here.trim_end_matches('/');
        let here = if here.is_empty() { String::new() } else { format!("{here}/") };
        let from_root = like.is_some_and(|name| !here.is_empty() && name.starts_with(&here));
        PlainNames { here, from_root }
    }

    /// Whether a name is spelled plainly. Keys of objects are: each spelling is another object.
    pub(super) fn is_plain(&self, name: &str) -> bool {
        if name.starts_with("s3://") || name == STANDARD_INPUT {
            return true;
        }
        let is_clean = !name.starts_with("./") && !name.contains("//") && !name.contains("/./");
        let is_below = !self.here.is_empty() && name.starts_with(&self.here);
        is_clean && if self.from_root { name.starts_with('/') } else { !is_below }
    }

    /// The name without what is superfluous in it. Links and `..` stay as they are.
    pub(super) fn plain<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.is_plain(name) {
            return Cow::Borrowed(name);
        }
        let root = if name.starts_with('/') { "/" } else { "" };
        let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
        let clean = format!("{root}{}", parts.collect::<Vec<_>>().join("/"));
        let below = clean.strip_prefix(&self.here).filter(|_| !self.here.is_empty());
        match (self.from_root, below) {
            (false, Some(below)) => Cow::Owned(below.to_owned()),
            (true, _) if root.is_empty() => Cow::Owned(format!("{}{clean}", self.here)),
            (_, _) => Cow::Owned(clean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_plain_spelling() {
        let relative = PlainNames::below("/home/ada", Some("in/a.csv"));
        let from_root = PlainNames::below("/home/ada/", Some("/home/ada/in/a.csv"));
        for (name, plain, whole) in [
            ("in/a.csv", "in/a.csv", "/home/ada/in/a.csv"),
            ("./in/a.csv", "in/a.csv", "/home/ada/in/a.csv"),
            ("././in//a.csv", "in/a.csv", "/home/ada/in/a.csv"),
            ("in/./a.csv", "in/a.csv", "/home/ada/in/a.csv"),
            ("/home/ada/in/a.csv", "in/a.csv", "/home/ada/in/a.csv"),
            ("/home//ada/./in/a.csv", "in/a.csv", "/home/ada/in/a.csv"),
            ("/home/adam/in/a.csv", "/home/adam/in/a.csv", "/home/adam/in/a.csv"),
            ("//data/a.csv", "/data/a.csv", "/data/a.csv"),
            ("../in/a.csv", "../in/a.csv", "/home/ada/../in/a.csv"),
            ("in/.a./b..csv", "in/.a./b..csv", "/home/ada/in/.a./b..csv"),
            ("-", "-", "-"),
            ("s3://bucket//in/./a.csv", "s3://bucket//in/./a.csv", "s3://bucket//in/./a.csv"),
        ] {
            for (names, expected) in [(&relative, plain), (&from_root, whole)] {
                assert_eq!(names.plain(name), expected, "{name}");
                assert_eq!(names.is_plain(name), name == expected, "{name}");
            }
        }
        for here in ["", "/"] {
            let names = PlainNames::below(here, Some("/in/a.csv"));
            assert_eq!(names.plain("/in//a.csv"), "/in/a.csv");
            assert_eq!(names.plain("in//a.csv"), "in/a.csv");
        }
    }
}
