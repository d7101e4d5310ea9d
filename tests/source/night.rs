//! A night, closed by the real program from an interface.

use std::fs;

use super::server::{Says, Server};
use crate::harness::Place;
use crate::nights::package;

const FILES: &str = r#"{ files = "../sample-data/provider/adyen/{date:%Y-%m-%d}/settlement_detail_report_batch_*.csv" }"#;
const RUN: &str = "run jobs/nightly.toml --date 2026-11-17";

#[test]
fn a_night_from_an_interface_is_the_night_from_its_files() {
    let report =
        fs::read(package().join("sample-data/provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv")).unwrap();
    let server = Server::start(move |heard| match (heard.header("x-api-key"), heard.path()) {
        ("AQE-key", "/reports/download/MerchantAccount/LanternKettleECOM/settlement_detail_report_batch_1117.csv") => {
            Says::new(200, report.clone())
        }
        ("AQE-key", _) => Says::new(404, ""),
        _ => Says::new(401, ""),
    });
    let interface = |key: &str| {
        let file = "settlement_detail_report_batch_{date:%m%d}.csv";
        let endpoint = server.endpoint();
        let place = Place::with_sample_nights();
        let source = format!(
            r#"{{ adyen = {{ file = "{file}", api_key = {{ command = ["echo", "{key}"] }}, endpoint = "{endpoint}" }} }}"#
        );
        place.replace("jobs/nightly.toml", FILES, &source);
        place
    };
    let from_files = Place::with_sample_nights();
    assert_eq!(from_files.run(RUN).code, 0);
    let from_interface = interface("AQE-key");
    let ran = from_interface.run(RUN);
    assert_eq!(ran.code, 0, "{}", ran.whole());
    for table in ["entries", "breaks", "matches"] {
        let path = format!("lake/data/{table}/date=2026-11-17/{table}.parquet");
        assert!(from_files.read(&path) == from_interface.read(&path), "{table} differs");
    }
    // It comes out the same without the interface, the secret or its data: the lake has what was asked and answered.
    let refreshed = from_interface.run("fetch jobs/nightly.toml --date 2026-11-17 --again --quiet");
    assert_eq!(refreshed.code, 0, "{}", refreshed.whole());
    std::fs::remove_dir_all(from_interface.path("lake/data")).unwrap();
    from_interface.replace("jobs/nightly.toml", "AQE-key", "AQE-gone");
    let verified = from_interface.run("verify jobs/nightly.toml --date 2026-11-17");
    assert_eq!(verified.code, 0, "{}", verified.whole());
    // Who may not have it is told so, and nothing is published.
    let refused = interface("AQE-other");
    let ran = refused.run(RUN);
    assert_eq!(ran.code, 77, "{}", ran.whole());
    assert!(!ran.whole().contains("AQE-other"), "{}", ran.whole());
}
