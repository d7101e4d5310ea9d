//! Payouts against their lines and the bank.

use chrono::{Days, NaiveDate};

use super::rows::Row;
use super::{Break, Identifiers, Kind, State};
use crate::simulation::files::money;
use crate::simulation::world::{Files, Line, PROVIDERS, Setting};

/// A payout that is known: the lines of one batch, and what is stated of it.
#[derive(Clone, Default)]
pub(in crate::simulation) struct Payout {
    /// By its place among the providers.
    provider: usize,
    reference: String,
    currency: &'static str,
    lines: usize,
    gross: i64,
    refunds: i64,
    chargebacks: i64,
    fees: i64,
    other: i64,
    /// What the provider calls each payout of it, and its amount.
    statements: Vec<(String, i64)>,
    /// Everything it is called.
    names: Vec<String>,
    paid_on: Option<NaiveDate>,
    first_seen: NaiveDate,
    expected_by: NaiveDate,
    /// How it met the bank, what it was due then, and when the last of it was booked.
    met: Option<(&'static str, i64, NaiveDate)>,
    /// The other candidates, where several fit.
    ambiguous: bool,
    /// What the bank has where it names it and has another amount.
    other_amount: Option<i64>,
}

/// A line of the bank that no payout explains.
#[derive(Clone)]
pub(in crate::simulation) struct Booked {
    id: String,
    reference: String,
    text: String,
    cents: i64,
    booked_on: NaiveDate,
    first_seen: NaiveDate,
    expected_by: NaiveDate,
    outcome: (&'static str, &'static str),
}

/// What a night says of them.
#[derive(Default)]
pub(super) struct Paid {
    pub(super) breaks: Vec<Break>,
    pub(super) rows: Vec<Row>,
    pub(super) bank_rows: Vec<Row>,
    pub(super) payouts: Vec<Payout>,
    pub(super) bank: Vec<Booked>,
}

pub(super) fn close(setting: &Setting, date: NaiveDate, files: &Files, ids: &Identifiers, before: &State) -> Paid {
    // Where several fitted, and where another amount was found, everything is looked at anew.
    let mut payouts: Vec<Payout> =
        before.payouts.iter().map(|payout| Payout { ambiguous: false, other_amount: None, ..payout.clone() }).collect();
    for (provider, lines) in files.lines.iter().enumerate() {
        // A line that names no batch is in none, and what moves no money says nothing of one.
        for line in lines.iter().filter(|line| !line.batch.is_empty() && line.kind != "info") {
            add(&mut payouts, provider, line, setting, date);
        }
    }
    let latest = PROVIDERS.iter().map(|provider| setting.settled_by(provider, date)).max().expect("a provider");
    let tonight = files.bank.iter().zip(&ids.bank).map(|(line, id)| Booked {
        id: id.clone(),
        reference: line.reference.clone(),
        text: line.text.clone(),
        cents: line.cents,
        booked_on: date,
        first_seen: date,
        expected_by: latest,
        outcome: ("", ""),
    });
    let carried = before.bank.iter().map(|line| Booked { outcome: ("", ""), ..line.clone() });
    let mut bank: Vec<Booked> = carried.chain(tonight).collect();
    meet(&mut payouts, &mut bank);
    let mut paid = Paid::default();
    for payout in &payouts {
        let state = payout.state(date);
        paid.rows.push(payout.row(state));
        paid.breaks.extend(payout.breaks(state, date));
    }
    for line in &mut bank {
        if line.outcome.0.is_empty() {
            line.outcome = if line.expected_by > date { ("waiting", "bank_unexplained") } else { ("break", "bank_unexplained") };
        }
        paid.breaks.extend(line.unexplained(date));
        if line.first_seen == date {
            paid.bank_rows.push(line.row());
        }
    }
    paid.payouts = payouts.into_iter().filter(|payout| payout.goes_on(date)).collect();
    paid.bank = bank.into_iter().filter(|line| line.outcome.0 != "payout").collect();
    paid
}

/// Adds a line to its batch, which may be a new one.
fn add(payouts: &mut Vec<Payout>, provider: usize, line: &Line, setting: &Setting, date: NaiveDate) {
    let same = |known: &Payout| known.provider == provider && known.reference == line.batch && known.currency == line.currency;
    let at = payouts.iter().position(same).unwrap_or_else(|| {
        payouts.push(Payout {
            provider,
            reference: line.batch.clone(),
            currency: line.currency,
            names: vec![line.batch.clone()],
            first_seen: date,
            expected_by: setting.settled_by(&PROVIDERS[provider], date),
            ..Payout::default()
        });
        payouts.len() - 1
    });
    let payout = &mut payouts[at];
    payout.fees += line.fee;
    match line.kind {
        "payout" => {
            let statement = (line.provider_reference.clone(), -line.gross);
            if payout.statements.contains(&statement) {
                return;
            }
            payout.statements.push(statement);
            let names = [&line.provider_reference, &line.merchant_reference].map(String::clone);
            payout.names.extend(names.into_iter().filter(|name| !name.is_empty()));
            let paid_on = setting.date_of(line.occurred_at);
            payout.paid_on = Some(paid_on);
            payout.expected_by = setting.settled_by(&PROVIDERS[provider], paid_on);
            return;
        }
        "fee" | "fee_refund" | "tax" => payout.fees -= line.gross,
        "payment" => payout.gross += line.gross,
        "refund" => payout.refunds += line.gross,
        "chargeback" | "chargeback_reversal" => payout.chargebacks += line.gross,
        _ => payout.other += line.gross,
    }
    payout.lines += 1;
}

impl Payout {
    fn expected(&self) -> i64 {
        self.gross + self.refunds + self.chargebacks - self.fees + self.other
    }

