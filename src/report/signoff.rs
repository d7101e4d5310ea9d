//! Who stands for a night.

use serde_json::{Value, json};

use super::grid::line;
use crate::lake::{Act, Approval, Manifest};

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// For a person.
#[must_use]
pub fn text(manifest: &Manifest, approval: &Approval, is_new: bool) -> String {
    let night = &manifest.night;
    let mut text = String::new();
    let signed = if is_new { "signed" } else { "signed before, nothing was added" };
    line(&mut text, format!("{} {}, generation {}: {signed}", night.job, night.business_date, manifest.generation));
    line(&mut text, "");
    for (role, act) in [("preparer", &approval.preparer), ("reviewer", &approval.reviewer)] {
        let who = act.as_ref().map_or_else(|| "nobody yet".to_owned(), |act| format!("{}, {}", act.by, act.at));
        line(&mut text, format!("  {role}  {who}"));
    }
    line(&mut text, format!("  manifest  {}", manifest.sha256));
    if approval.is_closed() {
        line(&mut text, "  closed    published anew only with --reopen --reason");
    }
    text
}

/// For a program: one line.
#[must_use]
pub fn json(manifest: &Manifest, approval: &Approval, is_new: bool) -> String {
    let object = json!({
        "schema_version": SCHEMA_VERSION,
        "job": manifest.night.job,
        "business_date": manifest.night.business_date,
        "generation": manifest.generation,
        "manifest_sha256": manifest.sha256,
        "changed": is_new,
        "approval": of(approval),
    });
    format!("{object}\n")
}

/// Who signed, for a program.
pub(super) fn of(approval: &Approval) -> Value {
    json!({
        "preparer": approval.preparer.as_ref().map(act),
        "reviewer": approval.reviewer.as_ref().map(act),
        "closed": approval.is_closed(),
        "voided": approval.voided.iter().map(act).collect::<Vec<_>>(),
    })
}

fn act(act: &Act) -> Value {
    json!({ "deed": act.deed.word(), "generation": act.generation, "by": act.by, "at": act.at, "comment": act.comment })
}

/// Who signed, in a line.
pub(super) fn mark(approval: &Approval) -> Option<String> {
    let name = |act: &Option<Act>| act.as_ref().map(|act| act.by.clone());
    match (name(&approval.preparer), name(&approval.reviewer)) {
        (Some(preparer), Some(reviewer)) => Some(format!("closed: signed by {preparer} and {reviewer}")),
        (Some(preparer), None) => Some(format!("signed by {preparer}, not yet reviewed")),
        _ => {
            let names: Vec<&str> = approval.voided.iter().map(|act| act.by.as_str()).collect();
            (!names.is_empty()).then(|| format!("VOIDED: signed by {}, before it was published anew", names.join(" and ")))
        }
    }
}
