//! Stories of money that goes back: refunds, and chargebacks.

use chrono::{DateTime, TimeDelta, Utc};

use super::stories::{Payment, Story, Teller};
use super::world::{LOOKS_BACK, Line, PROVIDERS, Refund};

/// Which stories are told how often.
const STORIES: [Story; 14] = [
    (4, Teller::refunded),
    (2, Teller::refund_line_late),
    (2, Teller::refund_record_late),
    (1, Teller::refund_line_alone),
    (1, Teller::refund_record_alone),
    (2, Teller::refunded_another_amount),
    (1, Teller::refunded_though_it_failed),
    (1, Teller::refund_copied),
    (2, Teller::refunds_of_a_payment),
    (1, Teller::equal_refunds_of_a_payment),
    (1, Teller::refunded_in_one),
    (2, Teller::charged_back),
    (1, Teller::charged_back_after_the_refund),
    (1, Teller::refunded_and_never_paid),
];

impl Teller {
    /// A payment of a night that is paid, and later goes back in whole or in part.
    pub(super) fn refund_story(&mut self, night: usize) {
        self.one_of(&STORIES, night);
    }

    fn paid_before(&mut self, name: &'static str, night: usize) -> Payment {
        let payment = self.payment(name, night);
        let line = self.line(&payment);
        self.both(&payment, line, Self::attempt(&payment), (0, 0));
        payment
    }

    /// Some days after a payment, by its time.
    fn days_after(&mut self, payment: &Payment) -> DateTime<Utc> {
        payment.at + TimeDelta::days(i64::try_from(1 + self.chance.below(5)).expect("few"))
    }

    /// What both sides state of a refund.
    fn refund(&mut self, payment: &Payment, name: &str, amount: i64, at: DateTime<Utc>) -> (Line, Refund) {
        let line = Line {
            story: payment.story,
            kind: "refund",
            provider_reference: format!("re{name}-{:05}", payment.story),
            merchant_reference: payment.reference.clone(),
            refund_reference: format!("RR{name}-{:05}", payment.story),
            // Some providers say which payment it is of, in their own words.
            original_reference: if self.chance.below(2) == 0 { String::new() } else { format!("ch-{:05}", payment.story) },
            gross: -amount,
            fee: [0, 0, -11][self.chance.below(3)],
            currency: PROVIDERS[payment.provider].currency,
            occurred_at: at + TimeDelta::seconds(i64::try_from(self.chance.below(50)).expect("a minute")),
            ..Line::default()
        };
        let refund = Refund {
            story: payment.story,
            id: format!("R{name}-{:05}", payment.story),
            order: format!("O-{:05}", payment.story),
            provider: PROVIDERS[payment.provider].name,
            merchant_reference: payment.reference.clone(),
            refund_reference: line.refund_reference.clone(),
            status: ["succeeded", "succeeded", "pending"][self.chance.below(3)],
            amount,
            currency: line.currency,
            requested_at: at,
        };
        (line, refund)
    }

    /// Both sides state a refund, on its night or so many later; what is only late is found as such.
    fn both_refund(&mut self, payment: &Payment, (line, refund): (Line, Refund), later: (usize, usize)) -> bool {
        let record = self.refunds(refund, later.1);
        let line = self.states(payment.provider, line, later.0);
        self.find_late_refund(payment, line, record);
        line.is_some() && record.is_some()
    }

    fn find_late_refund(&mut self, payment: &Payment, line: Option<usize>, record: Option<usize>) {
        self.find_missing(payment, line, record, ["refund_missing_in_merchant", "refund_missing_in_provider"]);
    }

    /// In one or in several, over several nights.
    fn refunded(&mut self, night: usize) {
        let payment = self.paid_before("refunded", night);
        let count = 1 + self.chance.below(3);
        let part = payment.amount / i64::try_from(count).expect("few");
        for number in 0..count {
            let at = self.days_after(&payment);
            let refund = self.refund(&payment, &number.to_string(), part, at);
            self.both_refund(&payment, refund, (0, 0));
        }
    }

    fn refund_line_late(&mut self, night: usize) {
        let payment = self.paid_before("the line of a refund comes late", night);
        let (at, later) = (self.days_after(&payment), 1 + self.chance.below(4));
        let refund = self.refund(&payment, "", payment.amount, at);
        self.both_refund(&payment, refund, (later, 0));
    }

    fn refund_record_late(&mut self, night: usize) {
        let payment = self.paid_before("the record of a refund comes late", night);
        let (at, later) = (self.days_after(&payment), 1 + self.chance.below(4));
        let refund = self.refund(&payment, "", payment.amount, at);
        self.both_refund(&payment, refund, (0, later));
    }

    fn refund_line_alone(&mut self, night: usize) {
        let payment = self.paid_before("no record of a refund", night);
        let at = self.days_after(&payment);
        let (line, _) = self.refund(&payment, "", payment.amount / 2, at);
        let line = self.states(payment.provider, line, 0);
        self.find_late_refund(&payment, line, None);
    }

    /// Of one that failed nothing is expected.
    fn refund_record_alone(&mut self, night: usize) {
        let payment = self.paid_before("no line of a refund", night);
        let at = self.days_after(&payment);
        let (_, mut refund) = self.refund(&payment, "", payment.amount / 2, at);
        let failed = self.chance.below(3) == 0;
        if failed {
            refund.status = "failed";
        }
        let record = self.refunds(refund, 0);
        if !failed {
            self.find_late_refund(&payment, None, record);
        }
    }

