//! What people decided, replayed: a decision holds for what a break said, is counted once, and keeps law 6.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, RecordBatch};
use proptest::prelude::*;
use tieout::money::Amount;
use tieout::stage::reconcile::{Action, Resolution, Says};
use tieout::table::identity::Identity;
use tieout::table::read;

use super::laws::night_of;
use super::notation::{Nights, Said, day, texts};

/// A decision about the break of a row, from that night on.
fn decided(breaks: &RecordBatch, row: usize, action: Action, from: u32) -> Resolution {
    Resolution {
        break_id: Identity::parse(read::text(breaks, "break_id").value(row)).expect("an identity"),
        action,
        reason: "as told on the telephone".to_owned(),
        by: "Ann".to_owned(),
        on: day(from),
        said: Says::of(breaks).row(row),
    }
}

/// Every break as type, state, resolution and detail.
fn told(said: &Said) -> Vec<String> {
    let breaks = &said.tables.breaks;
    let word = |name, row| read::words(breaks, name).get(row);
    let detail = read::text(breaks, "detail");
    let line = |row: usize| {
        let end = if detail.is_valid(row) { format!(" [{}]", detail.value(row)) } else { String::new() };
        [word("break_type", row), word("state", row), word("resolution", row)].join(" ").trim_end().to_owned() + &end
    };
    let mut lines: Vec<String> = (0..breaks.num_rows()).map(line).collect();
    lines.sort();
    lines
}

/// The lines of the rollforward that are not all zero: type, then opening, new, cleared, resolved, closing.
fn rolled(said: &Said) -> Vec<String> {
    let table = &said.tables.rollforward;
    let line = |row: usize| {
        let cells = ["opening", "new", "cleared", "resolved", "closing"].map(|name| {
            let amount = Amount(read::amounts(table, &format!("{name}_amount")).value(row));
            format!("{} of {amount}", read::counts(table, name).value(row))
        });
        format!("{}: {}", read::words(table, "break_type").get(row), cells.join(", "))
    };
    (0..table.num_rows()).map(line).collect()
}

/// The same night closed again with what was decided about its breaks.
fn decide(before: &Nights, night: u32, given: &str, decisions: Vec<Resolution>) -> (Nights, Said) {
    let mut nights = before.clone();
    nights.resolutions.extend(decisions);
    let said = nights.close(night, given);
    (nights, said)
}

#[test]
fn a_missing_payment_is_resolved_once_and_meets_a_late_counterpart_all_the_same() {
    let before = Nights::default();
    let given = "M m1 100 ref=A due=17";
    let found = before.clone().close(17, given);
    let decision = decided(&found.tables.breaks, 0, Action::Accept, 17);
    let (mut nights, said) = decide(&before, 17, given, vec![decision]);
    // Found and resolved on one night: it counts as both.
    assert_eq!(told(&said), ["missing_in_provider resolved accept: as told on the telephone (Ann)"]);
    assert_eq!(rolled(&said), ["missing_in_provider: 0 of 0.00, 1 of -100.00, 0 of 0.00, 1 of -100.00, 0 of 0.00"]);
    assert_eq!(texts(&said.open_items, "id"), ["m1"], "its item is carried");
    // Found again, it is resolved still, and is neither new nor resolved again.
    for night in [18, 19] {
        let said = nights.close(night, "");
        assert_eq!(told(&said), ["missing_in_provider resolved accept: as told on the telephone (Ann)"]);
        assert_eq!(rolled(&said), [] as [&str; 0]);
        let first_seen = read::dates(&said.tables.breaks, "first_seen").value(0);
        assert_eq!(first_seen, tieout::table::build::day_number(day(17)));
    }
    // What comes after all meets it, and nothing is left of the break.
    let said = nights.close(20, "P e1 100 ref=A seen=20 due=21");
    assert_eq!((texts(&said.matches, "attempt_id"), told(&said)), (vec!["m1"], Vec::new()));
    assert_eq!((rolled(&said).len(), said.open_items.num_rows()), (0, 0));
}

