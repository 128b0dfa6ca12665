//! The shapes of earlier records, by which [`replay`](super::replay) decodes new ones.
//!
//! Records of one producer differ in their values and in little else. Split at its values, a record
//! consists of values and of the texts between them, the *literals*:
//!
//! ```text
//! {"ChannelType":"EMAIL","Address":"ana@example.com","Attributes":{"Plan":["pro"]}}
//! ╰──────┬───────╯     ╰─────┬─────╯               ╰───────────┬───────────╯   ╰┬─╯
//!        1                   2                                 3                4
//! ```
//!
//! Literals are the same in nearly every record, and what one means depends only on the value
//! before it. So the cache is a state machine. A [`ShapeNode`] is a state: the beginning of a
//! record, or the end of a value with a certain destination. A [`Transition`] is a literal that was
//! seen there, with what the decoder did about it, and with the destination of the value after it:
//!
//! | node | literal | steps | value |
//! |---|---|---|---|
//! | start | 1 | | text for `ChannelType` |
//! | after `ChannelType` | 2 | | text for `Address` |
//! | after `Address` | 3 | begin a map, name `Plan`, begin a list | text for an item of `Plan` |
//! | after an item of `Plan` | 4 | end the list, end the map | none: the record ends |
//!
//! To decode a record, `replay` compares literals, repeats their steps, and scans for the ends of
//! values. It looks up no names and parses no punctuation. If no literal fits, the plain decoder
//! reads the record from its beginning and records what it does as [`TraceEvent`]s, which
//! [`ShapeCache::learn`] adds to the machine.
//!
//! What always holds:
//!
//! - Replaying has the result of the plain decoder. A transition repeats what that did with the
//!   same bytes after the same value, and the destination of a value determines which objects, maps
//!   and lists are open after it.
//! - What a comparison cannot see is checked for each record, or not learned: that no name is
//!   repeated (by [`Transition::members`] and [`DecodeStep::Name`]), and anything irregular
//!   ([`TraceEvent::Irregular`]).
//! - All of it is bounded, also for hostile input. The cache affects speed alone.

use std::ops::Range;

use crate::record::NameId;
use crate::schema::NodeIx;
use crate::simd::literal::Literal;

// Limits of the cache, far above what the records of one producer need.
const TRANSITIONS_MAX: usize = 1024;
const TRANSITIONS_OF_NODE_MAX: usize = 8;
const LITERAL_MAX: usize = 512;
const STEPS_MAX: usize = 64;
/// The most events that are recorded of one record. What follows is not learned.
const EVENTS_MAX: usize = 2048;
/// The most records that are learned from, until the cache is cleared.
const LEARNED_RECORDS_MAX: usize = 4096;

// Replaying is paused where few records match. The confidence in it rises by 1 with each match and
// falls with each miss; below 0, records are not tried until it has counted up from `PAUSE`.
const CONFIDENCE_MAX: i32 = 256;
const MISS_COST: i32 = 4;
const PAUSE: i32 = -1024;

/// The most memory that the cache of one worker uses, in bytes. A transition may be the only one of
/// its node, whose list then has room for four; the list of nodes grows by doubling.
pub(in crate::decode) const CACHE_BYTES_MAX: usize = TRANSITIONS_MAX
    * (4 * size_of::<Transition>()
        + LITERAL_MAX
        + STEPS_MAX * size_of::<DecodeStep>()
        + 2 * size_of::<ShapeNode>())
    + EVENTS_MAX * size_of::<TraceEvent>();

/// What the decoder does between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodeStep {
    /// Counts a field that only exports have and that is not null.
    ExportOnly,
    BeginMap,
    /// A name in a map.
    Name(NameId),
    /// Ends a map, by its index in the maps of a row.
    EndMap(usize),
    BeginList,
    /// Ends the list of this name.
    EndList(NameId),
}

/// Where a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// In a slot of the row.
    Slot(NodeIx),
    /// In the open list, which belongs to this name.
    ListItem(NameId),
    /// In a new entry with this name.
    NewEntry(NameId),
    /// In a slot of the row, by a renamed name, which has this index among the layout's moves. The same
    /// field can be in another object by another name.
    Moved { place: usize, node: NodeIx },
    /// Nowhere: the field is one that only exports have.
    Discarded(NodeIx),
}

