//! What the records of one producer have in common: the texts between their values.
//!
//! Between the end of one value and the start of the next stand the same bytes in nearly every
//! record (`","ChannelType":"`), and what they mean depends only on where they stand: inside
//! which list, or after which field. So for each such [`ShapeNode`] the texts seen so far are kept,
//! each with what the decoder did about it. `replay` compares and does the same again; where no
//! text fits, the decoder reads the record by itself, and what it did is added here.
//!
//! All is bounded, and whatever is learned changes the pace alone.

use std::ops::Range;

use crate::record::NameId;
use crate::schema::NodeIx;
use crate::simd::scan::Literal;

/// Bounds of what is kept, far beyond what one producer's records need.
const EDGES_MAX: usize = 1024;
const EDGES_OF_PLACE_MAX: usize = 8;
const LITERAL_MAX: usize = 512;
const STEPS_MAX: usize = 64;
/// What is noted of one record; a record with more is learned from up to there.
const EVENTS_MAX: usize = 2048;
/// Records that are learned from, at most, until all is forgotten.
const LESSONS_MAX: usize = 4096;
/// How often records must be found again for the search to be worth its time.
const TRUST_MAX: i32 = 256;
const DOUBT: i32 = 4;
/// Records that are read without a search once it is no longer trusted.
const PAUSE: i32 = -1024;

/// The most memory of all that one worker has learned, in bytes. An edge may be the only one of its
/// place, whose list then has room for four; lists of places grow by doubling.
pub(in crate::decode) const CACHE_BYTES_MAX: usize = EDGES_MAX
    * (4 * size_of::<Transition>()
        + LITERAL_MAX
        + STEPS_MAX * size_of::<DecodeStep>()
        + 2 * size_of::<ShapeNode>())
    + EVENTS_MAX * size_of::<Event>();

/// What the decoder does between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodeStep {
    /// A field that only exports carry, and that is not null.
    ExportOnly,
    BeginMap,
    /// A name in a map.
    Name(NameId),
    EndMap(usize),
    BeginList,
    /// The list of that name ends.
    EndList(NameId),
}

/// Where a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To a slot of the row.
    Slot(NodeIx),
    /// To the list that is open, which is that of the name.
    Item(NameId),
    /// To an entry of its own under the name.
    Entry(NameId),
    /// Nowhere: a field that only exports carry.
    Nowhere(NodeIx),
}

/// What stands where a literal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Text; its opening quote is part of the literal.
    Text(Target),
    Number(Target),
    /// The record's end.
    End,
}

/// A text between two values, with what it means.
#[derive(Debug)]
pub(super) struct Transition {
    pub(super) literal: Literal,
    /// A bit for each name of the schema in the literal.
    pub(super) members: u128,
    pub(super) steps: Box<[DecodeStep]>,
    pub(super) then: Then,
    /// The place behind the value.
    pub(super) next: usize,
}

/// A place in a record: its beginning, or behind a value.
#[derive(Debug, Default)]
struct ShapeNode {
    /// Behind which value; none for the beginning. Text and numbers are told apart, since the quote
    /// that closes a text stands behind it.
    after: Option<Then>,
    edges: Vec<Transition>,
    /// The edge that was taken last.
    last: usize,
}

/// What one worker has learned. The names in it are that worker's.
#[derive(Debug)]
pub(in crate::decode) struct ShapeCache {
    /// The record's beginning first.
    places: Vec<ShapeNode>,
    edges: usize,
    lessons: usize,
    trust: i32,
}

impl Default for ShapeCache {
    fn default() -> Self {
        ShapeCache { places: vec![ShapeNode::default()], edges: 0, lessons: 0, trust: TRUST_MAX }
    }
}

impl ShapeCache {
    /// Whether a record is worth a search.
    pub(super) fn is_trusted(&mut self) -> bool {
        if self.trust < 0 {
            self.trust += 1;
            if self.trust == 0 {
                self.trust = TRUST_MAX / 2;
            }
            return false;
        }
        0 < self.edges
    }

    /// Whether a record that was not found should be learned from.
    pub(super) fn wants_more(&self) -> bool {
        self.lessons < LESSONS_MAX && self.edges < EDGES_MAX
    }

    pub(super) fn note(&mut self, was_found: bool) {
        self.trust = if was_found { (self.trust + 1).min(TRUST_MAX) } else { self.trust - DOUBT };
        if self.trust < 0 {
            self.trust = PAUSE;
        }
    }

    /// The text that was taken last at a place, if it stands at `at`.
    #[inline]
    pub(super) fn likely(&self, place: usize, text: &[u8], at: usize) -> Option<&Transition> {
        let place = self.places.get(place)?;
        place.edges.get(place.last).filter(|edge| edge.literal.is_at(text, at))
    }

    /// Any text that was seen at a place before and stands at `at`.
    pub(super) fn find(&mut self, place: usize, text: &[u8], at: usize) -> Option<&Transition> {
        let ShapeNode { edges, last, .. } = self.places.get_mut(place)?;
        *last = edges.iter().position(|edge| edge.literal.is_at(text, at))?;
        edges.get(*last)
    }

