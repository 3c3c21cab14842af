//! Packets on their way: one lane a node, time downward, each packet a slanted arrow.
//!
//! Time is to scale as long as packets are neither too dense to have a line each nor too rare to stand on one sheet. The
//! drawing is cut where nothing is under way, so that paper has a place to turn.

use std::collections::BTreeMap;

use super::Drawing;
use super::canvas::{Anchor, Canvas, Coord};
use super::sequence::{Lanes, Strip, stack};
use crate::report::model::{Arrow, Ladder};
use crate::report::text::{cut, duration, esc, put, seconds};

/// Packets that are drawn.
const MOST: usize = 600;
/// Between two packets that leave in the same direction.
const APART: f64 = 16.0;
/// The most that time alone takes between two events.
const GAP: f64 = 44.0;
/// How far the middle one of all packets falls on its way.
const FALL: f64 = 46.0;
/// A strip ends where it can once it is this high.
const STRIP: f64 = 420.0;
/// Time without a packet that is cut short, in multiples of the time that [`FALL`] stands for.
const SILENCE: f64 = 12.0;

/// Where a packet begins and ends.
#[derive(Clone, Copy, Default)]
struct Place {
    from: f64,
    to: f64,
    strip: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Arrival,
    Note,
    Offer,
}

/// The drawing as one.
pub(super) fn draw(ladder: &Ladder) -> Drawing {
    let lost = ladder.packets.iter().filter(|packet| packet.lost.is_some());
    let label = format!(
        "{} packets on their way, {} of them lost.",
        ladder.packets.len(),
        lost.count()
    );
    stack(all(ladder), label)
}

/// The drawing in strips.
pub(super) fn strips(ladder: &Ladder) -> String {
    let strips = all(ladder).into_iter();
    strips
        .map(|strip| strip.canvas.inline("strip", strip.height, &strip.label))
        .collect()
}

fn all(ladder: &Ladder) -> Vec<Strip> {
    let count = ladder.lanes.len();
    let known = |packet: &&Arrow| {
        let (from, to) = (packet.from, packet.to);
        from < count && to < count && from != to && packet.at_ms.is_finite()
    };
    let packets: Vec<&Arrow> = ladder.packets.iter().filter(known).take(MOST).collect();
    let lanes = Lanes {
        names: &ladder.lanes,
        first: 120.0,
        between: (840.0 / count.saturating_sub(1).max(1) as f64).clamp(200.0, 420.0),
    };
    let mut strips = vec![lanes.heads()];
    let layout = Layout::of(ladder, &packets);
    for (index, height) in layout.heights.iter().enumerate() {
        if let Some(pause) = layout.pauses.get(&index) {
            strips.push(lanes.silence(&format!("{} without a packet", duration(*pause))));
        }
        let mut canvas = lanes.canvas();
        lanes.lifelines(&mut canvas, "lifeline", *height);
        let mut last = f64::NEG_INFINITY;
        let mut drawn = 0;
        for (packet, place) in packets.iter().zip(&layout.places) {
            if place.strip != index {
                continue;
            }
            drawn += 1;
            if place.from - last >= 13.0 {
                last = place.from;
                canvas.text(
                    "when",
                    Anchor::End,
                    88.0,
                    place.from + 4.0,
                    &seconds(packet.at_ms, 4),
                );
            }
            arrow(&lanes, &mut canvas, packet, *place);
        }
        // Names lie above all arrows, so that none is crossed out.
        for (packet, place) in packets.iter().zip(&layout.places) {
            if place.strip == index {
                name(&lanes, &mut canvas, packet, *place);
            }
        }
        for (note, place) in ladder.notes.iter().zip(&layout.notes) {
            if place.strip == index && note.lane < count && note.at_ms.is_finite() {
                let text = cut(&note.text, 48);
                // In the last lane there is no room to the right.
                let (anchor, x) = if note.lane + 1 == count && count > 1 {
                    (Anchor::End, -8.0)
                } else {
                    (Anchor::Start, 8.0)
                };
                let x = lanes.x(note.lane) + x;
                canvas.text("note strong", anchor, x, place.from + 4.0, &text);
            }
        }
        strips.push(Strip {
            canvas,
            height: *height,
            label: format!("{drawn} packets"),
        });
    }
    strips.push(lanes.heads());
    let left_out = ladder.packets.len() - packets.len();
    if left_out > 0 {
        strips.push(lanes.remark(&format!("{left_out} packets are not drawn")));
    }
    strips
}

/// Where everything is.
#[derive(Default)]
struct Layout {
    places: Vec<Place>,
    notes: Vec<Place>,
    heights: Vec<f64>,
    /// Silence before a strip, in milliseconds.
    pauses: BTreeMap<usize, f64>,
}

