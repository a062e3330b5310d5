//! What `make` makes, of a binary that is built already.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn what_is_installed_has_its_symbols_apart() {
    let target = tempfile::tempdir().unwrap();
    fs::create_dir(target.path().join("release")).unwrap();
    let built = target.path().join("release/parlour");
    fs::copy(env!("CARGO_BIN_EXE_parlour"), &built).unwrap();
    let made = Command::new("make")
        .args(["--silent", "release", "CARGO=true"])
        .arg(format!("TARGET={}", target.path().display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let installed = target.path().join("parlour");
    let size = |file: &Path| fs::metadata(file).unwrap().len();
    assert!(size(&installed) < size(&built) / 2, "{} of {} bytes", size(&installed), size(&built));
    assert!(size(&target.path().join("parlour.debug")) > 0);
    // A debugger finds the one by the other.
    let sections = Command::new("objdump").arg("-h").arg(&installed).output().unwrap();
    assert!(String::from_utf8_lossy(&sections.stdout).contains(".gnu_debuglink"), "{sections:?}");
    let version = Command::new(&installed).arg("--version").output().unwrap();
    assert!(version.status.success(), "{version:?}");
}
