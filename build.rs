//! How the program is linked.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TUSSOCK_PIE");
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    let has_static_libc =
        var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.split(',').any(|one| one == "crt-static"));
    // The tables of time zones are forty thousand pointers. A program that may be loaded anywhere has to set each of them
    // before it begins, which takes longer than everything else in a short command.
    let is_known = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && !has_static_libc;
    if is_known && is("CARGO_CFG_TARGET_ARCH", "x86_64") && is("PROFILE", "release") && var("TUSSOCK_PIE").is_err() {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
