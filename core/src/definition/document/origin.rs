//! The location of a value or a name in the texts of a definition.

use std::ops::Range;

/// A span of one of the texts of a definition. Ordered by text, then by position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// 0 is the file, `n` the n-th `--set`.
    pub(super) text: usize,
    /// In bytes, as is `end`.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Origin {
    /// A span of the file, in bytes.
    pub(crate) fn file(span: Range<usize>) -> Origin {
        Origin { text: 0, start: span.start, end: span.end }
    }

    /// A span of a `--set`, in bytes. The first `--set` has number 0.
    pub(crate) fn set(number: usize, span: Range<usize>) -> Origin {
        Origin { text: number + 1, start: span.start, end: span.end }
    }
}

/// A value with its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Origin,
}

impl Spanned<&str> {
    /// Copies the text.
    pub(crate) fn into_owned(self) -> Spanned<String> {
        Spanned { value: self.value.to_owned(), at: self.at }
    }
}
