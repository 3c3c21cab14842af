#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| duet_fuzz::cases::run(input));
