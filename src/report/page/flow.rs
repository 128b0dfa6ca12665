//! The balance as a picture: from what was read to what was written, rejected and dropped. Each band is as wide
//! as its share of the records. The numbers are also in a table beside it.

use std::fmt::Write;

use super::document::{Flow, FlowKind};
use super::writer::Html;
use crate::report::quantities::count;

/// In units of the picture, which scales to the width of the page.
const WIDTH: f64 = 400.0;
/// The height of all records.
const HEIGHT: f64 = 150.0;
const BAR: f64 = 10.0;
/// Where the bars on the right are.
const RIGHT: f64 = 190.0;
/// Room for the label of a band.
const LABEL: f64 = 40.0;
const GAP: f64 = 8.0;
const TOP: f64 = 34.0;
/// Even one record of a billion is seen.
const LEAST: f64 = 2.0;

/// A band: where it begins on the left and ends on the right, and how wide it is.
struct Band<'a> {
    flow: &'a Flow,
    left: f64,
    right: f64,
    height: f64,
}

/// Adds the picture.
pub(super) fn push(html: &mut Html, read: u64, flows: &[Flow]) {
    let (bands, bottom) = layout(flows);
    let view_box = format!("0 0 {WIDTH} {bottom:.0}");
    let attributes = [
        ("class", "flow"),
        ("viewBox", view_box.as_str()),
        ("role", "img"),
        ("aria-labelledby", "flow-title flow-desc"),
    ];
    html.tag("svg", &attributes, |html| {
        html.leaf("title", &[("id", "flow-title")], "Where the records went");
        html.leaf("desc", &[("id", "flow-desc")], sentence(read, flows));
        let label = format!("{} read", count(read));
        html.leaf("text", &[("x", "0"), ("y", "20"), ("class", "strong")], label);
        for band in &bands {
            push_band(html, band);
        }
    });
}

fn layout(flows: &[Flow]) -> (Vec<Band<'_>>, f64) {
    let height = |flow: &Flow| match flow.records {
        0 => 0.0,
        _ => (HEIGHT * flow.share).max(LEAST),
    };
    let heights: Vec<f64> = flows.iter().map(height).collect();
    let rows: f64 = heights.iter().map(|height| height.max(LABEL) + GAP).sum();
    let sum: f64 = heights.iter().sum();
    let mut left = TOP + ((rows - GAP - sum) / 2.0).max(0.0);
    let mut top = TOP;
    let mut bands = Vec::new();
    for (flow, height) in flows.iter().zip(heights) {
        let room = height.max(LABEL);
        bands.push(Band { flow, left, right: top + (room - height) / 2.0, height });
        left += height;
        top += room + GAP;
    }
    (bands, top.max(left))
}

fn push_band(html: &mut Html, band: &Band<'_>) {
    let Band { flow, left, right, height } = band;
    let class = match flow.kind {
        FlowKind::Written => "written",
        FlowKind::Rejected => "rejected",
        FlowKind::Dropped => "dropped",
    };
    let middle = f64::midpoint(BAR, RIGHT);
    let mut path = String::new();
    write!(
        path,
        "M{BAR} {left:.1}C{middle} {left:.1} {middle} {right:.1} {RIGHT} {right:.1}V{:.1}C{middle} {:.1} \
         {middle} {:.1} {BAR} {:.1}Z",
        right + height,
        right + height,
        left + height,
        left + height
    )
    .expect("memory");
    if 0 < flow.records {
        html.tag("g", &[("class", class)], |html| {
            push_bar(html, 0.0, *left, *height);
            html.empty("path", &[("class", "band"), ("d", &path)]);
            push_bar(html, RIGHT, *right, *height);
        });
    }
    let x = format!("{}", RIGHT + BAR + 8.0);
    let y = right + height / 2.0;
    let (first, second) = (format!("{:.1}", y - 2.0), format!("{:.1}", y + 14.0));
    let label = format!("{}, {}", flow.label, flow.percent);
    html.leaf("text", &[("x", &x), ("y", &first), ("class", "strong")], count(flow.records));
    html.leaf("text", &[("x", &x), ("y", &second), ("class", "quiet")], label);
}

fn push_bar(html: &mut Html, x: f64, y: f64, height: f64) {
    let [x, y, width, height] = [x, y, BAR, height].map(|number| format!("{number:.1}"));
    html.empty("rect", &[("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
}

/// The picture in words.
fn sentence(read: u64, flows: &[Flow]) -> String {
    let parts = flows
        .iter()
        .map(|flow| format!("{} {} ({})", count(flow.records), flow.label, flow.percent));
    format!("Of {} records read: {}.", count(read), parts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(kind: FlowKind, records: u64, share: f64) -> Flow {
        let (label, percent) = ("x".to_owned(), String::new());
        Flow { kind, label, records, share, percent }
    }

    #[test]
    fn bands_do_not_overlap_and_have_room_for_their_labels() {
        let flows = [
            flow(FlowKind::Written, 999, 0.999),
            flow(FlowKind::Rejected, 1, 0.001),
            flow(FlowKind::Dropped, 0, 0.0),
        ];
        let (bands, bottom) = layout(&flows);
        for pair in bands.windows(2) {
            let [one, next] = pair else { panic!("two bands") };
            assert!(one.left + one.height <= next.left + 1e-9);
            let middle = |band: &Band<'_>| band.right + band.height / 2.0;
            assert!(LABEL <= middle(next) - middle(one) + 1e-9);
        }
        let is_seen = |band: &Band<'_>| LEAST <= band.height || band.flow.records == 0;
        assert!(bands.iter().all(|band| is_seen(band) && band.right + band.height <= bottom));
    }
}