    /// Adds what a record's decoding went through. `span`: the record in `chunk`.
    pub(super) fn learn(&mut self, trace: &[Event], chunk: &[u8], span: Range<usize>) {
        self.lessons += 1;
        let mut place = 0;
        let mut from = span.start;
        let (mut members, mut steps) = (0, Vec::new());
        for event in trace {
            let (literal_end, value_end, then) = match *event {
                Event::Member(node) => {
                    members |= 1 << node;
                    continue;
                }
                Event::DecodeStep(step) => {
                    steps.push(step);
                    continue;
                }
                Event::Value { start, end, then } => (start, end, then),
                Event::Unlike => return,
            };
            let literal = chunk.get(from..literal_end).unwrap_or(&[]);
            let Some(next) = self.add(place, literal, (members, &steps), then) else { return };
            (place, from, members) = (next, value_end, 0);
            steps.clear();
        }
        let literal = chunk.get(from..span.end).unwrap_or(&[]);
        self.add(place, literal, (members, &steps), Then::End);
    }

    /// Adds an edge, unless it is there; gives the place it leads to. None where there is no room.
    fn add(
        &mut self,
        place: usize,
        literal: &[u8],
        (members, steps): (u128, &[DecodeStep]),
        then: Then,
    ) -> Option<usize> {
        let known = self.places.get(place)?.edges.iter().find(|edge| edge.literal.is(literal));
        if let Some(edge) = known {
            return Some(edge.next);
        }
        let has_room = self.places.get(place)?.edges.len() < EDGES_OF_PLACE_MAX;
        let is_long = LITERAL_MAX < literal.len() || STEPS_MAX < steps.len();
        if !has_room || EDGES_MAX <= self.edges || is_long {
            return None;
        }
        let next = match then {
            Then::Text(_) | Then::Number(_) => self.place_after(then),
            Then::End => 0,
        };
        let literal = Literal::new(literal);
        let edges = &mut self.places.get_mut(place)?.edges;
        edges.push(Transition { literal, members, steps: steps.into(), then, next });
        self.edges += 1;
        Some(next)
    }

    fn place_after(&mut self, value: Then) -> usize {
        let known = self.places.iter().position(|place| place.after == Some(value));
        known.unwrap_or_else(|| {
            self.places.push(ShapeNode { after: Some(value), ..ShapeNode::default() });
            self.places.len() - 1
        })
    }
}

/// One thing that the decoder did.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A name of the schema.
    Member(NodeIx),
    DecodeStep(DecodeStep),
    /// Text between its quotes, or a number.
    Value {
        start: usize,
        end: usize,
        then: Then,
    },
    /// What no other record is likely to have; the rest is not learned from.
    Unlike,
}

/// What is told of a decoding while it goes on.
pub(super) trait Watch {
    fn event(&mut self, event: Event);
}

/// Nobody watches.
impl Watch for () {
    #[inline]
    fn event(&mut self, _event: Event) {}
}

impl Watch for Vec<Event> {
    fn event(&mut self, event: Event) {
        if self.len() < EVENTS_MAX {
            self.push(event);
        } else if let Some(last) = self.last_mut() {
            *last = Event::Unlike;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many texts as are taken, each as long as may be and the only one of its place.
    #[test]
    fn what_is_learned_has_a_bound() {
        let mut learned = ShapeCache::default();
        let literal = [b' '; LITERAL_MAX];
        let steps = [DecodeStep::ExportOnly; STEPS_MAX];
        let mut place = 0;
        for node in 0..2 * EDGES_MAX {
            let then = Then::Number(Target::Nowhere(node));
            place = learned.add(place, &literal, (0, &steps), then).unwrap_or(place);
        }
        assert_eq!(learned.edges, EDGES_MAX);
        let of_edge = |edge: &Transition| edge.literal.len() + size_of_val(&*edge.steps);
        let of_place = |place: &ShapeNode| {
            place.edges.capacity() * size_of::<Transition>()
                + place.edges.iter().map(of_edge).sum::<usize>()
        };
        let places: usize = learned.places.iter().map(of_place).sum();
        let bytes = learned.places.capacity() * size_of::<ShapeNode>() + places;
        assert!(
            CACHE_BYTES_MAX / 2 < bytes && bytes <= CACHE_BYTES_MAX,
            "{bytes} of {CACHE_BYTES_MAX}"
        );
    }

    /// A record may be 64 MiB of values; what is noted of it has a bound, and never looks whole.
    #[test]
    fn what_is_noted_of_a_record_has_a_bound() {
        let mut trace = Vec::new();
        for start in 0..10 * EVENTS_MAX {
            let then = Then::Number(Target::Slot(0));
            trace.event(Event::Value { start, end: start + 1, then });
        }
        assert_eq!(trace.len(), EVENTS_MAX);
        assert!(matches!(trace.last(), Some(Event::Unlike)));
    }
}