impl Layout {
    fn of(ladder: &Ladder, packets: &[&Arrow]) -> Self {
        let flight = typical(packets);
        let scale = FALL / flight;
        let mut layout = Self {
            places: vec![Place::default(); packets.len()],
            notes: vec![Place::default(); ladder.notes.len()],
            ..Self::default()
        };
        let mut events: Vec<(f64, Kind, usize)> = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            events.push((packet.at_ms, Kind::Offer, index));
            events.push((end(packet, flight), Kind::Arrival, index));
        }
        let notes = ladder.notes.iter().enumerate();
        let notes = notes.filter(|(_, note)| note.at_ms.is_finite());
        events.extend(notes.map(|(index, note)| (note.at_ms, Kind::Note, index)));
        events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let (mut y, mut strip, mut flying) = (14.0, 0, 0);
        let mut before: Option<f64> = None;
        let mut taken: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for (at, kind, index) in events {
            let pause = before.map_or(0.0, |before| at - before);
            before = Some(at);
            y += (pause * scale).min(GAP);
            let silent = pause > SILENCE * flight;
            if flying == 0 && (silent || y > STRIP) && kind != Kind::Arrival {
                layout.heights.push(y + 6.0);
                strip += 1;
                y = 14.0;
                taken.clear();
                if silent {
                    layout.pauses.insert(strip, pause);
                }
            }
            match kind {
                Kind::Offer => {
                    let way = (packets[index].from, packets[index].to);
                    y = taken.get(&way).map_or(y, |last| y.max(last + APART));
                    taken.insert(way, y);
                    layout.places[index] = Place {
                        from: y,
                        to: y,
                        strip,
                    };
                    flying += 1;
                }
                Kind::Arrival => {
                    let place = &mut layout.places[index];
                    y = y.max(place.from + 10.0);
                    place.to = y;
                    flying -= 1;
                }
                Kind::Note => {
                    y += 8.0;
                    layout.notes[index] = Place {
                        from: y,
                        to: y,
                        strip,
                    };
                    y += 10.0;
                }
            }
        }
        layout.heights.push(y + 14.0);
        layout
    }
}

/// The time that the middle one of all packets takes; 1 ms where none arrives.
fn typical(packets: &[&Arrow]) -> f64 {
    let times = packets
        .iter()
        .filter_map(|packet| Some(arrival(packet)? - packet.at_ms));
    let mut times: Vec<f64> = times
        .filter(|time| time.is_finite() && *time > 0.0)
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(1.0).max(1e-3)
}

/// When it arrived, if it did.
fn arrival(packet: &Arrow) -> Option<f64> {
    let at = packet.arrives_ms.filter(|at| at.is_finite());
    at.filter(|_| packet.lost.is_none())
}

/// When a packet's arrow ends: one that is lost falls half as far as others.
fn end(packet: &Arrow, flight: f64) -> f64 {
    let end = arrival(packet).unwrap_or(packet.at_ms + flight / 2.0);
    end.max(packet.at_ms)
}

fn arrow(lanes: &Lanes<'_>, canvas: &mut Canvas, packet: &Arrow, place: Place) {
    let arrived = arrival(packet).is_some();
    let (from, to) = ends(lanes, packet);
    let (dx, dy) = (to - from, place.to - place.from);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let way = format!("{} → {}", lanes.name(packet.from), lanes.name(packet.to));
    let mut title = format!(
        "{} {way}: {} {}",
        seconds(packet.at_ms, 6),
        packet.name,
        packet.detail
    );
    match (&packet.lost, arrival(packet)) {
        (Some(cause), _) => put!(title, "; lost: {cause}"),
        (None, Some(at)) => put!(title, "; arrives {} later", duration(at - packet.at_ms)),
        (None, None) => title += "; still on its way at the end",
    }
    let class = class(packet);
    put!(
        canvas.body,
        "<g class=\"{class}\"><title>{}</title>",
        esc(&title)
    );
    let stop = if arrived { length - 7.0 } else { length };
    let d = format!(
        "M{} {}L{} {}",
        Coord(from),
        Coord(place.from),
        Coord(from + ux * stop),
        Coord(place.from + uy * stop)
    );
    canvas.path("shaft", &d, "");
    let (tip, line) = (Coord(to), Coord(place.to));
    if arrived {
        // The two corners behind the tip, to the left and right of the way.
        let corner = |side: f64| (-9.0 * ux - 4.5 * side * uy, -9.0 * uy + 4.5 * side * ux);
        let (a, b) = (corner(1.0), corner(-1.0));
        let d = format!(
            "M{tip} {line}l{} {}l{} {}z",
            Coord(a.0),
            Coord(a.1),
            Coord(b.0 - a.0),
            Coord(b.1 - a.1)
        );
        canvas.path("tip", &d, "");
    } else {
        canvas.path("cross", &format!("M{tip} {line}m-4.5-4.5l9 9m0-9l-9 9"), "");
    }
    canvas.body.push_str("</g>");
}

