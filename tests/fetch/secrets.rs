//! Nothing secret leaks: whatever is printed or kept, but for the providers' own bytes, holds none of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use tieout::error::Exit;
use tieout::lake::Lake;
use tieout::source::secret::Secret;
use tieout::table::delivery::FILES;

use super::providers::Providers;
use super::{MORNING, at};
use crate::harness::Place;
use crate::nights::{files, november, rows};

/// What can be read of a lake, but for the providers' own bytes.
fn kept(place: &Place) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = files(&place.path("lake"))
        .into_iter()
        .filter(|(path, _)| !path.starts_with("raw"))
        .map(|(path, bytes)| (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
        .collect();
    // The words in it are packed.
    let table = Lake::open(&place.path("lake")).unwrap().read(&FILES, november(17));
    kept.extend(table.map(|table| ("files".to_owned(), format!("{:?}", rows(&table)))));
    kept
}

#[test]
fn nothing_secret_leaks() {
    let providers = Providers::start();
    let place = providers.customer();
    let mut seen = Vec::new();
    let mut look = |command: &str, more: &str, code: i32| {
        let ran = at(&place, command, more, MORNING);
        assert_eq!(ran.code, code, "{command} {more}: {}", ran.whole());
        seen.push((format!("{command} {more}"), ran.whole()));
        seen.extend(kept(&place));
    };
    // Refused, with what was sent repeated: by who signs wrongly, by who has nothing, and by who has nothing yet.
    for (status, word, code) in [(401, "SIGN_ERROR", 77), (400, "STATEMENT_CREATING", 66), (400, "NO_STATEMENT_EXIST", 0)] {
        providers.shelf().refuses.insert("1900000110", (status, word));
        look("check", "", code);
        look("ready", "", code);
        look("fetch", "--json", code);
        look("fetch", "", code);
    }
    look("run", "--timings", 0);
    look("run", "--json", 0);
    providers.shelf().refuses.clear();
    look("fetch", "--again", 0);
    look("run", "", 0);
    let planned = place.run("plan job.toml --date 2026-11-17");
    seen.push(("plan".to_owned(), planned.whole()));
    let secrets = providers.secrets();
    assert!(secrets.len() > 20, "{secrets:?}");
    for (what, text) in seen {
        let leaked = secrets.iter().find(|secret| text.contains(*secret));
        assert!(leaked.is_none(), "{what} holds {leaked:?}");
        assert!(!text.contains("token=") && !text.contains("Bearer "), "{what}: {text}");
    }
}

/// Kubernetes and systemd hand out a file of root's, to the group of who is to read it.
#[test]
fn a_secret_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "hush\n").unwrap();
    let of_root = fs::metadata(&file).unwrap().uid() == 0;
    for (mode, used) in [
        (0o600, true),
        (0o400, true),
        (0o440, of_root),
        (0o640, of_root),
        (0o660, false),
        (0o604, false),
        (0o444, false),
        (0o450, false),
    ] {
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        match Secret::File(file.clone()).read() {
            Ok(secret) => assert!(used && secret.reveal() == "hush", "{mode:o}"),
            Err(error) => assert!(!used && error.exit == Exit::NotPermitted, "{mode:o}: {error:?}"),
        }
    }
}
