//! How the program leaves when it is itself at fault.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::process::Command;

/// No night comes after the last day of time: no file could make a run fail in a place it does not foresee as surely.
#[test]
fn a_failed_assertion_is_a_broken_law() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "stripe.csv",
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id\n",
    );
    write("orders.csv", "order_id,created_at,amount,currency,status,channel,country,customer_segment\n");
    write(
        "job.toml",
        r#"
            name = "last"
            lake = "lake"
            timezone = "UTC"
            [[provider]]
            name = "stripe"
            account = "acct_1"
            format = "stripe/payout_reconciliation"
            source = { files = "stripe.csv" }
            settles_in = "1 day"
            [merchant.orders]
            source = { files = "orders.csv" }
        "#,
    );
    let run = |date: &str| {
        let binary = env!("CARGO_BIN_EXE_tieout");
        Command::new(binary).args(["run", "job.toml", "--date", date]).current_dir(folder.path()).output().unwrap()
    };
    let output = run("+262142-12-31");
    assert_eq!(output.status.code(), Some(70), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("lake/meta/nights").exists(), "nothing may be published");
    assert_eq!(run("2026-11-17").status.code(), Some(0), "the same files close another night");
}
