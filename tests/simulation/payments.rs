//! Stories of payments.

use chrono::TimeDelta;

use super::stories::{Payment, Story, Teller, contracted};
use super::world::{Attempt, Line, PROVIDERS};

/// Which stories are told how often: the first is the usual one.
const STORIES: [Story; 25] = [
    (24, Teller::paid),
    (3, Teller::late_line),
    (3, Teller::late_record),
    (2, Teller::line_alone),
    (2, Teller::record_alone),
    (2, Teller::another_amount),
    (1, Teller::another_currency),
    (2, Teller::another_fee),
    (1, Teller::charged_in_another_currency),
    (1, Teller::line_copied),
    (1, Teller::charged_twice),
    (1, Teller::charged_twice_and_nobody_knows_which),
    (1, Teller::record_copied),
    (1, Teller::recorded_twice),
    (1, Teller::recorded_twice_and_nobody_knows_which),
    (3, Teller::paid_at_the_second_try),
    (2, Teller::false_failure),
    (2, Teller::not_paid),
    (2, Teller::captured_in_parts),
    (2, Teller::captured_over_nights),
    (1, Teller::without_a_reference),
    (1, Teller::without_a_reference_and_not_alone),
    (1, Teller::by_the_providers_reference),
    (1, Teller::two_payments_of_one_order),
    (1, Teller::of_no_provider_in_particular),
];

impl Teller {
    /// One order of a night: most are paid and that is all.
    pub(super) fn payment_story(&mut self, night: usize) {
        self.one_of(&STORIES, night);
    }

    /// Both sides state a payment, each on its own night or so many later; what is only late is found as such.
    pub(super) fn both(&mut self, payment: &Payment, line: Line, attempt: Attempt, later: (usize, usize)) -> bool {
        let record = self.records(attempt, later.1);
        // Past midnight a line is in the file of the next night.
        let line = self.states(payment.provider, line, later.0);
        self.find_late(payment, line, record);
        line.is_some() && record.is_some()
    }

    fn paid(&mut self, night: usize) {
        let payment = self.payment("paid", night);
        let line = self.line(&payment);
        self.both(&payment, line, Self::attempt(&payment), (0, 0));
    }

    fn late_line(&mut self, night: usize) {
        let payment = self.payment("the line comes nights later", night);
        let (line, later) = (self.line(&payment), 1 + self.chance.below(4));
        self.both(&payment, line, Self::attempt(&payment), (later, 0));
    }

    fn late_record(&mut self, night: usize) {
        let payment = self.payment("the record comes nights later", night);
        let (line, later) = (self.line(&payment), 1 + self.chance.below(4));
        self.both(&payment, line, Self::attempt(&payment), (0, later));
    }

    fn line_alone(&mut self, night: usize) {
        let payment = self.payment("no record", night);
        let line = self.line(&payment);
        let line = self.states(payment.provider, line, 0);
        self.find_late(&payment, line, None);
    }

    fn record_alone(&mut self, night: usize) {
        let payment = self.payment("no line", night);
        let record = self.records(Self::attempt(&payment), 0);
        self.find_late(&payment, None, record);
    }

    fn another_amount(&mut self, night: usize) {
        let payment = self.payment("another amount", night);
        let mut line = self.line(&payment);
        line.gross += [-100, -1, 1, 730][self.chance.below(4)];
        // Charged for what was taken: the amount alone is wrong. Or not: then it is the first thing that is.
        if self.chance.below(2) == 0 {
            line.fee = contracted(&PROVIDERS[payment.provider], line.gross);
        }
        if self.both(&payment, line, Self::attempt(&payment), (0, 0)) {
            self.find("amount_mismatch", payment.story);
        }
    }

    fn another_currency(&mut self, night: usize) {
        let payment = self.payment("another currency", night);
        let line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        attempt.currency = "GBP";
        if self.both(&payment, line, attempt, (0, 0)) {
            self.find("currency_mismatch", payment.story);
        }
    }

    fn another_fee(&mut self, night: usize) {
        let payment = self.payment("another fee", night);
        let mut line = self.line(&payment);
        line.fee += [-7, -1, 1, 25][self.chance.below(4)];
        if self.both(&payment, line, Self::attempt(&payment), (0, 0)) {
            self.find("fee_mismatch", payment.story);
        }
    }

    /// The customer pays in a currency that is not the one that settles; sometimes the fee is wrong.
    fn charged_in_another_currency(&mut self, night: usize) {
        let payment = self.payment("charged in another currency", night);
        let mut line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        line.charged = Some((line.gross, "GBP"));
        attempt.currency = "GBP";
        line.gross = line.gross * 5 / 4;
        line.fee = contracted(&PROVIDERS[payment.provider], line.gross);
        let wrong = self.chance.below(3) == 0;
        line.fee += i64::from(wrong);
        if self.both(&payment, line, attempt, (0, 0)) && wrong {
            self.find("fee_mismatch", payment.story);
        }
    }

