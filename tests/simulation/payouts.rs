//! Stories of payouts: what a provider pays for the lines of a night, and what the bank has of it.

use chrono::TimeDelta;

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
                paid.extend(self.pay(provider, night));
            }
            self.reach_the_bank(paid);
            if self.chance.below(4) == 0 {
                self.unexplained(night);
            }
        }
    }

    /// States the payout of the lines of a night, that night or a little later.
    fn pay(&mut self, provider: usize, night: usize) -> Option<Paid> {
        let batch = format!("{}{}", &PROVIDERS[provider].name[..2].to_uppercase(), self.setting.date(night).format("%Y%m%d"));
        let lines = &mut self.nights[night].lines[provider];
        // Payouts that are stated already are of the batches of other nights.
        let of_night = || lines.iter().filter(|line| line.kind != "payout");
        let (count, net) = (of_night().count(), of_night().map(|line| line.gross - line.fee).sum::<i64>());
        for line in lines.iter_mut().filter(|line| line.kind != "payout") {
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
    fn reach_the_bank(&mut self, paid: Vec<Paid>) {
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
        let cents = [-4_000, -77, 31, 5_003][self.chance.below(4)];
        let reference = format!("RENT{story:05}");
        self.nights[night].bank.push(BankLine { story, cents, reference, text: "rent and the like".to_owned() });
        let date = self.setting.date(night);
        let by = PROVIDERS.iter().map(|provider| self.setting.settled_by(provider, date)).max().expect("a provider");
        if by <= self.setting.date(NIGHTS - 1) {
            self.find("bank_unexplained", story);
        }
    }
}