/// The value that follows a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Text. Its opening quote is part of the literal, its closing quote of the next one.
    Text(Destination),
    Number(Destination),
    /// No value: the record ends.
    End,
}

/// A literal, and what the decoder did about it.
#[derive(Debug)]
pub(super) struct Transition {
    pub(super) literal: Literal,
    /// One bit for each name of the schema in the literal.
    pub(super) members: u128,
    pub(super) steps: Box<[DecodeStep]>,
    pub(super) value: ValueKind,
    /// The node after the value.
    pub(super) next: usize,
}

/// A state: the beginning of a record, or the end of a value.
#[derive(Debug, Default)]
struct ShapeNode {
    /// The value, or `None` at the beginning of a record. Text and numbers have different nodes,
    /// since only text is followed by a quote.
    after: Option<ValueKind>,
    transitions: Vec<Transition>,
    /// The transition that was taken last.
    last: usize,
}

/// The shapes that one worker has seen. Names in it are those of that worker.
#[derive(Debug)]
pub(in crate::decode) struct ShapeCache {
    /// The first is the beginning of a record.
    nodes: Vec<ShapeNode>,
    transitions: usize,
    learned_records: usize,
    confidence: i32,
}

impl Default for ShapeCache {
    fn default() -> Self {
        ShapeCache {
            nodes: vec![ShapeNode::default()],
            transitions: 0,
            learned_records: 0,
            confidence: CONFIDENCE_MAX,
        }
    }
}

impl ShapeCache {
    /// Whether to try to replay the next record.
    pub(super) fn should_try(&mut self) -> bool {
        if self.confidence < 0 {
            self.confidence += 1;
            if self.confidence == 0 {
                self.confidence = CONFIDENCE_MAX / 2;
            }
            return false;
        }
        0 < self.transitions
    }

    /// Whether to learn from a record that could not be replayed.
    pub(super) fn should_learn(&self) -> bool {
        self.learned_records < LEARNED_RECORDS_MAX && self.transitions < TRANSITIONS_MAX
    }

    /// Adjusts the confidence after a record was replayed, or could not be.
    pub(super) fn note(&mut self, was_replayed: bool) {
        self.confidence = if was_replayed {
            (self.confidence + 1).min(CONFIDENCE_MAX)
        } else {
            self.confidence - MISS_COST
        };
        if self.confidence < 0 {
            self.confidence = PAUSE;
        }
    }

    /// The transition that was taken last from a node, if its literal is at byte `at` of the text.
    #[inline]
    pub(super) fn likely(&self, node: usize, text: &[u8], at: usize) -> Option<&Transition> {
        let node = self.nodes.get(node)?;
        node.transitions.get(node.last).filter(|likely| likely.literal.is_at(text, at))
    }

    /// The first transition from a node whose literal is at byte `at` of the text.
    pub(super) fn find(&mut self, node: usize, text: &[u8], at: usize) -> Option<&Transition> {
        let ShapeNode { transitions, last, .. } = self.nodes.get_mut(node)?;
        *last = transitions.iter().position(|known| known.literal.is_at(text, at))?;
        transitions.get(*last)
    }

    /// Adds the shape of a record, from what the decoder recorded. `span`: the record in `chunk`.
    pub(super) fn learn(&mut self, trace: &[TraceEvent], chunk: &[u8], span: Range<usize>) {
        self.learned_records += 1;
        let mut node = 0;
        let mut from = span.start;
        let (mut members, mut steps) = (0, Vec::new());
        for event in trace {
            let (literal_end, value_end, value) = match *event {
                TraceEvent::Member(node) => {
                    members |= 1 << node;
                    continue;
                }
                TraceEvent::Step(step) => {
                    steps.push(step);
                    continue;
                }
                TraceEvent::Value { start, end, value } => (start, end, value),
                TraceEvent::Irregular => return,
            };
            let literal = chunk.get(from..literal_end).unwrap_or(&[]);
            let Some(next) = self.add(node, literal, (members, &steps), value) else { return };
            (node, from, members) = (next, value_end, 0);
            steps.clear();
        }
        let literal = chunk.get(from..span.end).unwrap_or(&[]);
        self.add(node, literal, (members, &steps), ValueKind::End);
    }