#[test]
fn a_carried_break_leaves_once_it_is_resolved() {
    let mut nights = Nights::default();
    let said = nights.close(17, "P e1 90 ref=A; P e2 80 ref=B; M m1 100 ref=A; M m2 100 ref=B");
    assert_eq!(said.tables.breaks.num_rows(), 2);
    let row = (0..2).find(|&row| read::text(&said.tables.breaks, "entry_id").value(row) == "e2").expect("its break");
    nights.resolutions.push(decided(&said.tables.breaks, row, Action::WriteOff, 18));
    let said = nights.close(18, "");
    let words = told(&said);
    assert_eq!(
        words.iter().filter(|line| line.contains("resolved write_off: as told on the telephone (Ann)")).count(),
        1,
        "{words:?}"
    );
    assert_eq!(rolled(&said), ["amount_mismatch: 2 of -30.00, 0 of 0.00, 0 of 0.00, 1 of -20.00, 1 of -10.00"]);
    let (open_before, said) = (nights.open_items.num_rows(), nights.close(19, ""));
    assert_eq!(rolled(&said), ["amount_mismatch: 1 of -10.00, 0 of 0.00, 0 of 0.00, 0 of 0.00, 1 of -10.00"]);
    // Where both sides wait for more parts, the pair is found again, and stays resolved.
    assert_eq!(said.tables.breaks.num_rows(), if open_before > 0 { 2 } else { 1 });
}

#[test]
fn a_decision_about_what_a_break_said_before_is_void() {
    let before = Nights::default();
    let given = "M m1 100 ref=A due=17; P e1 7 ref=B due=17";
    let found = before.clone().close(17, given);
    let other = |row: usize, change: fn(&mut Resolution)| {
        let mut decision = decided(&found.tables.breaks, row, Action::NotOurs, 17);
        change(&mut decision);
        decision
    };
    let row = |kind: &str| (0..2).find(|&row| read::words(&found.tables.breaks, "break_type").get(row) == kind).expect("a break");
    let (provider, merchant) = (row("missing_in_provider"), row("missing_in_merchant"));
    for (decisions, said) in [
        (
            vec![other(provider, |decision| decision.said.difference = Amount::whole(-99))],
            "void: the resolution of 2026-11-17 by Ann: difference was -99.00, is -100.00",
        ),
        (
            vec![other(provider, |decision| decision.said.currency = "USD".to_owned())],
            "void: the resolution of 2026-11-17 by Ann: currency was USD, is CNY",
        ),
        (
            vec![other(provider, |decision| decision.said.break_type = "ambiguous".to_owned())],
            "void: the resolution of 2026-11-17 by Ann: break_type was ambiguous, is missing_in_provider",
        ),
        (
            vec![other(provider, |decision| decision.said.provider_amount = Some(Amount::whole(3)))],
            "void: the resolution of 2026-11-17 by Ann: provider_amount was 3.00, is nothing",
        ),
        // Of several that are void the last is told.
        (
            vec![
                other(provider, |decision| decision.said.difference = Amount::whole(-99)),
                other(provider, |decision| {
                    decision.said.difference = Amount::whole(-98);
                    decision.by = "Ben".to_owned();
                    decision.on = day(18);
                }),
            ],
            "void: the resolution of 2026-11-17 by Ann: difference was -99.00, is -100.00",
        ),
    ] {
        let (mut nights, first) = decide(&before, 17, given, decisions);
        assert!(told(&first).contains(&format!("missing_in_provider open [{said}]")), "{:?}", told(&first));
        assert!(told(&first).contains(&"missing_in_merchant open".to_owned()), "another break is not touched");
        // Told once a night, and no more once the decision is taken back.
        nights.resolutions.truncate(1);
        let second = nights.close(18, "");
        assert!(told(&second).contains(&format!("missing_in_provider open [{said}]")), "{:?}", told(&second));
        nights.resolutions.clear();
        assert!(nights.close(19, "").tables.breaks.column_by_name("detail").expect("a column").null_count() == 2);
    }
    // An amount that is not given may be anything; and one that fits holds beside one that does not.
    let decisions = vec![
        other(merchant, |decision| decision.said.provider_amount = None),
        other(provider, |decision| decision.said.difference = Amount::whole(-99)),
        other(provider, |_| {}),
    ];
    let (_, said) = decide(&before, 17, given, decisions);
    assert!(
        told(&said).iter().all(|line| line.ends_with("resolved not_ours: as told on the telephone (Ann)")),
        "{:?}",
        told(&said)
    );
}

#[test]
fn a_decision_that_is_taken_back_opens_what_is_found_again() {
    let before = Nights::default();
    let given = "M m1 100 ref=A due=17";
    let found = before.clone().close(17, given);
    let (mut nights, _) = decide(&before, 17, given, vec![decided(&found.tables.breaks, 0, Action::Duplicate, 17)]);
    nights.resolutions.clear();
    let said = nights.close(18, "");
    assert_eq!(told(&said), ["missing_in_provider open"]);
    assert_eq!(rolled(&said), ["missing_in_provider: 0 of 0.00, 1 of -100.00, 0 of 0.00, 0 of 0.00, 1 of -100.00"]);
    assert_eq!(read::counts(&said.tables.breaks, "age_days").value(0), 1, "known since its first night");
}

