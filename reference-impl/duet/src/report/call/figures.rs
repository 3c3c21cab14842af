//! Key figures of one side, derived from its pictures and from the links between it and its peer.

use super::{LinkReport, Picture, Side};
use crate::report::frames::Smoothness;
use crate::report::stats::quantile;

/// A picture that is on screen later than this after its capture counts as late.
pub(super) use super::ON_TIME_MS as TARGET_MS;

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Shown whole, within [`TARGET_MS`].
    Good,
    /// Shown whole, but later.
    Late,
    /// Shown with damage.
    Damaged,
    /// Not shown.
    Missing,
}

impl Picture {
    /// From capture to screen, where the picture was shown.
    pub(super) fn delay(&self) -> Option<f64> {
        self.delay_ms.filter(|delay| delay.is_finite())
    }

    /// Luma PSNR, where it is known.
    pub(super) fn psnr(&self) -> Option<f64> {
        self.psnr_db.filter(|psnr| psnr.is_finite())
    }

    /// What became of it.
    pub(super) fn fate(&self) -> Fate {
        match self.delay() {
            None => Fate::Missing,
            Some(_) if !self.intact => Fate::Damaged,
            Some(delay) if delay > TARGET_MS => Fate::Late,
            Some(_) => Fate::Good,
        }
    }
}

impl LinkReport {
    /// Packets lost, whatever the cause.
    pub(super) fn lost_in_all(&self) -> u64 {
        self.lost
            .values()
            .fold(0, |sum, lost| sum.saturating_add(*lost))
    }

    /// Its name for people: `from → to`.
    pub(super) fn shown_name(&self) -> String {
        self.name.replace('>', " → ")
    }

    /// Their share of those offered, if any were.
    pub(super) fn share_lost(&self) -> Option<f64> {
        (self.offered > 0).then(|| self.lost_in_all() as f64 / self.offered as f64)
    }
}

/// Key figures.
pub(super) struct Figures {
    /// Pictures that the peer sent.
    pub sent: usize,
    /// Those that were shown.
    pub shown: usize,
    /// Of those that were shown, those with damage.
    pub damaged: usize,
    /// Of those that were not shown, those that were still on their way when the call ended ([`Side::judged`]).
    pub cut_off: usize,
    /// The share of those sent, and not cut off, that was shown whole within [`TARGET_MS`].
    pub on_time: Option<f64>,
    /// Median delay of those shown.
    pub median_ms: Option<f64>,
    /// 95th percentile of the same.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// How smoothly they followed one another.
    pub smoothness: Smoothness,
    /// Mean PSNR of those whose PSNR is known.
    pub mean_psnr_db: Option<f64>,
    /// The share of packets that gets lost between the peer and this side.
    pub loss: Option<f64>,
}

impl Figures {
    /// Figures of a side.
    pub(super) fn of(side: &Side, links: &[LinkReport]) -> Self {
        let pictures = &side.pictures;
        let mut delays: Vec<f64> = pictures.iter().filter_map(Picture::delay).collect();
        delays.sort_by(f64::total_cmp);
        let psnr: Vec<f64> = pictures.iter().filter_map(Picture::psnr).collect();
        let shown = pictures
            .iter()
            .filter_map(|picture| Some(picture.captured_ms + picture.delay()?))
            .collect();
        let on_the_way = on_the_way(side, links);
        let median_ms = quantile(&delays, 0.5);
        let kept = on_the_way
            .iter()
            .filter_map(|link| link.share_lost())
            .map(|lost| 1.0 - lost);
        Self {
            sent: pictures.len(),
            shown: delays.len(),
            damaged: pictures
                .iter()
                .filter(|picture| picture.fate() == Fate::Damaged)
                .count(),
            cut_off: pictures.len() - side.judged().count(),
            on_time: (side.judged().next().is_some()).then(|| side.on_time(TARGET_MS)),
            median_ms,
            p95_ms: quantile(&delays, 0.95),
            p99_ms: quantile(&delays, 0.99),
            smoothness: Smoothness::of(shown),
            mean_psnr_db: (!psnr.is_empty()).then(|| psnr.iter().sum::<f64>() / psnr.len() as f64),
            loss: (!on_the_way.is_empty()).then(|| 1.0 - kept.product::<f64>()),
        }
    }
}

/// The links that lead away from a side's peer, and those that lead to the side.
pub(super) fn on_the_way<'a>(side: &Side, links: &'a [LinkReport]) -> Vec<&'a LinkReport> {
    let leads = |link: &&LinkReport| {
        link.name
            .split_once('>')
            .is_some_and(|(from, to)| from == side.peer || to == side.name)
    };
    links.iter().filter(leads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_on_their_way_at_the_end_are_told_from_lost_ones() {
        let picture = |captured_ms, delay_ms| Picture {
            captured_ms,
            delay_ms,
            intact: true,
            ..Picture::default()
        };
        let pictures = vec![
            picture(0.0, Some(100.0)),
            picture(50.0, None),
            picture(450.0, None),
        ];
        let mut side = Side {
            pictures,
            ended_ms: Some(500.0),
            ..Side::default()
        };
        let figures = Figures::of(&side, &[]);
        assert_eq!((figures.sent, figures.shown, figures.cut_off), (3, 1, 1));
        assert_eq!(figures.on_time, Some(0.5));
        // Of a call that goes on at the end of the run.
        side.ended_ms = None;
        let figures = Figures::of(&side, &[]);
        assert_eq!((figures.cut_off, figures.on_time), (1, Some(0.5)));
    }

    #[test]
    fn loss_on_the_way_is_that_of_both_links() {
        let link = |name: &str, lost: u64| LinkReport {
            name: name.into(),
            offered: 100,
            bytes: 0,
            lost: [("queue".to_owned(), lost)].into(),
            timeline: None,
        };
        let links = [
            link("alice>server", 10),
            link("server>alice", 90),
            link("server>bob", 20),
        ];
        let side = Side {
            name: "bob".into(),
            peer: "alice".into(),
            ..Side::default()
        };
        let loss = Figures::of(&side, &links).loss.expect("links");
        assert!((loss - 0.28).abs() < 1e-9, "{loss}");
    }
}
