//! One published row in words.

use chrono::DateTime;

use super::rows::Row;

/// What a row says.
#[derive(Debug)]
pub(super) struct Sentence<'a> {
    /// The instant, in microseconds since 1970-01-01 UTC; none for what the close of the night says.
    pub(super) at: Option<i64>,
    pub(super) when: String,
    pub(super) what: String,
    pub(super) details: Vec<String>,
    row: &'a Row,
}

impl<'a> Sentence<'a> {
    pub(super) fn of(row: &'a Row) -> Self {
        let told = match row.table.name {
            "orders" => Self::at(row, &["created_at"], order(row)),
            "attempts" => Self::at(row, &["finished_at", "started_at"], attempt(row)),
            "refunds" => Self::at(row, &["requested_at"], refund(row)),
            "entries" => Self::at(row, &["occurred_at"], entry(row)),
            "matches" => Self::at(row, &[], agreed(row)),
            "payouts" => Self::at(row, &[], payout(row)),
            "bank_lines" => Self::at(row, &[], bank_line(row)),
            "breaks" => Self::at(row, &[], format!("break {}: {}", name_of_break(row), row.get("state"))),
            other => unreachable!("no story tells rows of {other}"),
        };
        match row.table.name {
            "orders" => told.place(),
            "attempts" => told.names(&["merchant_reference", "provider_reference"]).place(),
            "refunds" => told.names(&["merchant_reference", "merchant_refund_reference"]).names(&["provider_reference"]).place(),
            "entries" => told
                .names(&["merchant_reference", "merchant_refund_reference"])
                .names(&["original_reference"])
                .names(&["entry_id"])
                .place(),
            "matches" => told.names(&["match_id"]),
            "payouts" => told.names(&["payout_id"]),
            "bank_lines" => told.names(&["bank_line_id"]).place(),
            _ => told,
        }
    }

    /// A sentence dated by the first of the columns that is filled, or by the close.
    fn at(row: &'a Row, columns: &[&str], what: String) -> Self {
        let instant = columns.iter().map(|column| row.get(column)).find(|instant| !instant.is_empty());
        Self {
            at: instant.and_then(|instant| DateTime::parse_from_rfc3339(instant).ok()).map(|instant| instant.timestamp_micros()),
            when: instant.map_or_else(|| "at the close".to_owned(), local),
            what,
            details: Vec::new(),
            row,
        }
    }

    /// Adds a line with those of the names that the row states.
    fn names(mut self, columns: &[&str]) -> Self {
        let stated = columns.iter().filter(|column| !self.row.get(column).is_empty());
        let names: Vec<String> = stated.map(|column| format!("{column} {}", self.row.get(column))).collect();
        if !names.is_empty() {
            self.details.push(names.join(", "));
        }
        self
    }

    /// Adds a line with the place it was read from, and where it ended.
    fn place(mut self) -> Self {
        let file = self.row.file.as_deref().unwrap_or_else(|| self.row.get("file_id"));
        let mut place = format!("{file}, line {}", self.row.get("line"));
        let ended = [self.row.get("outcome"), self.row.get("outcome_reason")];
        let ended: Vec<&str> = ended.into_iter().filter(|word| !word.is_empty()).collect();
        if !ended.is_empty() {
            place = format!("{place}; ended as {}", ended.join(", "));
        }
        self.details.push(place);
        self
    }
}

fn order(row: &Row) -> String {
    format!("the merchant recorded order {}: {}, {}", row.get("order_id"), money(row, "amount"), row.get("status"))
}

fn attempt(row: &Row) -> String {
    let code = match row.get("failure_code") {
        "" => String::new(),
        code => format!(" ({code})"),
    };
    format!(
        "the merchant recorded attempt {}{}: {}, {}{code}",
        row.get("attempt_id"),
        with(row),
        money(row, "amount"),
        row.get("status")
    )
}

fn refund(row: &Row) -> String {
    format!("the merchant recorded refund {}{}: {}, {}", row.get("refund_id"), with(row), money(row, "amount"), row.get("status"))
}

fn with(row: &Row) -> String {
    match row.get("provider") {
        "" => String::new(),
        provider => format!(" with {provider}"),
    }
}

/// What the customer was charged comes first: it is what is compared.
fn entry(row: &Row) -> String {
    let (charged, settles) = (format!("{} {}", row.get("customer_amount"), row.get("customer_currency")), money(row, "gross"));
    let stated = match row.get("customer_amount") {
        "" => settles,
        _ if charged == settles => settles,
        _ => format!("{charged}, settles {settles}"),
    };
    let named: Vec<&str> = [row.get("kind"), row.get("provider_reference")].into_iter().filter(|word| !word.is_empty()).collect();
    let (provider, fee, net) = (row.get("provider"), row.get("fee"), row.get("net"));
    let contract = match row.get("fee_contracted") {
        contracted if contracted.is_empty() || contracted == fee => String::new(),
        contracted => format!(" where {contracted} is contracted"),
    };
    format!("{provider} states {}: {stated}, fee {fee}{contract}, net {net}", named.join(" "))
}

