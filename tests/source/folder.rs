//! Folders of this machine.

use std::fs;

use tieout::source::{Answer, Ready};

use super::Visit;

#[test]
fn files_of_the_date_are_taken_in_order() {
    let visit = Visit::to(r#"source = { files = ["in/*_{date:%Y%m%d}.csv", "in/late_{date+1:%Y%m%d}.csv"] }"#, |folder| {
        fs::create_dir(folder.join("in")).unwrap();
        for name in ["b_20261120.csv", "a_20261120.csv", "a_20261121.csv", "late_20261121.csv"] {
            fs::write(folder.join("in").join(name), name).unwrap();
        }
    });
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let names: Vec<String> = Visit::delivered(visit.fetch().unwrap()).into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(names, ["a_20261120.csv", "b_20261120.csv", "late_20261121.csv"]);
}

#[test]
fn what_is_there_is_taken_again() {
    let visit = Visit::to(r#"source = { files = "a.csv" }"#, |folder| fs::write(folder.join("a.csv"), "one").unwrap());
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [("a.csv".to_owned(), b"one".to_vec(), true)]);
    fs::write(visit.folder.path().join("a.csv"), "two").unwrap();
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [("a.csv".to_owned(), b"two".to_vec(), true)]);
}

#[test]
fn an_empty_folder_is_not_yet() {
    let visit = Visit::to(r#"source = { files = "*_{date:%Y%m%d}.csv" }"#, |_| {});
    assert!(matches!(visit.ready().unwrap(), Ready::NotYet { .. }));
    assert!(matches!(visit.fetch().unwrap(), Answer::NotYet { .. }));
}
