//! Reads the parameters of `scrub`: which detectors, and what replaces what they find.

use super::document::{Diagnostics, Section, Spanned, advice, quoted};
use super::operation::{OpKind, OpSpec, ScrubSpec};
use super::replacing::{read_hmac, read_mask, read_redact};
use crate::detect::{Detector, Detectors};

/// What may replace a place.
const WITH: [OpKind; 3] = [OpKind::Redact, OpKind::Mask, OpKind::Hmac];

/// `None`: something is wrong, which is reported.
pub(super) fn read(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let listed = section.item("detectors").is_some();
    let detectors = match section.texts("detectors", diagnostics) {
        Some(names) => read_detectors(&names, diagnostics),
        None if listed => None,
        None => Some(Detectors::shared().by_value()),
    };
    let choices = WITH.map(|kind| (kind.name(), kind));
    let with = section.choice("with", &choices, &[], diagnostics).unwrap_or(OpKind::Redact);
    let is_wrong = refuse_parameters_of_others(with, section, diagnostics);
    let with = if with == OpKind::Mask {
        read_mask(section, diagnostics)
    } else if with == OpKind::Hmac {
        read_hmac(section, diagnostics)?
    } else {
        read_redact(section, diagnostics)
    };
    if is_wrong {
        return None;
    }
    let spec = ScrubSpec { detectors: detectors?, by_default: !listed, with: Box::new(with) };
    check_text(&spec, section, diagnostics);
    Some(OpSpec::Scrub(spec))
}

/// The detectors of these names, as bits. `None`: one of them can't be used, which is reported.
fn read_detectors(names: &[Spanned<&str>], diagnostics: &mut Diagnostics<'_>) -> Option<u32> {
    let all = Detectors::shared().all();
    let mut bits = Some(0);
    for name in names {
        let found = all.iter().position(|detector| detector.name == name.value);
        let usable = found.filter(|index| all.get(*index).is_some_and(Detector::judges_by_value));
        if usable.is_none() {
            let known = all.iter().filter(|detector| detector.judges_by_value());
            let known: Vec<&str> = known.map(|detector| detector.name.as_str()).collect();
            let what = match found.and_then(|index| all.get(index)) {
                None => format!("unknown detector {}", quoted(name.value)),
                Some(detector) if detector.is_clean => {
                    format!("the detector `{}` finds what segprep has made", name.value)
                }
                Some(_) => format!("the detector `{}` needs the name of the field", name.value),
            };
            let help = match found {
                None => advice(name.value, &known),
                Some(_) => {
                    format!(
                        "`scrub` takes those that judge a value by itself: {}",
                        known.join(", ")
                    )
                }
            };
            diagnostics.push(name.at, what, "", help);
        }
        bits = bits.zip(usable).map(|(bits, index)| bits | 1 << index);
    }
    bits
}

/// Reports parameters of what is not used to replace. Returns whether there are any.
fn refuse_parameters_of_others(
    with: OpKind,
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    let mut is_wrong = false;
    for other in WITH.into_iter().filter(|other| *other != with) {
        for key in other.parameters() {
            if let Some(entry) = section.entry(key) {
                is_wrong = true;
                let what = format!("`{key}` is for `with = \"{}\"`", other.name());
                let help = format!("remove it, or set `with = \"{}\"`", other.name());
                diagnostics.push(entry.key_at, what, "", help);
            }
        }
    }
    is_wrong
}

/// The longest text for a place, in bytes: a value may have many places.
const TEXT_MAX: usize = 100;

/// Reports a text that is too long, or itself what the detectors find: each run would replace it again.
fn check_text(spec: &ScrubSpec, section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) {
    let OpSpec::Redact { text } = &*spec.with else { return };
    let Some(item) = section.item("text") else { return };
    if TEXT_MAX < text.len() {
        let help =
            format!("write at most {TEXT_MAX} bytes: each place that is found becomes the text");
        diagnostics.push(item.at, "`text` is too long", "", help);
    } else if spec.finder().hits(text) != 0 {
        let help = "write a text without personal data";
        diagnostics.push(item.at, "`text` is itself what is replaced", "", help);
    }
}
