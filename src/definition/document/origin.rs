//! Where a value or a name is in the texts of a definition.

use std::ops::Range;

/// Where a value or a name of the definition stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// 0 is the file, `n` the n-th `--set`.
    pub(super) text: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Origin {
    /// A span of the file, in bytes.
    pub(crate) fn file(span: Range<usize>) -> Origin {
        Origin { text: 0, start: span.start, end: span.end }
    }

    /// A span of the `--set` of that number, counted from 0, in bytes.
    pub(crate) fn set(number: usize, span: Range<usize>) -> Origin {
        Origin { text: number + 1, start: span.start, end: span.end }
    }
}

/// A value with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Origin,
}

impl Spanned<&str> {
    /// The same with a text of its own.
    pub(crate) fn into_owned(self) -> Spanned<String> {
        Spanned { value: self.value.to_owned(), at: self.at }
    }
}
