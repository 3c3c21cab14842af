//! Quantities with units are read exactly.

use std::time::Duration;

use duet_sim::units::{parse_duration, parse_rate, parse_size, show_duration, show_size};
use duet_sim::{Probability, Rate, Time, UnitError};
use proptest::prelude::*;

#[test]
fn durations_are_exact() {
    assert_eq!(parse_duration("15 ms"), Ok(Duration::from_millis(15)));
    assert_eq!(parse_duration("0.5 s"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("0.000000001s"), Ok(Duration::from_nanos(1)));
    assert_eq!(parse_duration(" 2 min "), Ok(Duration::from_secs(120)));
    assert_eq!(parse_duration("3 us"), parse_duration("3 µs"));
    assert_eq!(parse_duration("1.50 h"), Ok(Duration::from_secs(5_400)));
}

#[test]
fn rates_and_sizes_are_exact() {
    assert_eq!(parse_rate("2 Mb/s"), Ok(Rate::new(2_000_000).unwrap()));
    assert_eq!(parse_rate("1.5 kb/s"), Ok(Rate::new(1_500).unwrap()));
    assert_eq!(parse_size("64 kB"), Ok(64_000));
    assert_eq!(parse_size("64 KiB"), Ok(65_536));
    assert_eq!(Rate::new(0), None);
}

#[test]
fn what_is_no_quantity_is_refused_with_its_reason() {
    assert_eq!(parse_duration("-1 ms"), Err(UnitError::Negative));
    assert_eq!(parse_duration("0.5 ns"), Err(UnitError::TooFine));
    assert_eq!(parse_duration("99999999 h"), Err(UnitError::TooLarge));
    assert_eq!(
        parse_duration("18446744073709551616 ns"),
        Err(UnitError::TooLarge)
    );
    assert_eq!(
        parse_duration("0.123456789012345678901 h"),
        Err(UnitError::TooFine)
    );
    assert_eq!(parse_rate("0 b/s"), Err(UnitError::ZeroRate));
    for text in ["", "ms", ".5 s", "1..5 s", "5. s", "1.2.3 s"] {
        assert!(
            matches!(parse_duration(text), Err(UnitError::NoNumber(_))),
            "{text:?}"
        );
    }
    assert_eq!(
        parse_rate("2 Mbps").unwrap_err().to_string(),
        "unknown unit \"Mbps\": use b/s, kb/s, Mb/s, Gb/s"
    );
    assert_eq!(
        parse_size("64").unwrap_err().to_string(),
        "a unit is missing: use B, kB, MB, KiB, MiB"
    );
}

#[test]
fn quantities_are_shown_as_they_are_read() {
    let shown = [
        (0, "0 s"),
        (1, "1 ns"),
        (1_500, "1.5 us"),
        (15_000_000, "15 ms"),
        (1_500_000_000, "1.5 s"),
        (90_000_000_000, "90 s"),
        (u64::MAX, "18446744073.709551615 s"),
    ];
    for (nanos, text) in shown {
        assert_eq!(show_duration(Duration::from_nanos(nanos)), text);
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)));
    }
    assert_eq!(
        show_duration(Duration::MAX),
        show_duration(Duration::from_nanos(u64::MAX))
    );
    let sizes = [
        (0, "0 B"),
        (1_500, "1500 B"),
        (64_000, "64 kB"),
        (3_000_000, "3 MB"),
        (65_536, "65536 B"),
    ];
    for (bytes, text) in sizes {
        assert_eq!(show_size(bytes), text);
        assert_eq!(parse_size(text), Ok(bytes));
    }
}

#[test]
fn probabilities_are_shown_in_the_fewest_digits_that_are_read_as_the_same() {
    for text in [
        "0 %",
        "2.5 %",
        "33.333 %",
        "100 %",
        "0.0001 %",
        "1.23456789012345678 %",
    ] {
        assert_eq!(text.parse::<Probability>().unwrap().exact(), text);
    }
    assert_eq!("0.10".parse::<Probability>().unwrap().exact(), "10 %");
    assert_eq!(
        "0.1234567890123456789".parse::<Probability>(),
        Err(UnitError::TooFine)
    );
}

#[test]
fn probabilities_are_thresholds() {
    let read = |text: &str| text.parse::<Probability>().map(Probability::threshold);
    assert_eq!(read("50 %"), Ok(1 << 63));
    assert_eq!(read("0.5"), Ok(1 << 63));
    assert_eq!(read("2.5 %"), read("0.025"));
    assert_eq!(read("2.5%"), Ok(461_168_601_842_738_790)); // ⌊2⁶⁴ / 40⌋
    assert_eq!(read("0 %"), Ok(0));
    assert_eq!(read("100 %"), Ok(u64::MAX));
    assert_eq!(read("1"), Ok(u64::MAX));
    assert_eq!(read("100.1 %"), Err(UnitError::AboveOne));
    assert_eq!(read("2.5"), Err(UnitError::AboveOne));
    assert_eq!(read("-1 %"), Err(UnitError::Negative));
    assert!(read("1 ms").is_err());
}

#[test]
fn quantities_print_as_people_write_them() {
    assert_eq!("2.5 %".parse::<Probability>().unwrap().to_string(), "2.5 %");
    assert_eq!(Probability::ALWAYS.to_string(), "100 %");
    assert_eq!(Probability::NEVER.to_string(), "0 %");
    assert_eq!(Rate::new(2_000_000).unwrap().to_string(), "2 Mb/s");
    assert_eq!(Rate::new(1_500).unwrap().to_string(), "1500 b/s");
    assert_eq!(Time::from_nanos(1_234_567_999).to_string(), "1.234567 s");
    assert_eq!(Time::from_micros(7).to_string(), "0.000007 s");
}

#[test]
fn time_saturates() {
    assert_eq!(Time::MAX.after(Duration::from_nanos(1)), Time::MAX);
    assert_eq!(Time::ZERO.after(Duration::MAX), Time::MAX);
    assert_eq!(
        Time::from_millis(1).since(Time::from_millis(2)),
        Duration::ZERO
    );
    assert_eq!(
        Time::from_millis(5).since(Time::from_millis(2)),
        Duration::from_millis(3)
    );
    assert_eq!(Time::from_millis(u64::MAX), Time::MAX);
}

proptest! {
    #[test]
    fn a_percentage_in_ppm_is_the_same_from_text_and_from_number(ppm in 0u32..=1_000_000) {
        let text = format!("{}.{:04} %", ppm / 10_000, ppm % 10_000);
        let read: Probability = text.parse().unwrap();
        prop_assert_eq!(read, Probability::from_ppm(ppm));
        prop_assert_eq!(read.to_string().parse::<Probability>().unwrap(), read);
        prop_assert_eq!(read.exact().parse::<Probability>().unwrap(), read);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,40}") {
        let _ = (parse_duration(&text), parse_rate(&text), parse_size(&text), text.parse::<Probability>());
    }

    #[test]
    fn numbers_of_any_length_are_read_or_refused(text in "[0-9]{0,40}\\.?[0-9]{0,40} ?(h|s|ns|%|MiB|Gb/s)?") {
        let _ = (parse_duration(&text), parse_rate(&text), parse_size(&text), text.parse::<Probability>());
    }
}
