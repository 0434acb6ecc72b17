#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tdscope_fuzz::targets::archive::archive(data));
