//! Stories of payouts: what a provider pays for the lines of a night, and what the bank has of it.

use std::collections::BTreeMap;

use super::stories::Teller;
use super::world::{BankLine, Line, NIGHTS, PROVIDERS};

/// How the bank names a payout.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    ByReference,
    InItsText,
    ByTrace,
    Nowhere,
}

/// A payout that was stated, for the stories of several.
struct Paid {
    story: usize,
    provider: usize,
    night: usize,
    cents: i64,
    trace: String,
}

impl Teller {
    /// Gives every line of a night to the batch of its provider and night, and tells what becomes of the batches. Comes
    /// last, when all lines are known.
    pub(super) fn payout_stories(&mut self) {
        for night in 0..NIGHTS {
            let mut paid = Vec::new();
            for provider in 0..PROVIDERS.len() {
                self.beside_the_orders(provider, night);
                paid.extend(self.pay(provider, night));
            }
            self.reach_the_bank(paid);
            match self.chance.below(8) {
                0 => self.equal_payouts(night),
                1 => self.one_sum(night),
                _ => {}
            }
            if self.chance.below(4) == 0 {
                self.unexplained(night);
            }
        }
        // Of payouts that happen to be of one amount nobody knows which a line without a name is.
        let mut known = BTreeMap::new();
        for (story, cents) in &self.due {
            if let Some(other) = known.insert(*cents, *story)
                && other != *story
            {
                self.undecided.extend([*story, other]);
            }
        }
    }

    /// States the payout of the lines of a night, that night or a little later.
    fn pay(&mut self, provider: usize, night: usize) -> Option<Paid> {
        let batch = format!("{}{}", &PROVIDERS[provider].name[..2].to_uppercase(), self.setting.date(night).format("%Y%m%d"));
        let lines = &mut self.nights[night].lines[provider];
        // Payouts that are stated already are of the batches of other nights.
        let is_of_night = |line: &Line| line.kind != "payout" && !line.in_no_batch;
        let of_night = || lines.iter().filter(|line| is_of_night(line));
        // Lines of kind info move no money.
        let money = || of_night().filter(|line| line.kind != "info");
        let (count, net) = (money().count(), money().map(|line| line.gross - line.fee).sum::<i64>());
        for line in lines.iter_mut().filter(|line| is_of_night(line)) {
            line.batch.clone_from(&batch);
        }
        if count == 0 {
            return None;
        }
        let story = self.story("a payout");
        self.batches.insert(batch.clone(), story);
        let residual = if self.chance.below(6) == 0 { [-250, 99, 1_000][self.chance.below(3)] } else { 0 };
        let (cents, stated_on) = (net + residual, night + self.chance.below(3));
        // A batch in four is never stated; what its lines add up to is expected in the bank all the same.
        let stated = self.chance.below(4) > 0 && cents > 0 && stated_on < NIGHTS;
        // Until it is stated it is what its lines add up to.
        self.due.extend([(story, net), (story, cents)]);
        if net != 0 && self.is_late(provider, night, stated.then_some(stated_on)) {
            self.find("payout_not_in_bank", story);
        }
        if !stated {
            return None;
        }
        let seconds = u32::try_from(80_000 + self.chance.below(6_399)).expect("within a day");
        let trace = format!("TR{story:07}");
        self.nights[stated_on].lines[provider].push(Line {
            story,
            kind: "payout",
            provider_reference: format!("po{story:07}"),
            merchant_reference: trace.clone(),
            batch,
            gross: -cents,
            currency: PROVIDERS[provider].currency,
            occurred_at: self.setting.at(stated_on, seconds),
            ..Line::default()
        });
        if residual != 0 {
            self.find("payout_residual", story);
        }
        Some(Paid { story, provider, night: stated_on, cents, trace })
    }

    /// What the bank has of the payouts of a night.
    fn reach_the_bank(&mut self, mut paid: Vec<Paid>) {
        if let [first, second, ..] = &paid[..]
            && [first, second].iter().all(|payout| PROVIDERS[payout.provider].currency == "USD")
            && self.chance.below(3) == 0
        {
            let both: Vec<Paid> = paid.drain(..2).collect();
            self.in_one_line(&both);
        }
        for payout in paid {
            let named = [Named::ByReference, Named::InItsText, Named::ByTrace, Named::Nowhere][self.chance.below(4)];
            let later = self.chance.below(3);
            match self.chance.below(8) {
                // The bank has an account in the currency of the others alone.
                _ if PROVIDERS[payout.provider].currency != "USD" => self.never(&payout),
                0 => self.never(&payout),
                1 => self.in_two_lines(&payout, later),
                2 => self.another_amount_in_the_bank(&payout, later),
                _ => {
                    let booked = self.book(&payout, payout.cents, named, later);
                    self.find_late_in_the_bank(&payout, booked);
                }
            }
        }
    }

    /// Two payouts, of two providers, are one line of the bank, which calls them by a name they share.
    fn in_one_line(&mut self, both: &[Paid]) {
        let trace = both[0].trace.clone();
        let stated = self.nights[both[1].night].lines[both[1].provider].iter_mut();
        for line in stated.filter(|line| line.kind == "payout" && line.story == both[1].story) {
            line.merchant_reference.clone_from(&trace);
        }
        // Booked when both are stated: before that the bank would have another amount than the one that is.
        let (later, sum) = (self.chance.below(3), both.iter().map(|payout| payout.cents).sum());
        let night = both.iter().map(|payout| payout.night).max().unwrap_or(0) + later;
        let booked = (night < NIGHTS).then_some(night);
        if let Some(files) = self.nights.get_mut(night) {
            let text = "settlement".to_owned();
            files.bank.push(BankLine { story: both[0].story, cents: sum, reference: trace, text });
        }
        for payout in both {
            self.find_late_in_the_bank(payout, booked);
        }
    }

