//! Collects values until there are [`LANES`] of one operation, to hash them side by side.
//!
//! With vector instructions, the HMACs of sixteen values take little longer than one: lane n of
//! each register works on value n. So a value is queued with the destination of its token (a slot
//! of a row, or a value of an entry), and a full queue is hashed and written at once.
//!
//! The destination has an empty text until the token is written: if a value were forgotten, nothing
//! of it would be in the output.

use super::{Hmac, Outcome};
use crate::crypto::LANES;
use crate::record::{Batch, Slot};
use crate::schema::NodeIx;

/// Longer values are hashed immediately: they take several blocks of the hash, and queues would
/// need more memory.
pub(super) const PENDING_BYTES_MAX: usize = 256;

/// Values of further operations are hashed immediately, since queues are searched one by one. There
/// are as many operations where each name of a map has its own key.
const OPERATIONS_MAX: usize = 32;

/// The queued values of all operations.
#[derive(Default)]
pub(super) struct HmacBatch<'a>(Vec<Queue<'a>>);

struct Queue<'a> {
    hmac: &'a Hmac,
    /// Values in their normal form. The first `count` are queued.
    values: [Vec<u8>; LANES],
    destinations: [Destination; LANES],
    count: usize,
}

/// Where a token goes in a batch.
#[derive(Clone, Copy)]
pub(super) enum Destination {
    Slot {
        row: usize,
        node: NodeIx,
    },
    /// An index among the values of entries.
    Value(usize),
}

impl<'a> HmacBatch<'a> {
    /// Whether values of that operation can be queued.
    pub(super) fn takes(&self, hmac: &Hmac) -> bool {
        self.0.len() < OPERATIONS_MAX || self.0.iter().any(|queue| std::ptr::eq(queue.hmac, hmac))
    }

    /// Makes room for one more value: writes the tokens of a full queue to `batch`.
    pub(super) fn make_room(&mut self, hmac: &'a Hmac, batch: &mut Batch) {
        let queue = self.queue(hmac);
        if queue.count == LANES {
            queue.write(batch);
        }
    }

    /// Queues a value, unless it already is a token or has no normal form. To be called after
    /// [`HmacBatch::make_room`].
    pub(super) fn add(
        &mut self,
        hmac: &'a Hmac,
        value: &[u8],
        destination: Destination,
    ) -> Outcome {
        if let Some(outcome) = hmac.token_outcome(value) {
            return outcome;
        }
        let Queue { values, destinations, count, .. } = self.queue(hmac);
        let (Some(normal), Some(place)) = (values.get_mut(*count), destinations.get_mut(*count))
        else {
            return Outcome::Failed;
        };
        if !hmac.normalize(value, normal) {
            return Outcome::Failed;
        }
        *place = destination;
        *count += 1;
        Outcome::PLAIN
    }

    /// Writes the tokens of all queued values.
    pub(super) fn finish(mut self, batch: &mut Batch) {
        self.0.iter_mut().for_each(|queue| queue.write(batch));
    }

    fn queue(&mut self, hmac: &'a Hmac) -> &mut Queue<'a> {
        let known = self.0.iter().position(|queue| std::ptr::eq(queue.hmac, hmac));
        let place = known.unwrap_or_else(|| {
            let (values, destinations) = (Default::default(), [Destination::Value(0); LANES]);
            self.0.push(Queue { hmac, values, destinations, count: 0 });
            self.0.len() - 1
        });
        self.0.get_mut(place).expect("it was found or pushed")
    }
}

impl Queue<'_> {
    fn write(&mut self, batch: &mut Batch) {
        let values = self.values.each_ref().map(Vec::as_slice);
        let macs = self.hmac.macs(values.get(..self.count).unwrap_or(&values));
        for (destination, mac) in self.destinations.iter().zip(&macs).take(self.count) {
            let start = batch.arena.len();
            self.hmac.push_token(mac, &mut batch.arena);
            let token = Slot::new_text(start, batch.arena.len() - start, true);
            match *destination {
                Destination::Slot { row, node } => batch.set_slot(row, node, token),
                Destination::Value(value) => {
                    if let Some(place) = batch.values.get_mut(value) {
                        *place = token;
                    }
                }
            }
        }
        self.count = 0;
    }
}