    fn refunded_another_amount(&mut self, night: usize) {
        let payment = self.paid_before("refunded another amount", night);
        let at = self.days_after(&payment);
        let (mut line, refund) = self.refund(&payment, "", payment.amount, at);
        line.gross += [-50, -1, 1, 200][self.chance.below(4)];
        let exceeds = -line.gross > payment.amount;
        // Whatever the merchant says, and whenever.
        if exceeds && self.night_of(line.occurred_at).is_some() {
            self.find("refund_exceeds_payment", payment.story);
        }
        if self.both_refund(&payment, (line, refund), (0, 0)) {
            self.find("refund_amount_mismatch", payment.story);
        }
    }

    fn refunded_though_it_failed(&mut self, night: usize) {
        let payment = self.paid_before("refunded, and the merchant says it failed", night);
        let at = self.days_after(&payment);
        let (line, mut refund) = self.refund(&payment, "", payment.amount, at);
        refund.status = ["failed", "cancelled"][self.chance.below(2)];
        let record = self.refunds(refund, 0);
        let line = self.states(payment.provider, line, 0);
        let (Some(line), Some(record)) = (line, record) else { return };
        let by = self.setting.settled_by(&PROVIDERS[payment.provider], self.setting.date(record));
        if self.setting.date(line) <= by {
            self.find("refund_missing_in_merchant", payment.story);
        }
    }

    fn refund_copied(&mut self, night: usize) {
        let payment = self.paid_before("a refund's line twice", night);
        let at = self.days_after(&payment);
        let (line, refund) = self.refund(&payment, "", payment.amount, at);
        // The money goes back twice.
        if self.states(payment.provider, line.clone(), 0).is_some() {
            self.find("refund_exceeds_payment", payment.story);
        }
        if self.both_refund(&payment, (line, refund), (0, 0)) {
            self.find("duplicate_in_provider", payment.story);
        }
    }

    /// The provider names only the payment: the amounts say which is which.
    fn refunds_of_a_payment(&mut self, night: usize) {
        let payment = self.paid_before("refunds told apart by their amounts", night);
        for (name, amount) in [("a", payment.amount / 4), ("b", payment.amount / 2)] {
            let at = self.days_after(&payment);
            let (mut line, refund) = self.refund(&payment, name, amount, at);
            line.refund_reference.clear();
            self.both_refund(&payment, (line, refund), (0, 0));
        }
    }

    /// Two and two of one amount, and the provider names only the payment: nobody guesses.
    fn equal_refunds_of_a_payment(&mut self, night: usize) {
        let payment = self.paid_before("refunds nobody can tell apart", night);
        let at = self.days_after(&payment);
        for name in ["a", "b"] {
            let (mut line, refund) = self.refund(&payment, name, payment.amount / 4, at);
            line.refund_reference.clear();
            // Both lines at one time, so that none is in the file of another night.
            line.occurred_at = at;
            let record = self.refunds(refund, 0);
            let line = self.states(payment.provider, line, 0);
            self.find_late_refund(&payment, line, None);
            self.find_late_refund(&payment, None, record);
        }
    }

    /// Two refunds of the merchant are one of the provider, who names only the payment.
    fn refunded_in_one(&mut self, night: usize) {
        let payment = self.paid_before("two refunds in one", night);
        let at = self.days_after(&payment);
        let (mut line, first) = self.refund(&payment, "a", payment.amount / 4, at);
        let (_, second) = self.refund(&payment, "b", payment.amount / 2, at);
        line.refund_reference.clear();
        line.gross = -(payment.amount / 4 + payment.amount / 2);
        self.refunds(first, 0);
        self.both_refund(&payment, (line, second), (0, 0));
    }

    /// The customer's bank takes the money back; sometimes it comes back after all.
    fn charged_back(&mut self, night: usize) {
        let payment = self.paid_before("charged back", night);
        let at = self.days_after(&payment);
        let (refund, _) = self.refund(&payment, "", payment.amount, at);
        let line = Line { kind: "chargeback", refund_reference: String::new(), fee: 1_500, ..refund };
        let back = Line {
            kind: "chargeback_reversal",
            provider_reference: format!("won-{:05}", payment.story),
            gross: payment.amount,
            fee: 0,
            occurred_at: line.occurred_at + TimeDelta::days(3),
            ..line.clone()
        };
        if self.states(payment.provider, line, 0).is_some() {
            self.find("chargeback", payment.story);
        }
        if self.chance.below(2) == 0 && self.states(payment.provider, back, 0).is_some() {
            self.find("chargeback_reversed", payment.story);
        }
    }

    /// The merchant gave half of it back, and the customer's bank took all of it.
    fn charged_back_after_the_refund(&mut self, night: usize) {
        let payment = self.paid_before("charged back after the refund", night);
        let at = self.days_after(&payment);
        let refund = self.refund(&payment, "", payment.amount / 2, at);
        let refunded = refund.0.clone();
        self.both_refund(&payment, refund, (0, 0));
        let line = Line {
            kind: "chargeback",
            provider_reference: format!("lost-{:05}", payment.story),
            refund_reference: String::new(),
            gross: -payment.amount,
            fee: 1_500,
            occurred_at: refunded.occurred_at + TimeDelta::days(1),
            ..refunded
        };
        if self.states(payment.provider, line, 0).is_some() {
            self.find("chargeback", payment.story);
            self.find("refund_exceeds_payment", payment.story);
        }
    }

    /// Both sides state a refund, and no night has its payment: which is known once the nights go back far enough.
    fn refunded_and_never_paid(&mut self, night: usize) {
        let payment = self.payment("refunded and never paid", night);
        let refund = self.refund(&payment, "", payment.amount, payment.at);
        let stated = self.night_of(refund.0.occurred_at);
        self.both_refund(&payment, refund, (0, 0));
        if stated.is_some_and(|night| night as u64 >= LOOKS_BACK) {
            self.find("refund_unlinked", payment.story);
        }
    }
}
