//! What a fuzzer begins with: the fixtures of the formats, and what the package ships, in a folder for each target.

use std::fs;
use std::path::{Path, PathBuf};

use super::feed::formats_of;
use super::{TARGETS, wire};

/// Writes every seed, in a folder for each target.
pub(crate) fn write(folder: &Path) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (target, _) in TARGETS {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        for (at, seed) in seeds(&package, target).into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{at:03}")), seed).unwrap();
        }
    }
}

fn seeds(package: &Path, target: &str) -> Vec<Vec<u8>> {
    let below = |folder: &str, extension: &str| -> Vec<Vec<u8>> {
        let found = files(&package.join(folder)).into_iter().filter(|path| path.extension().is_some_and(|is| is == extension));
        found.map(|path| fs::read(path).unwrap()).collect()
    };
    match target {
        "format" => below("schemas", "toml").into_iter().chain(below("tests/formats", "toml")).collect(),
        "job" => below("jobs", "toml").into_iter().chain(blocks_of_toml(&package.join("README.md"))).collect(),
        "calendar" => below("schemas/calendars", "toml"),
        "look" => fixtures(package).into_iter().map(|(_, bytes)| bytes).collect(),
        "keys" => below("tests", "pem").into_iter().chain(below("tests", "crt")).collect(),
        "words" => WORDS.iter().map(|word| word.as_bytes().to_vec()).collect(),
        _ => of_formats(package, target),
    }
}

const WORDS: &[&str] = &[
    "-12.50\n{date:%Y%m%d}",
    "2026-11-17T23:59:59+08:00\nrfc3339",
    "20261117235959\n%Y%m%d%H%M%S",
    "17/11/2026 23:59:59\n%d/%m/%Y %H:%M:%S",
    "4111 1111 1111 1111\nbill_{date+1:%Y-%m-%d}_*.csv",
    "someone@example.com\nfolder/{date-1:%d}/*",
];

/// Fixtures of the formats of a target, behind the byte that says which format.
fn of_formats(package: &Path, target: &str) -> Vec<Vec<u8>> {
    let formats = formats_of(target);
    let typed = matches!(target, "ndjson" | "parquet");
    let mut seeds = Vec::new();
    for (name, bytes) in fixtures(package) {
        let is_packed = bytes.starts_with(b"PK") || bytes.starts_with(&[0x1f, 0x8b]);
        let at = formats.iter().position(|format| name.contains(&format!("/{}/", format.name)));
        let Some(choice) = at.and_then(|at| u8::try_from(at).ok()) else { continue };
        let is_typed = Path::new(&name).extension().is_some_and(|extension| extension == target);
        if typed == is_typed && (typed || is_packed == (target == "containers")) {
            seeds.push([&[choice], &bytes[..]].concat());
        }
    }
    seeds
}

/// Every fixture as it is served, and its place.
fn fixtures(package: &Path) -> Vec<(String, Vec<u8>)> {
    let root = package.join("tests/formats");
    let folders = entries(&root).into_iter().filter(|path| path.is_dir()).flat_map(|provider| entries(&provider));
    let is_fixture = |path: &PathBuf| !path.extension().is_some_and(|extension| extension == "expected" || extension == "toml");
    let paths = folders.filter(|path| path.is_dir()).flat_map(|format| entries(&format)).filter(is_fixture);
    paths
        .map(|path| {
            let (name, bytes) = wire::served(&path);
            (path.with_file_name(name).to_str().unwrap().to_owned(), bytes)
        })
        .collect()
}

/// The texts between fences of TOML.
fn blocks_of_toml(page: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(page).unwrap();
    text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(|block| block.as_bytes().to_vec()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = entries(folder).into_iter().partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| self::files(folder)));
    files
}