    fn stated(&self) -> Option<i64> {
        (!self.statements.is_empty()).then(|| self.statements.iter().map(|(_, cents)| cents).sum())
    }

    fn residual(&self) -> Option<i64> {
        self.stated().filter(|_| self.lines > 0).map(|stated| stated - self.expected())
    }

    /// What should be in the bank: what is stated, or else what its lines add up to.
    fn due(&self) -> i64 {
        self.stated().unwrap_or_else(|| self.expected())
    }

    /// Where the job has a bank, lines without a payout wait for it as well: `unstated` is said where it has none.
    fn state(&self, night: NaiveDate) -> &'static str {
        if self.met.is_some_and(|(_, due, _)| due == self.due()) {
            "in_bank"
        } else if self.ambiguous {
            "ambiguous"
        } else if self.due() == 0 {
            "nothing_to_pay"
        } else if self.met.is_some() || self.other_amount.is_some() || self.expected_by <= night {
            "not_in_bank"
        } else {
            "waiting"
        }
    }

    /// Whether it is known to the next night: the bank has it not, its lines do not add up, or more of it may come.
    fn goes_on(&self, night: NaiveDate) -> bool {
        let more = (self.stated().is_none() || self.lines == 0) && self.expected_by > night;
        let missing = ["ambiguous", "not_in_bank", "waiting"].contains(&self.state(night));
        more || missing || self.residual().is_some_and(|residual| residual != 0)
    }

    fn breaks(&self, state: &str, night: NaiveDate) -> Vec<Break> {
        let about = |kind, state, should: i64, is: Option<i64>, difference| Break {
            kind,
            about: vec![(true, Kind::Other, format!("{} {} {}", PROVIDERS[self.provider].name, self.reference, self.currency))],
            waits_for: Vec::new(),
            state,
            provider: PROVIDERS[self.provider].name.to_owned(),
            merchant_reference: String::new(),
            provider_reference: self.reference.clone(),
            order: String::new(),
            attempt: String::new(),
            refund: String::new(),
            entry: String::new(),
            currency: self.currency,
            merchant_amount: Some(should),
            provider_amount: is,
            difference,
            first_seen: night,
            cleared_on: None,
        };
        let mut breaks = Vec::new();
        if let Some(residual) = self.residual().filter(|residual| *residual != 0) {
            breaks.push(about("payout_residual", "open", self.expected(), self.stated(), residual));
        }
        let has = self.met.map(|(_, due, _)| due).or(self.other_amount);
        let missing = has.unwrap_or(0) - self.due();
        match state {
            "waiting" => breaks.push(about("payout_not_in_bank", "waiting", self.due(), has, missing)),
            "not_in_bank" => breaks.push(about("payout_not_in_bank", "open", self.due(), has, missing)),
            "ambiguous" => breaks.push(about("ambiguous", "open", self.due(), None, -self.due())),
            _ => {}
        }
        breaks
    }

