//! The fuzz targets: `make fuzz` runs them, and here they are held to have something to begin with.

use std::fs;
use std::path::Path;

use crate::structure::ROOT;

/// Bytes of the whole corpus at most: what a clone of the repository can bear.
const CORPUS: u64 = 256 * 1024;

#[test]
fn every_fuzz_target_is_built_and_has_a_small_corpus() {
    let fuzz = Path::new(ROOT).join("fuzz");
    let manifest: toml::Table = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap().parse().unwrap();
    let built: Vec<&str> =
        manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap()).collect();
    let mut total = 0;
    for target in fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
        let path = target.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(built.contains(&name), "fuzz/Cargo.toml doesn't build {name}");
        let corpus = fs::read_dir(fuzz.join("corpus").join(name));
        let corpus = corpus.unwrap_or_else(|error| panic!("{name} has no corpus: {error}"));
        let sizes: Vec<u64> = corpus.map(|file| file.unwrap().metadata().unwrap().len()).collect();
        assert!(sizes.len() > 1, "{name} has almost no corpus");
        total += sizes.iter().sum::<u64>();
    }
    assert!(total > 0 && total < CORPUS, "the corpus has {total} bytes");
}
