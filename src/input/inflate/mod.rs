//! Inflates archives: gzip (RFC 1952) with any number of members, and zstd (RFC 8878) with any
//! number of frames.
//!
//! Archives come from outside and are not trusted:
//!
//! - A small archive may expand to more than any disk holds. Inflating fails once the text is
//!   longer than 64 MiB and more than `max_expansion` times as long as the part of the archive that
//!   has been read. (`definition/input.rs` has the default.)
//! - An invalid archive yields the text before the place where it is invalid, and then the error.
//! - An archive must end with a whole member or frame, so a file that was cut off never looks
//!   complete. Checksums are verified.

mod compressed;
mod gzip;
mod zstd;

use std::io::{self, Read};

use super::error::BadInput;
use compressed::CompressedBytes;
use gzip::Gzip;
use zstd::Zstd;

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The most memory of an [`Inflater`]: a window of zstd, 8 MiB, and its buffers and tables.
pub(super) const INFLATER_BYTES: usize = 10 << 20;
/// The number of first bytes from which [`Compression::of`] detects the compression.
pub(super) const MAGIC_BYTES: usize = 4;
/// The ratio is only checked for text that is longer than this.
const UNCHECKED_BYTES: u64 = 64 << 20;

impl Compression {
    /// Detects the compression from the first bytes.
    pub(super) fn of(start: &[u8]) -> Compression {
        if start.starts_with(&gzip::MAGIC) {
            Compression::Gzip
        } else if start.starts_with(&zstd::MAGIC) || zstd::is_skippable(start) {
            Compression::Zstd
        } else {
            Compression::None
        }
    }

    /// The name in `inputs.ndjson`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// A reader of the text of an archive.
pub(super) struct Inflater {
    archive: Archive,
    /// The number of bytes of text so far.
    text_bytes: u64,
    max_expansion: u64,
}

enum Archive {
    Gzip(Box<Gzip>),
    Zstd(Box<Zstd>),
}

impl Inflater {
    /// Inflates what `reader` reads. `max_expansion` is the maximum ratio of the text to the part of
    /// the archive that has been read, checked once the text has more than 64 MiB.
    ///
    /// Returns the reader as it is if `compression` is none.
    pub(super) fn new(
        compression: Compression,
        reader: Box<dyn Read + Send>,
        max_expansion: u64,
    ) -> Result<Inflater, Box<dyn Read + Send>> {
        let archive = match compression {
            Compression::None => return Err(reader),
            Compression::Gzip => Archive::Gzip(Box::new(Gzip::new(CompressedBytes::new(reader)))),
            Compression::Zstd => Archive::Zstd(Box::new(Zstd::new(CompressedBytes::new(reader)))),
        };
        Ok(Inflater { archive, text_bytes: 0, max_expansion })
    }
}

impl Read for Inflater {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, consumed) = match &mut self.archive {
            Archive::Gzip(gzip) => (gzip.read(buffer)?, gzip.consumed()),
            Archive::Zstd(zstd) => (zstd.read(buffer)?, zstd.consumed()),
        };
        self.text_bytes += u64::try_from(count).expect("fewer than 2^64 bytes");
        if UNCHECKED_BYTES < self.text_bytes
            && consumed.saturating_mul(self.max_expansion) < self.text_bytes
        {
            let message =
                format!("the archive expands to over {} times its size", self.max_expansion);
            let hint = "check where it comes from; `max_expansion` under `[input]` allows more";
            return Err(BadInput::new(message, hint).into_io());
        }
        Ok(count)
    }
}