    /// Two payouts of one amount without lines, and a line of the bank that may be either.
    fn equal_payouts(&mut self, night: usize) {
        let amount = 777_000 + i64::try_from(night).expect("few nights");
        for name in ["a", "b"] {
            let story = self.story("one of two payouts of one amount");
            let batch = format!("NOEQUAL{story:06}{name}");
            self.batches.insert(batch.clone(), story);
            self.find("ambiguous", story);
            self.nights[night].lines[0].push(Line {
                story,
                kind: "payout",
                provider_reference: format!("po{story:07}"),
                batch,
                gross: -amount,
                currency: "USD",
                occurred_at: self.setting.at(night, 80_000),
                ..Line::default()
            });
        }
        let story = self.story("a line of the bank that may be either of two payouts");
        let reference = format!("EITHER{story:06}");
        self.find("ambiguous", story);
        let text = "settlement of the week".to_owned();
        self.nights[night].bank.push(BankLine { story, cents: amount, reference, text });
    }

    /// Two payouts of one account, of which nobody knows but the bank, which has their sum.
    fn one_sum(&mut self, night: usize) {
        // More than the other payouts together, for the same reason.
        let amount = 40_000_000 + 13 * i64::try_from(night).expect("few nights");
        let mut sum = 0;
        for cents in [amount, 3 * amount + 7] {
            let story = self.story("one of two payouts that are one sum");
            let batch = format!("SUM{story:07}");
            self.batches.insert(batch.clone(), story);
            self.undecided.insert(story);
            sum += cents;
            self.nights[night].lines[1].push(Line {
                story,
                kind: "payout",
                provider_reference: format!("po{story:07}"),
                batch,
                gross: -cents,
                currency: "USD",
                occurred_at: self.setting.at(night, 80_000),
                ..Line::default()
            });
        }
        let story = self.story("a line of the bank that is a sum");
        self.undecided.insert(story);
        let (reference, text) = (format!("TOTAL{story:06}"), "settlement of the week".to_owned());
        self.nights[night].bank.push(BankLine { story, cents: sum, reference, text });
    }

    /// Lines of a batch that are of no order.
    fn beside_the_orders(&mut self, provider: usize, night: usize) {
        for _ in 0..self.chance.below(3) {
            let kinds = ["fee", "adjustment", "reserve_hold", "reserve_release", "info", "fee_refund", "tax"];
            let story = self.story("a line of no order");
            let line = Line {
                story,
                kind: kinds[self.chance.below(kinds.len())],
                provider_reference: format!("other{story:05}"),
                gross: [-123, -40, 55, 210][self.chance.below(4)],
                currency: PROVIDERS[provider].currency,
                occurred_at: self.setting.at(night, 70_000),
                ..Line::default()
            };
            self.nights[night].lines[provider].push(line);
        }
    }

    fn never(&mut self, payout: &Paid) {
        self.find_late_in_the_bank(payout, None);
    }

    /// Books money of a payout some nights after it was stated; the night, unless it is after the last.
    fn book(&mut self, payout: &Paid, cents: i64, named: Named, later: usize) -> Option<usize> {
        let (batch, night) = (self.batch_of(payout), payout.night + later);
        let (reference, text) = match named {
            Named::ByReference => (batch, String::new()),
            Named::InItsText => (String::new(), format!("transfer {batch} of the day")),
            Named::ByTrace => (payout.trace.clone(), "settlement".to_owned()),
            Named::Nowhere => (String::new(), format!("settlement no {}", payout.story % 100)),
        };
        self.nights.get_mut(night)?.bank.push(BankLine { story: payout.story, cents, reference, text });
        Some(night)
    }

    fn batch_of(&self, payout: &Paid) -> String {
        let lines = &self.nights[payout.night].lines[payout.provider];
        lines.iter().find(|line| line.kind == "payout" && line.story == payout.story).expect("it is stated").batch.clone()
    }

    /// What there is to find where the bank has a payout on that night, or never.
    fn find_late_in_the_bank(&mut self, payout: &Paid, booked: Option<usize>) {
        if self.is_late(payout.provider, payout.night, booked) {
            self.find("payout_not_in_bank", payout.story);
        }
    }

    fn in_two_lines(&mut self, payout: &Paid, later: usize) {
        let half = payout.cents / 2;
        self.book(payout, half, Named::ByReference, later);
        let booked = self.book(payout, payout.cents - half, Named::InItsText, later);
        self.find_late_in_the_bank(payout, booked);
    }

    /// The bank names it, and has less: that is told at once.
    fn another_amount_in_the_bank(&mut self, payout: &Paid, later: usize) {
        let booked = self.book(payout, payout.cents - 1, Named::ByReference, later);
        if booked.is_some() || self.is_late(payout.provider, payout.night, None) {
            self.find("payout_not_in_bank", payout.story);
        }
    }

    /// Money that is no payout. Of no provider: it waits as long as the slowest has time.
    fn unexplained(&mut self, night: usize) {
        let story = self.story("a line of the bank that is no payout");
        // More than all payouts together, so that no sum of them is it by accident.
        let cents = [-99_000_077, 99_000_031][self.chance.below(2)];
        let reference = format!("RENT{story:05}");
        self.nights[night].bank.push(BankLine { story, cents, reference, text: "rent and the like".to_owned() });
        let date = self.setting.date(night);
        let by = PROVIDERS.iter().map(|provider| self.setting.settled_by(provider, date)).max().expect("a provider");
        if by <= self.setting.date(NIGHTS - 1) {
            self.find("bank_unexplained", story);
        }
    }
}
