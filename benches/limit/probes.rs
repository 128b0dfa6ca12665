//! Measures each necessary part of the task alone, with all known methods.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hint::black_box,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crc_fast::{CrcAlgorithm, Digest as Crc};
use segprep::simd::sha256::{Block, HashState, LANES, Words, compress};
use sha2::{Digest, Sha256, block_api::compress256};

use super::structure::{Marks, by_blocks, by_memchr};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Read,
    Utf8,
    Structure,
    Hmacs,
    Copy,
    Write,
    Sha256,
    Crc64Nvme,
}

/// The time of each method of each part.
pub(crate) type Found = BTreeMap<(Part, &'static str), Duration>;

/// The method of segprep for digests.
pub(crate) const ONE_STREAM: &str = "digest in one stream";
const READ_BYTES: usize = 1 << 20;
const SHA256_BLOCK: usize = 64;
/// The prefix of tokens. The number of tokens in the output is the number of HMACs.
const TOKEN: &[u8] = b"hmac:k1:";

pub(crate) struct Probes {
    found: Found,
    file: File,
    path: PathBuf,
    marks: Marks,
    copy: Vec<u8>,
    places: Vec<u32>,
    sha256: Sha256,
    crc: Crc,
}

impl Probes {
    /// Measures a format with these special characters. Writes below `scratch`.
    pub(crate) fn new(marks: Marks, scratch: &Path) -> io::Result<Probes> {
        let path = scratch.join("written");
        Ok(Probes {
            found: Found::new(),
            file: File::create(&path)?,
            path,
            marks,
            copy: Vec::new(),
            places: Vec::new(),
            sha256: Sha256::new(),
            crc: Crc::new(CrcAlgorithm::Crc64Nvme),
        })
    }

    /// Measures reading the input, which is in the page cache.
    pub(crate) fn read(&mut self, input: &Path) -> io::Result<()> {
        let mut file = File::open(input)?;
        let mut buffer = vec![0; READ_BYTES];
        let began = Instant::now();
        while 0 < file.read(&mut buffer)? {
            black_box(&buffer);
        }
        self.add(Part::Read, "read(2) of 1 MiB", began);
        Ok(())
    }

    /// Measures all other parts with a chunk and its lines of output.
    pub(crate) fn take(&mut self, chunk: &[u8], lines: &[u8]) -> io::Result<()> {
        let Probes { marks, copy, places, sha256, crc, .. } = &mut *self;
        copy.clear();
        copy.reserve(lines.len());
        let hmacs = memchr::memmem::find_iter(lines, TOKEN).count();
        let mut lap = Laps::default();
        lap.time(Part::Utf8, "simdutf8", || simdutf8::basic::from_utf8(chunk).is_ok());
        lap.time(Part::Structure, "blocks of 64 bytes", || by_blocks(chunk, *marks, places));
        lap.time(Part::Structure, "memchr3", || by_memchr(chunk, *marks, places));
        lap.time(Part::Hmacs, "HMACs one after the other", || hmacs_in_turn(hmacs));
        lap.time(Part::Hmacs, "sixteen HMACs side by side", || hmacs_side_by_side(hmacs));
        lap.time(Part::Copy, "copied", || copy.extend_from_slice(lines));
        lap.time(Part::Sha256, ONE_STREAM, || sha256.update(lines));
        lap.time(Part::Sha256, "digest in sixteen streams", || sixteen_streams(lines));
        lap.time(Part::Crc64Nvme, ONE_STREAM, || crc.update(lines));
        for (part, method, time) in lap.0 {
            *self.found.entry((part, method)).or_default() += time;
        }
        let began = Instant::now();
        self.file.write_all(lines)?;
        self.add(Part::Write, "write(2) of a block", began);
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<Found> {
        black_box((self.sha256.finalize(), self.crc.finalize(), &self.places));
        fs::remove_file(&self.path)?;
        Ok(self.found)
    }

    fn add(&mut self, part: Part, method: &'static str, began: Instant) {
        *self.found.entry((part, method)).or_default() += began.elapsed();
    }
}

#[derive(Default)]
struct Laps(Vec<(Part, &'static str, Duration)>);

impl Laps {
    fn time<T>(&mut self, part: Part, method: &'static str, work: impl FnOnce() -> T) {
        let began = Instant::now();
        black_box(work());
        self.0.push((part, method, began.elapsed()));
    }
}

/// An HMAC of a short value takes two blocks, one for each of the two states of the key.
fn hmacs_in_turn(count: usize) -> [u32; 8] {
    let mut state = [0x6a09_e667; 8];
    let block = black_box([0x61; SHA256_BLOCK]);
    for _ in 0..2 * count {
        compress256(&mut state, &[block]);
    }
    state
}

fn hmacs_side_by_side(count: usize) -> HashState {
    let mut state = [Words([0x6a09_e667; LANES]); 8];
    let block = black_box([Words([0x6161_6161; LANES]); 16]);
    for _ in 0..2 * count.div_ceil(LANES) {
        compress(&mut state, &mut block.clone());
    }
    state
}

/// Digests the bytes as sixteen concurrent streams, as if sixteen parts were written at once.
fn sixteen_streams(bytes: &[u8]) -> HashState {
    let mut state = [Words([0x6a09_e667; LANES]); 8];
    let (blocks, _) = bytes.as_chunks::<SHA256_BLOCK>();
    let each = blocks.len() / LANES;
    let mut streams: Vec<_> =
        blocks.chunks_exact(each.max(1)).take(LANES).map(<[_]>::iter).collect();
    for _ in 0..each {
        let mut block: Block = [Words([0; LANES]); 16];
        for (lane, stream) in streams.iter_mut().enumerate() {
            let Some(bytes) = stream.next() else { continue };
            for (words, bytes) in block.iter_mut().zip(bytes.as_chunks::<4>().0) {
                if let Some(word) = words.0.get_mut(lane) {
                    *word = u32::from_be_bytes(*bytes);
                }
            }
        }
        compress(&mut state, &mut block);
    }
    state
}