/// From its lines to the bank.
fn payout(row: &Row) -> String {
    let stated = match row.get("stated") {
        "" => "states no payout of batch".to_owned(),
        stated => format!("pays {stated} {} as payout", row.get("currency")),
    };
    let lines = match (row.get("lines"), row.get("residual")) {
        ("0", _) => "of which no lines are stated".to_owned(),
        ("1", "") => format!("whose one line is {}", row.get("expected")),
        ("1", residual) => format!("whose one line is {}, residual {residual}", row.get("expected")),
        (lines, "") => format!("whose {lines} lines add up to {}", row.get("expected")),
        (lines, residual) => format!("whose {lines} lines add up to {}, residual {residual}", row.get("expected")),
    };
    let bank = match (row.get("bank"), row.get("state")) {
        ("", "waiting") => format!("expected in the bank by {}", row.get("expected_by")),
        ("", state) => state.replace('_', " "),
        (bank, _) => {
            format!("{} of it in {bank} on {}, by pass {}", row.get("bank_amount"), row.get("booked_on"), row.get("pass"))
        }
    };
    format!("{} {stated} {}, {lines}: {bank}", row.get("provider"), row.get("reference"))
}

fn bank_line(row: &Row) -> String {
    let text = match row.get("text") {
        "" => String::new(),
        text => format!(": {text}"),
    };
    format!("{} booked {} on {}{text}", row.get("bank"), money(row, "amount"), row.get("booked_on"))
}

fn agreed(row: &Row) -> String {
    let (merchant, provider) = (row.get("merchant_amount"), row.get("provider_amount"));
    let amounts = if merchant == provider {
        format!("both sides {}", money(row, "merchant_amount"))
    } else {
        format!("merchant {merchant}, provider {provider} {}, within tolerance", row.get("currency"))
    };
    let record = [row.get("attempt_id"), row.get("refund_id")].concat();
    let days = match row.get("settled_after_days") {
        "0" => "the same day".to_owned(),
        "1" => "1 day after the record".to_owned(),
        days => format!("{days} days after the record"),
    };
    // A link of a group with more records than entries has none.
    let items: Vec<&str> = [&record, row.get("entry_id")].into_iter().filter(|id| !id.is_empty()).collect();
    let group = match row.get("cardinality") {
        "1:1" => String::new(),
        entries_to_records => format!(", in parts of which {entries_to_records} belong together"),
    };
    format!("matched {} by pass {}{group}: {amounts}, {days}", items.join(" and "), row.get("pass"))
}

/// Its type and the items it is about, or the batch.
pub(super) fn name_of_break(row: &Row) -> String {
    let items = ["attempt_id", "refund_id", "entry_id"].map(|name| row.get(name));
    let items: Vec<&str> = items.into_iter().filter(|id| !id.is_empty()).collect();
    match (&items[..], row.get("provider_reference")) {
        ([], "") => row.get("break_type").to_owned(),
        ([], name) => match row.get("break_type") {
            kind @ "fee_mismatch" => format!("{kind} of batch {name}"),
            kind => format!("{kind} of {name}"),
        },
        // Of a payment, and not of what was given back last.
        (_, name) if !name.is_empty() && ["refund_exceeds_payment", "refund_unlinked"].contains(&row.get("break_type")) => {
            format!("{} of {name}", row.get("break_type"))
        }
        _ => format!("{} of {}", row.get("break_type"), items.join(" and ")),
    }
}

/// The detail of a break that has nothing else to say.
pub(super) fn both_amounts(row: &Row) -> String {
    format!("merchant {}, provider {}", money(row, "merchant_amount"), money(row, "provider_amount"))
}

/// Both amounts of a break and their difference.
pub(super) fn amounts_of_break(row: &Row) -> String {
    let stated = |name: &str| match row.get(name) {
        "" => "nothing".to_owned(),
        amount => amount.to_owned(),
    };
    let (ours, theirs) = match row.get("break_type") {
        "fee_mismatch" => ("contracted", "charged"),
        "refund_exceeds_payment" | "refund_unlinked" => ("at most", "given back"),
        "payout_residual" => ("lines", "payout"),
        "payout_not_in_bank" | "bank_unexplained" => ("due", "bank"),
        _ => ("merchant", "provider"),
    };
    let mut text = format!(
        "{ours} {}, {theirs} {}, difference {}",
        stated("merchant_amount"),
        stated("provider_amount"),
        money(row, "difference")
    );
    if !row.get("provider").is_empty() {
        text = format!("{}: {text}", row.get("provider"));
    }
    text
}

fn money(row: &Row, amount: &str) -> String {
    format!("{} {}", row.get(amount), row.get("currency"))
}

/// An instant as a wall clock shows it, to the second.
pub(super) fn local(instant: &str) -> String {
    instant.get(..19).unwrap_or(instant).replace('T', " ")
}
