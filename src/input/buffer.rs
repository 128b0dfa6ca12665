//! Buffers of input, and those that wait to be used again.

use std::sync::Mutex;

/// A buffer whose bytes are all initialised, and how many of them are filled.
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

    /// Leaves only the first bytes.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.filled = self.filled.min(count);
    }

    /// Leaves out the first bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.data.copy_within(count.min(self.filled)..self.filled, 0);
        self.filled -= count.min(self.filled);
    }

    /// Makes room for so many bytes in all.
    pub(crate) fn reserve(&mut self, count: usize) {
        if self.data.len() < count {
            self.data.resize(count, 0);
        }
    }

    /// The place after what is filled; at least one byte.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.reserve(self.filled + 1);
        self.data.get_mut(self.filled..).unwrap_or(&mut [])
    }

    /// So many bytes of the room are filled now.
    pub(crate) fn add_filled(&mut self, count: usize) {
        self.filled = self.data.len().min(self.filled + count);
    }
}

/// Buffers to be used again.
#[derive(Default)]
pub(crate) struct BufferPool(Mutex<Vec<Buffer>>);

impl BufferPool {
    pub(crate) fn give(&self, buffer: Buffer) {
        if let Ok(mut buffers) = self.0.lock() {
            buffers.push(buffer);
        }
    }

    pub(crate) fn take(&self) -> Buffer {
        let spare = self.0.lock().ok().and_then(|mut buffers| buffers.pop());
        Buffer { filled: 0, ..spare.unwrap_or_default() }
    }
}