    /// One line twice in a file: one payment.
    fn line_copied(&mut self, night: usize) {
        let payment = self.payment("a line twice", night);
        let line = self.line(&payment);
        self.states(payment.provider, line.clone(), 0);
        if self.both(&payment, line, Self::attempt(&payment), (0, 0)) {
            self.find("duplicate_in_provider", payment.story);
        }
    }

    /// The provider took the money twice, and the merchant knows by its reference which is meant; or by the amount.
    fn charged_twice(&mut self, night: usize) {
        let payment = self.payment("charged twice", night);
        let line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        let mut twice = line.clone();
        twice.provider_reference = format!("again-{:05}", payment.story);
        if self.chance.below(2) == 0 {
            attempt.provider_reference.clone_from(&line.provider_reference);
        } else {
            twice.gross += 500;
        }
        self.states(payment.provider, twice, 0);
        if self.both(&payment, line, attempt, (0, 0)) {
            self.find("duplicate_in_provider", payment.story);
        }
    }

    fn charged_twice_and_nobody_knows_which(&mut self, night: usize) {
        let payment = self.payment("charged twice, nobody knows which", night);
        let line = self.line(&payment);
        let mut twice = line.clone();
        twice.provider_reference = format!("again-{:05}", payment.story);
        self.states(payment.provider, twice, 0);
        if self.both(&payment, line, Self::attempt(&payment), (0, 0)) {
            self.find("ambiguous", payment.story);
        }
    }

    /// One payment under two identifiers, alike in all else.
    fn record_copied(&mut self, night: usize) {
        let payment = self.payment("a record twice", night);
        let line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        attempt.provider_reference.clone_from(&line.provider_reference);
        let copy = Attempt { id: format!("{}-again", attempt.id), ..attempt.clone() };
        self.records(copy, 0);
        if self.both(&payment, line, attempt, (0, 0)) {
            self.find("duplicate_in_merchant", payment.story);
        }
    }

    /// Two records of one reference, of which the amount or the provider's reference says which is meant.
    fn recorded_twice(&mut self, night: usize) {
        let payment = self.payment("recorded twice", night);
        let line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        let mut twice = Attempt { id: format!("{}-again", attempt.id), ..attempt.clone() };
        if self.chance.below(2) == 0 {
            attempt.provider_reference.clone_from(&line.provider_reference);
            "another".clone_into(&mut twice.provider_reference);
        } else {
            twice.amount += 300;
        }
        self.records(twice, 0);
        if self.both(&payment, line, attempt, (0, 0)) {
            self.find("duplicate_in_merchant", payment.story);
        }
    }

    fn recorded_twice_and_nobody_knows_which(&mut self, night: usize) {
        let payment = self.payment("recorded twice, nobody knows which", night);
        let line = self.line(&payment);
        let attempt = Attempt { provider_reference: "one".to_owned(), ..Self::attempt(&payment) };
        let twice = Attempt { id: format!("{}-again", attempt.id), provider_reference: "another".to_owned(), ..attempt.clone() };
        self.records(twice, 0);
        if self.both(&payment, line, attempt, (0, 0)) {
            self.find("ambiguous", payment.story);
        }
    }

    /// Tries that failed, on the same night or before, and one that succeeded, all under one reference.
    fn paid_at_the_second_try(&mut self, night: usize) {
        let payment = self.payment("paid at the second try", night);
        let tries = 1 + self.chance.below(3);
        for number in 0..tries {
            let earlier = if night > 0 { [0, 30][self.chance.below(2)] } else { 0 };
            let mut failed = Self::attempt(&payment);
            failed.id = format!("{}-{number}", failed.id);
            failed.status = ["failed", "cancelled", "expired"][self.chance.below(3)];
            failed.started_at = payment.at - TimeDelta::minutes(5) - TimeDelta::hours(earlier);
            self.records(failed, 0);
        }
        let line = self.line(&payment);
        self.both(&payment, line, Self::attempt(&payment), (0, 0));
    }

    /// The provider was paid and the merchant says not, on the same night or a night later.
    fn false_failure(&mut self, night: usize) {
        let payment = self.payment("false failure", night);
        let mut attempt = Self::attempt(&payment);
        attempt.status = ["failed", "pending", "initiated", "expired"][self.chance.below(4)];
        let line = self.line(&payment);
        let record = self.records(attempt, 0);
        let later = self.chance.below(5);
        let line = self.states(payment.provider, line, later);
        let (Some(line), Some(record)) = (line, record) else { return };
        // What is not paid is watched until it should have settled: after that nothing is known of it any more.
        let by = self.setting.settled_by(&PROVIDERS[payment.provider], self.setting.date(record));
        if self.setting.date(line) <= by {
            self.find("false_failure", payment.story);
        } else if self.is_late(payment.provider, line, None) {
            self.find("missing_in_merchant", payment.story);
        }
    }

    fn not_paid(&mut self, night: usize) {
        let payment = self.payment("not paid", night);
        let mut attempt = Self::attempt(&payment);
        attempt.status = ["failed", "cancelled", "expired"][self.chance.below(3)];
        self.records(attempt, 0);
    }