    fn row(&self, state: &str) -> Row {
        let optional = |cents: Option<i64>| cents.map(money).unwrap_or_default();
        let day = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
        vec![
            ("provider", PROVIDERS[self.provider].name.to_owned()),
            ("reference", self.reference.clone()),
            ("currency", self.currency.to_owned()),
            ("state", state.to_owned()),
            ("lines", self.lines.to_string()),
            ("gross", money(self.gross)),
            ("refunds", money(self.refunds)),
            ("chargebacks", money(self.chargebacks)),
            ("fees", money(self.fees)),
            ("other", money(self.other)),
            ("expected", money(self.expected())),
            ("stated", optional(self.stated())),
            ("residual", optional(self.residual())),
            ("paid_on", day(self.paid_on)),
            ("pass", self.met.map_or("", |(pass, _, _)| pass).to_owned()),
            ("bank_amount", optional(self.met.map(|(_, due, _)| due))),
            ("booked_on", day(self.met.map(|(_, _, booked_on)| booked_on))),
            ("first_seen", self.first_seen.to_string()),
            ("expected_by", self.expected_by.to_string()),
        ]
    }
}

impl Booked {
    fn names(&self, name: &str) -> bool {
        self.reference == name || self.text.split(' ').any(|word| word == name)
    }

    fn unexplained(&self, night: NaiveDate) -> Option<Break> {
        let kind @ ("bank_unexplained" | "ambiguous") = self.outcome.1 else { return None };
        Some(Break {
            kind,
            about: vec![(true, Kind::Other, self.id.clone())],
            waits_for: Vec::new(),
            state: if self.outcome.0 == "waiting" { "waiting" } else { "open" },
            provider: String::new(),
            merchant_reference: String::new(),
            provider_reference: self.reference.clone(),
            order: String::new(),
            attempt: String::new(),
            refund: String::new(),
            entry: String::new(),
            currency: "USD",
            merchant_amount: None,
            provider_amount: Some(self.cents),
            difference: self.cents,
            first_seen: night,
            cleared_on: None,
        })
    }

    fn row(&self) -> Row {
        vec![
            ("amount", money(self.cents)),
            ("customer_reference", self.reference.clone()),
            ("text", self.text.clone()),
            ("outcome", self.outcome.0.to_owned()),
            ("outcome_reason", self.outcome.1.to_owned()),
        ]
    }
}

/// Which payouts and lines are the same money: by name, by amount and date, by a sum.
fn meet(payouts: &mut [Payout], bank: &mut [Booked]) {
    by_name(payouts, bank);
    by_amount_and_date(payouts, bank);
    by_sum(payouts, bank);
}

fn is_open(payout: &Payout) -> bool {
    payout.met.is_none() && !payout.ambiguous && payout.other_amount.is_none() && payout.currency == "USD" && payout.due() != 0
}

fn by_name(payouts: &mut [Payout], bank: &mut [Booked]) {
    for start in 0..payouts.len() {
        // All payouts and lines that names join, directly or through others.
        let (mut group, mut lines) = (vec![start], Vec::new());
        loop {
            let size = group.len() + lines.len();
            for (at, line) in bank.iter().enumerate() {
                let named = |of: &usize| is_open(&payouts[*of]) && payouts[*of].names.iter().any(|name| line.names(name));
                if line.outcome.0.is_empty() && !lines.contains(&at) && group.iter().any(named) {
                    lines.push(at);
                }
            }
            for (at, payout) in payouts.iter().enumerate() {
                let named = |line: &usize| payout.names.iter().any(|name| bank[*line].names(name));
                if is_open(payout) && !group.contains(&at) && lines.iter().any(named) {
                    group.push(at);
                }
            }
            if group.len() + lines.len() == size {
                break;
            }
        }
        let due: i64 = group.iter().map(|at| payouts[*at].due()).sum();
        let has: i64 = lines.iter().map(|at| bank[*at].cents).sum();
        if lines.is_empty() {
            continue;
        }
        let booked_on = lines.iter().map(|at| bank[*at].booked_on).max().expect("a line");
        if due == has {
            for at in group {
                payouts[at].met = Some(("reference", payouts[at].due(), booked_on));
            }
            for at in lines {
                bank[at].outcome = ("payout", "reference");
            }
        } else if let ([payout], [line]) = (&group[..], &lines[..]) {
            payouts[*payout].other_amount = Some(bank[*line].cents);
            bank[*line].outcome = ("break", "payout_not_in_bank");
        }
    }
}