/// What a line of the rollforward is about, and its count and amount in a column.
type Ties = BTreeMap<String, (i64, Amount)>;

fn line_of(batch: &RecordBatch, row: usize) -> String {
    ["provider", "currency", "break_type"].map(|name| read::words(batch, name).get(row)).join(" ")
}

fn ties(rollforward: &RecordBatch, name: &str) -> Ties {
    let (counts, amounts) = (read::counts(rollforward, name), read::amounts(rollforward, &format!("{name}_amount")));
    let rows = (0..rollforward.num_rows()).filter(|&row| counts.value(row) != 0);
    rows.map(|row| (line_of(rollforward, row), (counts.value(row), Amount(amounts.value(row))))).collect()
}

/// The breaks in one of these states, counted anew.
fn counted(breaks: &RecordBatch, is_meant: impl Fn(usize) -> bool) -> Ties {
    let mut ties = Ties::new();
    for row in (0..breaks.num_rows()).filter(|&row| is_meant(row)) {
        let tie = ties.entry(line_of(breaks, row)).or_default();
        tie.0 += 1;
        tie.1 += Amount(read::amounts(breaks, "difference").value(row));
    }
    ties
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    /// Law 6 over three nights, of whose breaks any are resolved on the night they are seen, some of them for what they
    /// never said; and some decisions are taken back.
    #[test]
    fn whatever_is_decided_rolls_forward(
        first in night_of(17), second in night_of(18), third in night_of(19),
        chosen in prop::collection::vec(0..4_u8, 60), taken_back: bool,
    ) {
        let mut nights = Nights::default();
        let (mut closed, mut chosen) = (Ties::new(), chosen.into_iter().cycle());
        let mut resolved_before: BTreeSet<String> = BTreeSet::new();
        for (night, given) in [(17, first), (18, second), (19, third)] {
            let given = given.join("\n");
            let found = nights.clone().close(night, &given).tables.breaks;
            let mut decisions = Vec::new();
            for row in 0..found.num_rows() {
                let mut decision = decided(&found, row, Action::ALL[row % 5], night);
                match chosen.next().expect("it goes round") {
                    0 if ["open", "waiting"].contains(&read::words(&found, "state").get(row)) => decisions.push(decision),
                    1 => {
                        decision.said.difference += Amount::whole(1);
                        decisions.push(decision);
                    }
                    _ => {}
                }
            }
            if taken_back && night == 18 {
                nights.resolutions.clear();
            }
            let (after, said) = decide(&nights, night, &given, decisions);
            let (breaks, rollforward) = (&said.tables.breaks, &said.tables.rollforward);
            let state = |row| read::words(breaks, "state").get(row);
            let is_live = |row| ["open", "waiting"].contains(&state(row));
            let id = |row| read::text(breaks, "break_id").value(row).to_owned();

            prop_assert_eq!(&ties(rollforward, "opening"), &closed);
            closed = ties(rollforward, "closing");
            prop_assert_eq!(&closed, &counted(breaks, is_live));
            for row in 0..rollforward.num_rows() {
                let count = |name| read::counts(rollforward, name).value(row);
                let amount = |name| Amount(read::amounts(rollforward, name).value(row));
                prop_assert_eq!(count("opening") + count("new") - count("cleared") - count("resolved"), count("closing"));
                let left = amount("opening_amount") + amount("new_amount") - amount("cleared_amount") - amount("resolved_amount");
                prop_assert_eq!(left, amount("closing_amount"));
            }
            // A break is counted as resolved on the first of the nights in a row that have it so.
            let is_resolved = |row| state(row) == "resolved" && !resolved_before.contains(&id(row));
            prop_assert_eq!(&ties(rollforward, "resolved"), &counted(breaks, is_resolved));
            let resolution = read::words(breaks, "resolution");
            for row in 0..breaks.num_rows() {
                prop_assert_eq!(resolution.optional(row).is_some(), state(row) == "resolved");
                let fits = after.resolutions.iter().any(|decision| {
                    decision.break_id.to_string() == id(row) && decision.said == Says::of(breaks).row(row)
                });
                prop_assert!(!(fits && is_live(row)), "a decision that fits holds");
                let detail = read::text(breaks, "detail");
                let void = if detail.is_valid(row) { detail.value(row).matches("void: ").count() } else { 0 };
                let is_known = after.resolutions.iter().any(|decision| decision.break_id.to_string() == id(row));
                prop_assert_eq!(void, usize::from(is_known && is_live(row)));
            }
            resolved_before = (0..breaks.num_rows()).filter(|&row| state(row) == "resolved").map(id).collect();
            nights = after;
        }
    }
}
