#![no_main]

libfuzzer_sys::fuzz_target!(|source: &[u8]| tussock_fuzz::expressions::check(source));
