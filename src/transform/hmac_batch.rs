//! Values that wait for their tokens, until there are as many of one operation as are hashed side
//! by side.
//!
//! A value's home is known when it begins to wait, and holds an empty text until the token is there:
//! were one forgotten, nothing of it would be written.

use super::{Hmac, Outcome};
use crate::crypto::LANES;
use crate::record::{Batch, Slot};
use crate::schema::NodeIx;

/// Longer values do not wait: they take more than one block of the hash, and memory.
pub(super) const WAITING_BYTES_MAX: usize = 256;

/// Values of more operations do not wait, such as those of names that have a key each: an operation
/// is found by looking at all of them.
const OPERATIONS_MAX: usize = 32;

/// All values that wait, by operation.
#[derive(Default)]
pub(super) struct HmacBatch<'a>(Vec<Queue<'a>>);

struct Queue<'a> {
    hmac: &'a Hmac,
    /// In their normal form; the first `count` of them wait.
    values: [Vec<u8>; LANES],
    homes: [Destination; LANES],
    count: usize,
}

/// Where in a batch a token goes.
#[derive(Clone, Copy)]
pub(super) enum Destination {
    Slot {
        row: usize,
        node: NodeIx,
    },
    /// A place among the values of entries.
    Value(usize),
}

impl<'a> HmacBatch<'a> {
    /// Whether values of that operation can wait.
    pub(super) fn takes(&self, hmac: &Hmac) -> bool {
        self.0.len() < OPERATIONS_MAX || self.0.iter().any(|queue| std::ptr::eq(queue.hmac, hmac))
    }

    /// Sees to it that one more value can wait. What is written is in `batch`.
    pub(super) fn make_room(&mut self, hmac: &'a Hmac, batch: &mut Batch) {
        let queue = self.queue(hmac);
        if queue.count == LANES {
            queue.write(batch);
        }
    }

    /// Lets a value wait for its token, unless it is left alone or fails. There is room for it.
    pub(super) fn add(&mut self, hmac: &'a Hmac, value: &[u8], home: Destination) -> Outcome {
        if let Some(outcome) = hmac.left_alone(value) {
            return outcome;
        }
        let Queue { values, homes, count, .. } = self.queue(hmac);
        let (Some(normal), Some(place)) = (values.get_mut(*count), homes.get_mut(*count)) else {
            return Outcome::Failed;
        };
        if !hmac.normalize(value, normal) {
            return Outcome::Failed;
        }
        *place = home;
        *count += 1;
        Outcome::PLAIN
    }

    /// Writes all that is still missing.
    pub(super) fn finish(mut self, batch: &mut Batch) {
        self.0.iter_mut().for_each(|queue| queue.write(batch));
    }

    fn queue(&mut self, hmac: &'a Hmac) -> &mut Queue<'a> {
        let known = self.0.iter().position(|queue| std::ptr::eq(queue.hmac, hmac));
        let place = known.unwrap_or_else(|| {
            let (values, homes) = (Default::default(), [Destination::Value(0); LANES]);
            self.0.push(Queue { hmac, values, homes, count: 0 });
            self.0.len() - 1
        });
        self.0.get_mut(place).expect("it was found or pushed")
    }
}

impl Queue<'_> {
    fn write(&mut self, batch: &mut Batch) {
        let values = self.values.each_ref().map(Vec::as_slice);
        let macs = self.hmac.macs(values.get(..self.count).unwrap_or(&values));
        for (home, mac) in self.homes.iter().zip(&macs).take(self.count) {
            let start = batch.arena.len();
            self.hmac.push_token(mac, &mut batch.arena);
            let token = Slot::new_text(start, batch.arena.len() - start, true);
            match *home {
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