    /// The lines of an order that is captured in parts, which add up to it.
    fn parts(&mut self, payment: &Payment, count: usize) -> Vec<Line> {
        let whole = self.line(payment);
        let part = payment.amount / (i64::try_from(count).expect("few") + 1);
        let of = |number: usize| {
            let gross = if number == 0 { payment.amount - part * (i64::try_from(count).expect("few") - 1) } else { part };
            let fee = contracted(&PROVIDERS[payment.provider], gross);
            Line { provider_reference: format!("part{number}-{:05}", payment.story), gross, fee, ..whole.clone() }
        };
        (0..count).map(of).collect()
    }

    /// In one file; sometimes with a wrong fee on one.
    fn captured_in_parts(&mut self, night: usize) {
        let payment = self.payment("captured in parts", night);
        let count = 2 + self.chance.below(2);
        let mut parts = self.parts(&payment, count);
        let wrong = self.chance.below(3) == 0;
        parts[0].fee += i64::from(wrong);
        let last = parts.pop().expect("a part");
        for part in parts {
            self.states(payment.provider, part, 0);
        }
        if self.both(&payment, last, Self::attempt(&payment), (0, 0)) && wrong {
            self.find("fee_mismatch", payment.story);
        }
    }

    /// A part a night, as long as the provider has time: each is a difference until the last has come.
    fn captured_over_nights(&mut self, night: usize) {
        let payment = self.payment("captured over nights", night);
        let record = self.records(Self::attempt(&payment), 0);
        let parts = self.parts(&payment, 2);
        let stated: Vec<Option<usize>> =
            parts.into_iter().enumerate().map(|(later, part)| self.states(payment.provider, part, later)).collect();
        let (Some(first), last, Some(record)) = (stated[0], stated[1], record) else { return };
        let by = self.setting.settled_by(&PROVIDERS[payment.provider], self.setting.date(record));
        if self.setting.date(first) > by {
            return;
        }
        self.find("amount_mismatch", payment.story);
        // A part that comes after that is of nothing that is known.
        if let Some(last) = last
            && self.setting.date(last) > by
            && self.is_late(payment.provider, last, None)
        {
            self.find("missing_in_merchant", payment.story);
        }
    }

    /// An amount that no other story has.
    fn rare(payment: &mut Payment) {
        payment.amount = 300_000 + i64::try_from(payment.story).expect("few stories") * 7;
    }

    /// No reference joins the two, but both are alone with their amount and within the hour.
    fn without_a_reference(&mut self, night: usize) {
        let mut payment = self.payment("no reference", night);
        Self::rare(&mut payment);
        let mut line = self.line(&payment);
        line.merchant_reference.clear();
        self.both(&payment, line, Self::attempt(&payment), (0, 0));
    }

    /// Two and two of one amount: nobody guesses, and they stay what they are.
    fn without_a_reference_and_not_alone(&mut self, night: usize) {
        let mut payment = self.payment("no reference, and another of the amount", night);
        Self::rare(&mut payment);
        let mut line = self.line(&payment);
        line.merchant_reference.clear();
        let attempt = Self::attempt(&payment);
        for number in 0..2 {
            let line = Line { provider_reference: format!("{}-{number}", line.provider_reference), ..line.clone() };
            let attempt = Attempt {
                id: format!("{}-{number}", attempt.id),
                merchant_reference: format!("{}-{number}", attempt.merchant_reference),
                ..attempt.clone()
            };
            let record = self.records(attempt, 0);
            let line = self.states(payment.provider, line, 0);
            self.find_late(&payment, line, None);
            self.find_late(&payment, None, record);
        }
    }

    fn by_the_providers_reference(&mut self, night: usize) {
        let payment = self.payment("by the provider's reference", night);
        let mut line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        attempt.provider_reference.clone_from(&line.provider_reference);
        line.merchant_reference.clear();
        let later = self.chance.below(3);
        self.both(&payment, line, attempt, (later, 0));
    }

    /// Two payments under one reference, each known by what the provider calls it.
    fn two_payments_of_one_order(&mut self, night: usize) {
        let payment = self.payment("two payments of one order", night);
        let (line, attempt) = (self.line(&payment), Self::attempt(&payment));
        for number in 0..2 {
            let name = format!("{}-{number}", line.provider_reference);
            let attempt = Attempt { id: format!("{}-{number}", attempt.id), provider_reference: name.clone(), ..attempt.clone() };
            self.both(&payment, Line { provider_reference: name, ..line.clone() }, attempt, (0, 0));
        }
    }

    /// The merchant does not say which provider was asked: any provider's line will do.
    fn of_no_provider_in_particular(&mut self, night: usize) {
        let payment = self.payment("of no provider in particular", night);
        let line = self.line(&payment);
        let mut attempt = Self::attempt(&payment);
        attempt.provider = "";
        if self.chance.below(3) > 0 {
            self.both(&payment, line, attempt, (0, 0));
        } else if let Some(record) = self.records(attempt, 0) {
            // It waits as long as the slowest of them has time.
            if (0..PROVIDERS.len()).all(|provider| self.is_late(provider, record, None)) {
                self.find("missing_in_provider", payment.story);
            }
        }
    }
}
