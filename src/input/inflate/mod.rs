//! Archives become text: gzip (RFC 1952) with any number of members, and zstd (RFC 8878) with any
//! number of frames.
//!
//! Archives come from others: a small one may expand to more than any disk holds, and stops where
//! it has expanded more than the definition allows. A broken one gives what stands before the
//! fault, and then the fault.

mod gzip;
mod packed;
mod zstd;

use std::io::{self, Read};

use super::error::BadInput;
use gzip::Gzip;
use packed::Packed;
use zstd::Zstd;

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// What inflating takes at most: a window of zstd, which doubles as it grows, and its tables.
pub(crate) const WINDOW_BYTES: usize = 20 << 20;
/// As many first bytes tell an archive.
pub(crate) const MAGIC_BYTES: usize = 4;
/// A text up to so many bytes may come from an archive of any size.
const FREE_BYTES: u64 = 64 << 20;

impl Compression {
    /// As the first bytes tell.
    pub(crate) fn of(start: &[u8]) -> Compression {
        if start.starts_with(&gzip::MAGIC) {
            Compression::Gzip
        } else if start.starts_with(&zstd::MAGIC) || zstd::is_skippable(start) {
            Compression::Zstd
        } else {
            Compression::None
        }
    }

    /// As accounts name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// The text of an archive.
pub(crate) struct Inflated {
    archive: Archive,
    /// Bytes of text so far.
    made: u64,
    max_expansion: u64,
}

enum Archive {
    Gzip(Box<Gzip>),
    Zstd(Box<Zstd>),
}

impl Inflated {
    /// None where there is nothing to inflate. `max_expansion`: how many times the archive's size
    /// the text may be, once it is over 64 MiB.
    pub(crate) fn new(
        compression: Compression,
        reader: Box<dyn Read + Send>,
        max_expansion: u64,
    ) -> Result<Inflated, Box<dyn Read + Send>> {
        let archive = match compression {
            Compression::None => return Err(reader),
            Compression::Gzip => Archive::Gzip(Box::new(Gzip::new(Packed::new(reader)))),
            Compression::Zstd => Archive::Zstd(Box::new(Zstd::new(Packed::new(reader)))),
        };
        Ok(Inflated { archive, made: 0, max_expansion })
    }
}

impl Read for Inflated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, used) = match &mut self.archive {
            Archive::Gzip(gzip) => (gzip.read(buffer)?, gzip.used()),
            Archive::Zstd(zstd) => (zstd.read(buffer)?, zstd.used()),
        };
        self.made += u64::try_from(count).expect("fewer than 2^64 bytes");
        if FREE_BYTES < self.made && used.saturating_mul(self.max_expansion) < self.made {
            let message =
                format!("the archive expands to over {} times its size", self.max_expansion);
            let hint = "check where it comes from; `max_expansion` under `[input]` allows more";
            return Err(BadInput::new(message, hint).into_io());
        }
        Ok(count)
    }
}

/// An archive that is not as its format wants it.
fn broken(kind: &str, what: &str) -> io::Error {
    let message = format!("the {kind} archive {what}");
    BadInput::new(message, "get the file again, or set `on_bad_file = \"skip\"`").into_io()
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
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    /// What is read in portions, and the fault at its end.
    fn inflate(archive: &[u8], portion: usize, max_expansion: u64) -> (Vec<u8>, Option<String>) {
        let reader = Box::new(io::Cursor::new(archive.to_vec()));
        let mut inflated = Inflated::new(Compression::of(archive), reader, max_expansion)
            .ok()
            .expect("an archive");
        let (mut text, mut buffer) = (Vec::new(), vec![0; portion]);
        loop {
            match inflated.read(&mut buffer) {
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
    fn padding_and_frames_that_mean_nothing_are_passed_over() {
        assert_eq!(inflate(&[gzip(b"a"), vec![0; 999]].concat(), 9, 9), (b"a".to_vec(), None));
        let skipped = [&b"\x5a\x2a\x4d\x18\x03\0\0\0xyz"[..], &zstd(b"a")].concat();
        assert_eq!(inflate(&skipped, 9, 9), (b"a".to_vec(), None));
        assert_eq!(inflate(&[zstd(b"a"), skipped].concat(), 9, 9), (b"aa".to_vec(), None));
    }

    #[test]
    fn what_is_broken_says_so() {
        for pack in [gzip, zstd] {
            let archive = pack(&text());
            for cut in [5, 9, archive.len() / 2, archive.len() - 1] {
                let (found, fault) = inflate(&archive[..cut], 1_000, 200);
                assert!(text().starts_with(&found));
                assert!(fault.is_some(), "cut at {cut}");
            }
            let after = [&archive[..], b"{}"].concat();
            assert!(inflate(&after, 1_000, 200).1.is_some());
            assert!(inflate(&[&archive[..], &[0x1f]].concat(), 1_000, 200).1.is_some());
        }
        let mut sum = gzip(b"abc");
        let at = sum.len() - 6;
        sum[at] ^= 1;
        assert_eq!(inflate(&sum, 9, 9).0, b"abc");
        assert!(inflate(&sum, 9, 9).1.is_some(), "the sum is wrong");
        let mut sum = zstd(b"abc");
        let at = sum.len() - 1;
        sum[at] ^= 1;
        assert!(inflate(&sum, 9, 9).1.is_some(), "the sum is wrong");
    }

    #[test]
    fn a_bomb_stops() {
        let zeros = vec![b' '; 1 << 20];
        for pack in [gzip, zstd] {
            let bomb = pack(&zeros).repeat(100);
            let (found, fault) = inflate(&bomb, 1 << 16, 2);
            assert!(fault.is_some_and(|fault| fault.contains("2 times")));
            assert!(found.len() <= 64 << 20);
            assert_eq!(inflate(&bomb, 1 << 16, 1 << 20).1, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// A bit that is not as it was is found or changes nothing, and never ends in a panic.
        #[test]
        fn a_changed_archive_gives_a_fault_or_the_text(
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
            let (found, fault) = inflate(&archive, 4096, 200);
            // A skippable frame in its place is none of our business.
            prop_assert!(fault.is_some() || found == text || found.is_empty());
        }
    }
}
