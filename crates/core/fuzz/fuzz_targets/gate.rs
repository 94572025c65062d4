#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shareable_fuzz::gate::run(data));