/// An archive that is not valid in its format.
fn invalid(format: &str, what: &str) -> io::Error {
    let message = format!("the {format} archive {what}");
    let hint = "get the file again, or set `on_bad_file = \"skip\"` under `[input]`";
    BadInput::new(message, hint).into_io()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        let mut compressor = ::zstd::bulk::Compressor::new(1).unwrap();
        compressor.include_checksum(true).unwrap();
        compressor.compress(text).unwrap()
    }

    /// Inflates an archive in portions. Returns the text and the error after it.
    fn inflate(archive: &[u8], portion: usize, max_expansion: u64) -> (Vec<u8>, Option<String>) {
        let reader = Box::new(io::Cursor::new(archive.to_vec()));
        let mut inflater = Inflater::new(Compression::of(archive), reader, max_expansion)
            .ok()
            .expect("an archive");
        let (mut text, mut buffer) = (Vec::new(), vec![0; portion]);
        loop {
            match inflater.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(count) => text.extend_from_slice(&buffer[..count]),
                Err(error) => return (text, Some(error.to_string())),
            }
        }
    }

    fn text() -> Vec<u8> {
        (0..40_000).flat_map(|n: u32| format!("{{\"Id\":\"{}\"}}\n", n * n).into_bytes()).collect()
    }

    #[test]
    fn members_and_frames_follow_one_another() {
        for pack in [gzip, zstd] {
            let whole = text();
            let (one, two) = whole.split_at(100_001);
            let archive = [pack(one), pack(b""), pack(two)].concat();
            for portion in [1_000, 1 << 20] {
                assert_eq!(inflate(&archive, portion, 200), (whole.clone(), None));
            }
        }
    }

    #[test]
    fn padding_and_skippable_frames_are_skipped() {
        assert_eq!(inflate(&[gzip(b"a"), vec![0; 999]].concat(), 9, 9), (b"a".to_vec(), None));
        let skipped = [&b"\x5a\x2a\x4d\x18\x03\0\0\0xyz"[..], &zstd(b"a")].concat();
        assert_eq!(inflate(&skipped, 9, 9), (b"a".to_vec(), None));
        assert_eq!(inflate(&[zstd(b"a"), skipped].concat(), 9, 9), (b"aa".to_vec(), None));
    }

    #[test]
    fn an_invalid_archive_is_an_error() {
        for pack in [gzip, zstd] {
            let archive = pack(&text());
            for cut in [5, 9, archive.len() / 2, archive.len() - 1] {
                let (found, error) = inflate(&archive[..cut], 1_000, 200);
                assert!(text().starts_with(&found));
                assert!(error.is_some(), "cut at {cut}");
            }
            let after = [&archive[..], b"{}"].concat();
            assert!(inflate(&after, 1_000, 200).1.is_some());
            assert!(inflate(&[&archive[..], &[0x1f]].concat(), 1_000, 200).1.is_some());
        }
        let mut archive = gzip(b"abc");
        let at = archive.len() - 6;
        archive[at] ^= 1;
        assert_eq!(inflate(&archive, 9, 9).0, b"abc");
        assert!(inflate(&archive, 9, 9).1.is_some(), "the checksum is wrong");
        let mut archive = zstd(b"abc");
        let at = archive.len() - 1;
        archive[at] ^= 1;
        assert!(inflate(&archive, 9, 9).1.is_some(), "the checksum is wrong");
    }

    /// A reader that returns at most so many bytes at once.
    struct Portions(io::Cursor<Vec<u8>>, usize);

    impl Read for Portions {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn the_text_before_an_invalid_block_is_the_same_however_the_archive_is_read() {
        let mut text = text();
        text.extend(text.clone());
        for pack in [gzip, zstd] {
            let mut archive = pack(&text);
            let at = archive.len() - archive.len() / 5;
            archive[at] ^= 0x55;
            let read = |portion| {
                let reader = Box::new(Portions(io::Cursor::new(archive.clone()), portion));
                let inflater = Inflater::new(Compression::of(&archive), reader, 200);
                let (mut found, mut inflater) = (Vec::new(), inflater.ok().expect("an archive"));
                (inflater.read_to_end(&mut found).map_err(|error| error.to_string()), found)
            };
            let (outcome, found) = read(1 << 20);
            outcome.as_ref().expect_err("it is invalid");
            assert!(300_000 < found.len() && found.len() <= text.len());
            for portion in [1, 1000, 60_001] {
                assert_eq!(read(portion), (outcome.clone(), found.clone()), "{portion}");
            }
        }
    }

    #[test]
    fn a_window_over_8_mib_is_refused() {
        for (window_log, said) in [(23, None), (24, Some("needs a window of over 8 MiB"))] {
            let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window_log).unwrap();
            encoder.write_all(b"abc").unwrap();
            let (found, error) = inflate(&encoder.finish().unwrap(), 9, 9);
            assert_eq!(error.is_some(), said.is_some());
            match said {
                None => assert_eq!(found, b"abc"),
                Some(said) => assert!(error.unwrap().contains(said)),
            }
        }
    }

    #[test]
    fn a_bomb_stops() {
        let zeros = vec![b' '; 1 << 20];
        for pack in [gzip, zstd] {
            let bomb = pack(&zeros).repeat(100);
            let (found, error) = inflate(&bomb, 1 << 16, 2);
            assert!(error.is_some_and(|error| error.contains("2 times")));
            assert!(found.len() <= 64 << 20);
            assert_eq!(inflate(&bomb, 1 << 16, 1 << 20).1, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// A changed bit is detected or makes no difference, and never causes a panic.
        #[test]
        fn a_changed_archive_yields_an_error_or_the_text(
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
            is_gzip in any::<bool>(),
        ) {
            let text = &text()[..20_000];
            let mut archive = if is_gzip { gzip(text) } else { zstd(text) };
            let at = at.index(archive.len());
            archive[at] ^= 1 << bit;
            if Compression::of(&archive) == Compression::None {
                return Ok(());
            }
            let (found, error) = inflate(&archive, 4096, 200);
            // The change may have made a skippable frame of it.
            prop_assert!(error.is_some() || found == text || found.is_empty());
        }
    }
}
