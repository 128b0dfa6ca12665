//! All shapes of all detectors in one table, each with what a text must have to match it.
//!
//! A set of them is a number with a bit for each, so that which shapes are asked about a field is decided
//! once, and a text is held against a few numbers before any pattern is tried.

use super::catalogue::Detector;
use super::needs::{ByteTable, Needs, longest_stretch};
use super::{Likelihood, Look};

/// With fewer digits, it does not matter how they are spread.
const STRETCH_MIN: usize = 8;

/// Some shapes: a bit for each, by its place in the table.
pub(super) type Shapes = u128;

/// A shape, and what a text must have to match it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    sets: u128,
    longest: usize,
    /// The index of its detector, and its own among the shapes of that.
    pub(super) detector: usize,
    pub(super) shape: usize,
    /// The likelihood if a field's name says nothing.
    pub(super) alone: Option<Likelihood>,
}

/// All shapes, in the order of the detectors.
#[derive(Debug)]
pub(super) struct Candidates {
    all: Vec<Candidate>,
    table: ByteTable,
    /// By how many there are of what is counted, by the longest stretch, and by the length.
    by_count: [NoMore; 4],
    by_stretch: NoMore,
    by_length: NoMore,
}

/// By a number: the shapes that need no more.
#[derive(Debug)]
struct NoMore([Shapes; NEEDED_MAX + 1]);

/// A text that has so many has enough for all.
const NEEDED_MAX: usize = 40;

impl NoMore {
    fn new(needs: &[&Needs], needed: impl Fn(&Needs) -> usize) -> NoMore {
        let mut number = 0;
        NoMore([(); NEEDED_MAX + 1].map(|()| {
            let is_enough = |needs: &Needs| needed(needs).min(NEEDED_MAX) <= number;
            let bits = (0..).zip(needs);
            let enough =
                bits.fold(0, |all, (bit, needs)| all | Shapes::from(is_enough(needs)) << bit);
            number += 1;
            enough
        }))
    }

    #[inline]
    fn than(&self, number: usize) -> Shapes {
        self.0.get(number.min(NEEDED_MAX)).copied().unwrap_or(Shapes::MAX)
    }
}

impl Candidates {
    /// Those of all detectors. There are at most 128.
    pub(super) fn new(detectors: &mut [Detector]) -> Candidates {
        let shapes = detectors.iter_mut().flat_map(|detector| &mut detector.shapes);
        let table = ByteTable::number(shapes.map(|shape| &mut shape.needs));
        let mut all = Vec::new();
        for (index, detector) in detectors.iter().enumerate() {
            let numbered = detector.shapes.iter().enumerate();
            all.extend(numbered.map(|(number, shape)| Candidate {
                sets: shape.needs.sets,
                longest: *shape.needs.length.end(),
                detector: index,
                shape: number,
                alone: shape.alone,
            }));
        }
        assert!(all.len() <= 128, "a shape is a bit of 128");
        let shapes = detectors.iter().flat_map(|detector| &detector.shapes);
        let needs: Vec<&Needs> = shapes.map(|shape| &shape.needs).collect();
        let by_count = [0, 1, 2, 3]
            .map(|kind| NoMore::new(&needs, |needs| needs.counts.get(kind).copied().unwrap_or(0)));
        let by_stretch = NoMore::new(&needs, |needs| needs.stretch);
        let by_length = NoMore::new(&needs, |needs| *needs.length.start());
        Candidates { all, table, by_count, by_stretch, by_length }
    }

    /// Those that have something in common.
    pub(super) fn which(&self, has: impl Fn(&Candidate) -> bool) -> Shapes {
        let numbered = (0..).zip(&self.all);
        numbered.fold(0, |which, (bit, candidate)| which | Shapes::from(has(candidate)) << bit)
    }

    /// What a look at the bytes of a plain text says.
    pub(super) fn look<'t>(&self, text: &'t str) -> Look<'t> {
        let (sets, counts) = self.table.of(text.as_bytes());
        let [digits, ..] = counts;
        let stretch = if digits < STRETCH_MIN { digits } else { longest_stretch(text.as_bytes()) };
        Look { text, sets, counts, stretch }
    }

    /// What a look at the bytes of plain texts says that differ in letters and digits alone.
    pub(super) fn look_at_alike<'t>(&self, text: &'t str) -> Look<'t> {
        Look { sets: u128::MAX, ..self.look(text) }
    }

    /// The set of a candidate alone.
    pub(super) fn only(&self, candidate: &Candidate) -> Shapes {
        self.which(|other| (other.detector, other.shape) == (candidate.detector, candidate.shape))
    }

    /// The candidates of a set, in their order.
    pub(super) fn of(&self, mut which: Shapes) -> impl Iterator<Item = &Candidate> {
        std::iter::from_fn(move || {
            let bit = usize::try_from(which.trailing_zeros()).ok()?;
            let candidate = self.all.get(bit)?;
            which &= which - 1;
            Some(candidate)
        })
    }

    /// Those of some shapes that a text may match, in their order.
    pub(super) fn possible(
        &self,
        which: Shapes,
        look: Look<'_>,
    ) -> impl Iterator<Item = &Candidate> {
        let Look { text, sets, counts, stretch } = look;
        let length = text.len();
        let by_count = self.by_count.iter().zip(counts);
        let mut left = by_count.fold(which, |left, (no_more, count)| left & no_more.than(count));
        left &= self.by_stretch.than(stretch) & self.by_length.than(length);
        std::iter::from_fn(move || {
            while left != 0 {
                let bit = usize::try_from(left.trailing_zeros()).ok()?;
                left &= left - 1;
                let candidate = self.all.get(bit)?;
                if candidate.sets & !sets == 0 && length <= candidate.longest {
                    return Some(candidate);
                }
            }
            None
        })
    }
}