/// A payout that no name joins is not looked for longer than a week after it was expected.
fn is_in_time(payout: &Payout, line: &Booked) -> bool {
    // One that is not stated yet is dated by the night that first heard of it.
    line.booked_on >= payout.paid_on.unwrap_or(payout.first_seen) && line.booked_on <= payout.expected_by + Days::new(7)
}

fn by_amount_and_date(payouts: &mut [Payout], bank: &mut [Booked]) {
    let fits = |payout: &Payout, line: &Booked| {
        is_open(payout) && line.outcome.0.is_empty() && payout.due() == line.cents && is_in_time(payout, line)
    };
    let (mut pairs, mut several) = (Vec::new(), (Vec::new(), Vec::new()));
    for (at, payout) in payouts.iter().enumerate() {
        for (line, booked) in bank.iter().enumerate().filter(|(_, line)| fits(payout, line)) {
            let lines = bank.iter().filter(|other| fits(payout, other)).count();
            let candidates = payouts.iter().filter(|other| fits(other, booked)).count();
            if (lines, candidates) == (1, 1) {
                pairs.push((at, line));
            } else {
                several.0.push(at);
                several.1.push(line);
            }
        }
    }
    for (payout, line) in pairs {
        payouts[payout].met = Some(("amount_and_date", payouts[payout].due(), bank[line].booked_on));
        bank[line].outcome = ("payout", "amount_and_date");
    }
    set_ambiguous(payouts, bank, &several.0, &several.1);
}

fn set_ambiguous(payouts: &mut [Payout], bank: &mut [Booked], several: &[usize], lines: &[usize]) {
    for at in several {
        payouts[*at].ambiguous = true;
    }
    for at in lines {
        bank[*at].outcome = ("break", "ambiguous");
    }
}

/// Of more payouts of one account than this, no sum is tried.
const SUMMANDS: usize = 12;

/// Lines that are the sum of two or more payouts of one account, where there is one way.
fn by_sum(payouts: &mut [Payout], bank: &mut [Booked]) {
    let mut ways: Vec<(usize, Vec<usize>)> = Vec::new();
    for (line, booked) in bank.iter().enumerate().filter(|(_, line)| line.outcome.0.is_empty()) {
        for provider in 0..PROVIDERS.len() {
            let of_account =
                |at: &usize| payouts[*at].provider == provider && is_open(&payouts[*at]) && is_in_time(&payouts[*at], booked);
            let account: Vec<usize> = (0..payouts.len()).filter(of_account).collect();
            // Where one account has too many, what is found of another may not be the only way.
            if account.len() > SUMMANDS {
                ways.retain(|(of, _)| *of != line);
                break;
            }
            for set in 0_u32..1 << account.len() {
                let chosen: Vec<usize> =
                    account.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).map(|(_, payout)| *payout).collect();
                if chosen.len() > 1 && chosen.iter().map(|at| payouts[*at].due()).sum::<i64>() == booked.cents {
                    ways.push((line, chosen));
                }
            }
        }
    }
    // A line with one way, whose payouts are in no other.
    let shared = |one: &(usize, Vec<usize>), other: &(usize, Vec<usize>)| {
        one != other && (one.0 == other.0 || one.1.iter().any(|payout| other.1.contains(payout)))
    };
    for way in &ways {
        if ways.iter().any(|other| shared(way, other)) {
            set_ambiguous(payouts, bank, &way.1, &[way.0]);
        } else {
            for at in &way.1 {
                payouts[*at].met = Some(("subset_sum", payouts[*at].due(), bank[way.0].booked_on));
            }
            bank[way.0].outcome = ("payout", "subset_sum");
        }
    }
}
