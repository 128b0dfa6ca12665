//! Finds every place in a text that some detectors hit by the value alone: for what is written in the text,
//! whatever its field is called.
//!
//! Nearly all values are ruled out by one look at their bytes (`quiet`). Of the others the plain form is
//! searched, and each place is traced back to the bytes of the original.

use std::ops::{ControlFlow, Range};

use super::candidates::Shapes;
use super::plain::{Traced, plain};
use super::quiet::is_quiet;
use super::shape::Shape;
use super::{Detectors, Likelihood};

/// Some of the shipped detectors.
#[derive(Clone, Debug)]
pub struct Finder {
    detectors: &'static Detectors,
    shapes: Shapes,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// In bytes of the text.
    pub place: Range<usize>,
    /// A bit for each detector that hit it, by index.
    pub by: u32,
}

impl Finder {
    /// With the detectors of these bits that judge a value by itself, as far as a hit is at least so likely.
    pub fn new(which: u32, least: Likelihood) -> Finder {
        let detectors = Detectors::shared();
        let which = which & detectors.by_value();
        let shapes = detectors.candidates.which(|shape| {
            which & (1 << shape.detector) != 0 && shape.alone.is_some_and(|alone| least <= alone)
        });
        Finder { detectors, shapes }
    }

    /// The detectors that hit a value, as bits.
    pub fn hits(&self, value: &str) -> u32 {
        let mut found = 0;
        if !is_quiet(value.as_bytes()) {
            let text = plain(value);
            let text = text.trim();
            self.each_shape(text, |index, shape| {
                if found & (1 << index) == 0 {
                    let ignore = self.ignored(index);
                    found |= u32::from(shape.is_in(text, ignore)) << index;
                }
            });
        }
        found
    }

    /// Adds all places in a value, in their order. Places that overlap are one.
    #[inline]
    pub fn find(&self, value: &str, hits: &mut Vec<Hit>) {
        if !is_quiet(value.as_bytes()) {
            self.find_in_any(value, hits);
        }
    }

    /// As [`Finder::find`], for a value that may be quiet.
    pub(super) fn find_in_any(&self, value: &str, hits: &mut Vec<Hit>) {
        let traced = Traced::new(value);
        let text = traced.text.trim_end();
        let outer = text.len() - text.trim_start().len();
        let text = text.trim_start();
        let mut found: Vec<Hit> = Vec::new();
        let (mut own, mut of): (Vec<Range<usize>>, usize) = (Vec::new(), usize::MAX);
        self.each_shape(text, |index, shape| {
            if of != index {
                of = index;
                own.clear();
            }
            let mut more = Vec::new();
            let _done = shape.each(text, self.ignored(index), &mut |place| {
                // A detector's shapes begin with the one that knows best where such a thing ends.
                if !overlaps_any(&own, &place) {
                    more.push(place);
                }
                ControlFlow::Continue(())
            });
            own.extend(more.iter().cloned());
            own.sort_unstable_by_key(|place| place.start);
            found.extend(more.into_iter().map(|place| {
                let place = traced.origin(outer + place.start..outer + place.end);
                Hit { place, by: 1 << index }
            }));
        });
        unite(found, hits);
    }

    /// Calls `visit` with each shape that a plain text may match, and with the index of its detector.
    fn each_shape<'s>(&'s self, text: &str, mut visit: impl FnMut(usize, &'s Shape)) {
        if text.is_empty() {
            return;
        }
        let detectors = self.detectors;
        let look = detectors.candidates.look(text);
        let (mut asked, mut lets_pass) = (usize::MAX, false);
        for candidate in detectors.candidates.possible(self.shapes, look) {
            let Some((detector, shape)) = detectors.shape(candidate) else { continue };
            if asked != candidate.detector {
                asked = candidate.detector;
                lets_pass = detector.gate.lets_pass(text, look.digits());
            }
            if lets_pass && shape.may_accept(look) {
                visit(asked, shape);
            }
        }
    }

    fn ignored(&self, index: usize) -> &[String] {
        self.detectors.all().get(index).map_or(&[], |detector| &detector.ignore)
    }
}

/// Whether a place overlaps one of these, which are in their order and apart.
fn overlaps_any(places: &[Range<usize>], place: &Range<usize>) -> bool {
    let next = places.partition_point(|other| other.end <= place.start);
    places.get(next).is_some_and(|other| other.start < place.end)
}