/// Where a packet's arrow begins and ends, as drawn.
fn ends(lanes: &Lanes<'_>, packet: &Arrow) -> (f64, f64) {
    let (from, to) = (lanes.x(packet.from), lanes.x(packet.to));
    if arrival(packet).is_some() {
        (from, to)
    } else {
        (from, from + (to - from) * 0.5)
    }
}

fn class(packet: &Arrow) -> String {
    match packet.lost {
        Some(_) => "missing".into(),
        None => format!("l{}", packet.from % 4),
    }
}

/// The text along an arrow, so that those beside it do not cross it.
fn name(lanes: &Lanes<'_>, canvas: &mut Canvas, packet: &Arrow, place: Place) {
    let (from, to) = ends(lanes, packet);
    let (dx, dy) = (to - from, place.to - place.from);
    let (anchor, toward) = if dx > 0.0 {
        (Anchor::Start, 1.0)
    } else {
        (Anchor::End, -1.0)
    };
    let angle = (dy / dx.abs().max(1.0)).atan().to_degrees() * toward;
    let (x, y) = (Coord(from + 8.0 * toward), Coord(place.from - 1.5));
    let (class, angle) = (class(packet), Coord(angle));
    put!(
        canvas.body,
        "<g class=\"{class}\" transform=\"translate({x} {y}) rotate({angle})\">"
    );
    let detail = match &packet.lost {
        Some(cause) => format!("{} lost: {cause}", packet.detail)
            .trim_start()
            .into(),
        None => packet.detail.clone(),
    };
    let shown = Arrow {
        name: packet.name.clone(),
        detail,
        ..Arrow::default()
    };
    super::sequence::label(
        canvas,
        anchor,
        4.0 * toward,
        -3.5,
        &shown,
        lanes.between - 46.0,
    );
    canvas.body.push_str("</g>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(at_ms: f64, from: usize, arrives_ms: Option<f64>) -> Arrow {
        Arrow {
            at_ms,
            from,
            to: 1 - from,
            arrives_ms,
            ..Arrow::default()
        }
    }

    fn ladder(packets: Vec<Arrow>) -> Ladder {
        Ladder {
            lanes: vec!["a".into(), "b".into()],
            packets,
            notes: Vec::new(),
        }
    }

    #[test]
    fn each_packet_has_a_line_and_none_arrives_before_it_left() {
        let packets = (0..40).map(|n| packet(f64::from(n) * 0.01, (n % 2) as usize, Some(20.0)));
        let ladder = ladder(packets.collect());
        let refs: Vec<&Arrow> = ladder.packets.iter().collect();
        let layout = Layout::of(&ladder, &refs);
        for pair in layout.places.chunks(2).collect::<Vec<_>>().windows(2) {
            assert!(pair[1][0].from - pair[0][0].from >= APART);
        }
        assert!(
            layout
                .places
                .iter()
                .all(|place| place.to >= place.from + 10.0)
        );
        assert!(
            layout
                .places
                .iter()
                .all(|place| place.to < layout.heights[place.strip])
        );
    }

    #[test]
    fn silence_is_cut_short_where_nothing_is_under_way() {
        let ladder = ladder(vec![
            packet(0.0, 0, Some(10.0)),
            packet(5_000.0, 0, Some(5_010.0)),
        ]);
        let drawn = strips(&ladder);
        assert!(drawn.contains("without a packet"), "{drawn}");
        let busy = Ladder {
            packets: vec![
                packet(0.0, 0, Some(6_000.0)),
                packet(5_000.0, 0, Some(5_010.0)),
            ],
            ..ladder
        };
        assert!(!strips(&busy).contains("without a packet"));
    }

    #[test]
    fn what_is_lost_ends_in_a_cross_and_says_why() {
        let lost = Arrow {
            lost: Some("queue-full".into()),
            ..packet(1.0, 0, None)
        };
        let nowhere = Arrow {
            to: 9,
            ..packet(1.0, 0, None)
        };
        let drawn = strips(&ladder(vec![lost, nowhere]));
        assert!(drawn.contains("lost: queue-full") && drawn.contains("class=\"cross\""));
        assert!(drawn.contains("1 packets are not drawn"));
    }
}
