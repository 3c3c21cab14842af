//! Random streams: pinned, independent of each other, and uniform enough.

use duet_sim::{Probability, Stream};
use proptest::prelude::*;

/// Values computed by a second implementation of the documented formula. If they change, so do the results of every
/// scenario and every published log hash.
#[test]
fn draws_have_the_documented_values() {
    let first_four = |seed, label| {
        let mut stream = Stream::new(seed, label);
        [(); 4].map(|()| stream.next_u64())
    };
    assert_eq!(
        first_four(1, "alice>server/loss"),
        [
            0xa86b_20d8_732e_97ad,
            0x5cbf_eb9c_21dc_c3d1,
            0x08db_ad8f_aaa2_fbfb,
            0x644e_4b4f_b42f_358f
        ]
    );
    assert_eq!(
        first_four(2, "alice>server/loss"),
        [
            0xabb9_55b4_e90b_ca93,
            0xcc99_0764_0b56_c9d5,
            0x530b_8f52_7747_c291,
            0xd507_0d45_f977_a318
        ]
    );
    assert_eq!(
        first_four(1, "server>alice/loss"),
        [
            0xa745_0aaa_bd41_b817,
            0x192e_8872_4244_5c8c,
            0xcc89_9650_1d76_5004,
            0xd16c_b25e_fd3e_3446
        ]
    );
}

#[test]
fn a_number_below_a_bound_is_the_high_part_of_the_product() {
    let mut stream = Stream::new(1, "alice>server/loss");
    let draws = [(); 12].map(|()| stream.below(100));
    assert_eq!(draws, [65, 36, 3, 39, 35, 48, 54, 82, 71, 17, 16, 79]);
}

#[test]
fn nothing_is_below_zero_but_the_draw_is_taken() {
    let mut stream = Stream::new(1, "x");
    assert_eq!(stream.below(0), 0);
    assert_eq!(stream.next_u64(), Stream::new(1, "x").at(1));
}

#[test]
fn thirty_two_bytes_are_the_next_four_draws() {
    let mut stream = Stream::new(7, "identity");
    stream.next_u64();
    let bytes = stream.bytes32();
    for (n, word) in (1..).zip(bytes.chunks_exact(8)) {
        assert_eq!(word, stream.at(n).to_le_bytes());
    }
    assert_eq!(stream.next_u64(), stream.at(5));
}

/// Chi-squared over 256 cells of the high byte, and of the low byte: 255 degrees of freedom, standard deviation 22.6.
/// The seeds are fixed, so this is a statement about these draws and cannot fail by chance.
#[test]
fn bytes_are_uniform() {
    for seed in 0..8 {
        let mut stream = Stream::new(seed, "uniform");
        let mut cells = [[0u32; 256]; 2];
        let draws = 1 << 18;
        for _ in 0..draws {
            let draw = stream.next_u64();
            cells[0][(draw >> 56) as usize] += 1;
            cells[1][(draw & 0xff) as usize] += 1;
        }
        for cells in cells {
            let mean = f64::from(draws) / 256.0;
            let chi: f64 = cells
                .iter()
                .map(|n| (f64::from(*n) - mean).powi(2) / mean)
                .sum();
            assert!((165.0..345.0).contains(&chi), "seed {seed}: {chi}");
        }
    }
}

/// Streams that differ in one letter or one seed agree in half of their bits, like independent ones.
#[test]
fn neighbouring_streams_are_independent() {
    let base = Stream::new(1, "a>b/loss");
    for other in [
        Stream::new(2, "a>b/loss"),
        Stream::new(1, "b>a/loss"),
        Stream::new(1, "a>b/jitter"),
    ] {
        let equal: u32 = (0..4096)
            .map(|n| (!(base.at(n) ^ other.at(n))).count_ones())
            .sum();
        let half = 4096 * 32;
        assert!(
            equal.abs_diff(half) < 1_500,
            "{equal} of {} bits agree",
            2 * half
        );
    }
}

#[test]
fn certain_answers_are_certain() {
    let mut stream = Stream::new(1, "x");
    assert!((0..10_000).all(|_| stream.chance(Probability::ALWAYS)));
    assert!(!(0..10_000).any(|_| stream.chance(Probability::NEVER)));
    assert!(Probability::ALWAYS.covers(u64::MAX));
    assert!(!Probability::NEVER.covers(0));
}

proptest! {
    #[test]
    fn draw_n_depends_on_n_alone(seed: u64, label in ".{0,20}", calls in prop::collection::vec(0u8..3, 0..40)) {
        let mut stream = Stream::new(seed, &label);
        for call in &calls {
            match call {
                0 => drop(stream.next_u64()),
                1 => drop(stream.below(17)),
                _ => drop(stream.chance(Probability::from_ppm(300_000))),
            }
        }
        let expected = Stream::new(seed, &label).at(calls.len() as u64);
        prop_assert_eq!(stream.next_u64(), expected);
    }

    #[test]
    fn a_number_below_n_is_below_n(seed: u64, n in 1u64..) {
        prop_assert!(Stream::new(seed, "x").below(n) < n);
    }
}
