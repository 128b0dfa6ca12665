//! Buffers for input, and a pool of them for reuse.

use std::sync::Mutex;

/// A growable buffer that reads fill directly: all of its memory is initialized once, and only
/// the first bytes of it are filled.
#[derive(Default)]
pub(crate) struct Buffer {
    data: Vec<u8>,
    filled: usize,
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.data.get(..self.filled).unwrap_or(&[])
    }

    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        if let Some(place) = self.data.get_mut(self.filled..end) {
            place.copy_from_slice(bytes);
        }
        self.filled = end;
    }

    /// Keeps the first `count` bytes.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.filled = self.filled.min(count);
    }

    /// Removes the first `count` bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.data.copy_within(count.min(self.filled)..self.filled, 0);
        self.filled -= count.min(self.filled);
    }

    /// Makes room for `count` bytes in total.
    pub(crate) fn reserve(&mut self, count: usize) {
        if self.data.len() < count {
            self.data.resize(count, 0);
        }
    }

    /// The unfilled rest of the buffer, at least one byte.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.reserve(self.filled + 1);
        self.data.get_mut(self.filled..).unwrap_or(&mut [])
    }

    /// Marks the next `count` bytes of the room as filled.
    pub(crate) fn add_filled(&mut self, count: usize) {
        self.filled = self.data.len().min(self.filled + count);
    }
}

/// Buffers that are free for reuse.
#[derive(Default)]
pub(crate) struct BufferPool(Mutex<Vec<Buffer>>);

impl BufferPool {
    pub(crate) fn give(&self, buffer: Buffer) {
        if let Ok(mut buffers) = self.0.lock() {
            buffers.push(buffer);
        }
    }

    /// Returns an empty buffer, with the memory of a used one if there is any.
    pub(crate) fn take(&self) -> Buffer {
        let spare = self.0.lock().ok().and_then(|mut buffers| buffers.pop());
        Buffer { filled: 0, ..spare.unwrap_or_default() }
    }
}