/// Adds hits in the order of their places, with those that overlap as one.
fn unite(mut found: Vec<Hit>, hits: &mut Vec<Hit>) {
    found.sort_by_key(|hit| hit.place.start);
    let begin = hits.len();
    for hit in found {
        match hits.get_mut(begin..).and_then(<[Hit]>::last_mut) {
            Some(last) if hit.place.start < last.place.end => {
                last.place.end = last.place.end.max(hit.place.end);
                last.by |= hit.by;
            }
            _ => hits.push(hit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, String)> {
        let detectors = Detectors::shared();
        let mut hits = Vec::new();
        Finder::new(detectors.by_value(), Likelihood::Possible).find(text, &mut hits);
        let names = |by: u32| {
            let numbered = detectors.all().iter().enumerate();
            let by = numbered.filter(|(index, _)| by & (1 << index) != 0);
            by.map(|(_, detector)| detector.name.as_str()).collect::<Vec<_>>().join("+")
        };
        hits.iter().map(|hit| (text.get(hit.place.clone()).unwrap_or("?"), names(hit.by))).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = found(text);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(text, by)| (*text, by.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_place_is_found_and_nothing_beside_it() {
        let (ada, bob) = (("ada@example.com", "email"), ("bob@example.org", "email"));
        check("ada@example.com", &[ada]);
        check("Write to ada@example.com. Thanks", &[ada]);
        check("(ada@example.com),<bob@example.org>;", &[ada, bob]);
        check("\"ada@example.com\"/'bob@example.org'", &[ada, bob]);
        check("mailto:ada@example.com?subject=x", &[ada]);
        check("ada@example.com,bob@example.org", &[ada, bob]);
        check("see...ada@example.com!", &[ada]);
        check("x@ada@example.com", &[ada]);
        check("„ada@example.com“ und «bob@example.org»", &[ada, bob]);
        check("メールはada@example.comです", &[ada]);
        check("an ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ!", &[("ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "email")]);
        check("a\u{200b}da@example.com x", &[("a\u{200b}da@example.com", "email")]);
        check("Call +12025550191 2024-05-06", &[("+12025550191", "phone")]);
        check("Tel+12025550191Call", &[("+12025550191", "phone")]);
        check(
            "tel:+1 202 555 0191, or (202) 555-0142.",
            &[("+1 202 555 0191", "phone"), ("(202) 555-0142", "phone")],
        );
        check(
            "card 4111 1111 1111 1111, 5555555555554444!",
            &[("4111 1111 1111 1111", "card"), ("5555555555554444", "card")],
        );
        check(
            "Re ab12 und DE89 3704 0044 0532 0130 00, danke",
            &[("DE89 3704 0044 0532 0130 00", "iban")],
        );
        check(
            "from 203.0.113.9:8080 and [2001:db8::7]",
            &[("203.0.113.9", "ip"), ("2001:db8::7", "ip")],
        );
        check("ssn 536-90-4399.", &[("536-90-4399", "us_ssn")]);
        check(
            "(https://ada:pw@db.example.com).",
            &[("https://ada:pw@db.example.com", "credential_url")],
        );
    }

    #[test]
    fn places_that_overlap_are_one() {
        check("password: ada@example.com ok", &[("password: ada@example.com", "email+secret")]);
    }

    #[test]
    fn a_private_key_is_found_whole() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----";
        check(&format!("a {key} b"), &[(key, "secret")]);
        let cut = "-----BEGIN PRIVATE KEY-----\nMIIEvQ";
        check(&format!("a {cut}"), &[(cut, "secret")]);
    }

    #[test]
    fn what_segprep_made_is_not_found() {
        let token = format!("hmac:k1:{}", "0123456789abcdef".repeat(4));
        for text in [
            token.as_str(),
            "hmac:k1:AZaz09-_xyzAZaz09-_xyzAZaz09-_xyzAZaz09-_xy",
            "[redacted]",
            "mail [redacted], call ************",
            "password: [redacted]",
            "password: ********",
            "a**@*******.***",
            "********0191",
        ] {
            check(text, &[]);
            check(&format!("see {text} please"), &[]);
        }
        // Much of a mask hides nothing that is beside it.
        check("**************** ada@example.com", &[("ada@example.com", "email")]);
    }

    #[test]
    fn time_grows_with_the_length_alone() {
        for text in
            ["ab12 ", "a@b", "4111111111111111 ", "a@example.com ", "0.1111,", "1:2", "+1 2"]
        {
            found(&text.repeat(4_000));
        }
    }
}