    /// Adds a transition, unless it is known. Returns the node after its value, or `None` if a
    /// limit is reached.
    fn add(
        &mut self,
        node: usize,
        literal: &[u8],
        (members, steps): (u128, &[DecodeStep]),
        value: ValueKind,
    ) -> Option<usize> {
        let transitions = &self.nodes.get(node)?.transitions;
        if let Some(known) = transitions.iter().find(|known| known.literal.is(literal)) {
            return Some(known.next);
        }
        let has_room = transitions.len() < TRANSITIONS_OF_NODE_MAX;
        let is_long = LITERAL_MAX < literal.len() || STEPS_MAX < steps.len();
        if !has_room || TRANSITIONS_MAX <= self.transitions || is_long {
            return None;
        }
        let next = match value {
            ValueKind::Text(_) | ValueKind::Number(_) => self.node_after(value),
            ValueKind::End => 0,
        };
        let literal = Literal::new(literal);
        let transitions = &mut self.nodes.get_mut(node)?.transitions;
        transitions.push(Transition { literal, members, steps: steps.into(), value, next });
        self.transitions += 1;
        Some(next)
    }

    fn node_after(&mut self, value: ValueKind) -> usize {
        let known = self.nodes.iter().position(|node| node.after == Some(value));
        known.unwrap_or_else(|| {
            self.nodes.push(ShapeNode { after: Some(value), ..ShapeNode::default() });
            self.nodes.len() - 1
        })
    }
}

/// One thing that the plain decoder did.
#[derive(Clone, Copy, Debug)]
pub(super) enum TraceEvent {
    /// Read a name of the schema.
    Member(NodeIx),
    Step(DecodeStep),
    /// Read text, from `start` to `end` without its quotes, or a number.
    Value {
        start: usize,
        end: usize,
        value: ValueKind,
    },
    /// Met something that is not learned. What follows in the record is not learned either.
    Irregular,
}

/// Receives what the plain decoder does.
pub(super) trait Recorder {
    fn record(&mut self, event: TraceEvent);
}

/// Records nothing.
impl Recorder for () {
    #[inline]
    fn record(&mut self, _event: TraceEvent) {}
}

/// Records up to a limit, and then that the rest is missing.
impl Recorder for Vec<TraceEvent> {
    fn record(&mut self, event: TraceEvent) {
        if self.len() < EVENTS_MAX {
            self.push(event);
        } else if let Some(last) = self.last_mut() {
            *last = TraceEvent::Irregular;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds as many transitions as possible, each as large as possible and the only one of its
    /// node.
    #[test]
    fn the_cache_has_a_bound() {
        let mut cache = ShapeCache::default();
        let literal = [b' '; LITERAL_MAX];
        let steps = [DecodeStep::ExportOnly; STEPS_MAX];
        let mut node = 0;
        for number in 0..2 * TRANSITIONS_MAX {
            let value = ValueKind::Number(Destination::Discarded(number));
            node = cache.add(node, &literal, (0, &steps), value).unwrap_or(node);
        }
        assert_eq!(cache.transitions, TRANSITIONS_MAX);
        let transition_bytes =
            |known: &Transition| known.literal.len() + size_of_val(&*known.steps);
        let node_bytes = |node: &ShapeNode| {
            node.transitions.capacity() * size_of::<Transition>()
                + node.transitions.iter().map(transition_bytes).sum::<usize>()
        };
        let nodes: usize = cache.nodes.iter().map(node_bytes).sum();
        let bytes = cache.nodes.capacity() * size_of::<ShapeNode>() + nodes;
        assert!(
            CACHE_BYTES_MAX / 2 < bytes && bytes <= CACHE_BYTES_MAX,
            "{bytes} of {CACHE_BYTES_MAX}"
        );
    }

    /// A record may be 64 MiB of values. What is recorded of it has a bound, and looks incomplete.
    #[test]
    fn a_trace_has_a_bound() {
        let mut trace = Vec::new();
        for start in 0..10 * EVENTS_MAX {
            let value = ValueKind::Number(Destination::Slot(0));
            trace.record(TraceEvent::Value { start, end: start + 1, value });
        }
        assert_eq!(trace.len(), EVENTS_MAX);
        assert!(matches!(trace.last(), Some(TraceEvent::Irregular)));
    }
}
