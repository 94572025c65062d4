#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shareable_fuzz::trailer::run(data));
