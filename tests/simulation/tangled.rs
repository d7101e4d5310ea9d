//! Stories without an author: a few lines and records that share references, amounts and nights by chance. What there is
//! to find in them nobody decided; that the program and the model say the same is all that is asked.

use super::stories::{Teller, contracted};
use super::world::{Attempt, PROVIDERS, Refund};

/// Amounts that add up to one another in many ways, and that no story with an author has: what meets by its amount alone would
/// else be of both.
const AMOUNTS: [i64; 5] = [1_030, 1_030, 618, 412, 1_648];

impl Teller {
    /// A tangle of payments, or of refunds, over three nights.
    pub(super) fn tangled_story(&mut self, night: usize) {
        let refunds = self.chance.below(3) == 0;
        let payment = self.payment("tangled", night);
        self.undecided.insert(payment.story);
        for number in 0..=self.chance.below(4) {
            let mut line = self.line(&payment);
            line.provider_reference = self.pick(&["x", "y", "z"], payment.story);
            line.merchant_reference = self.pick(&["", "A", "A", "A", "B"], payment.story);
            line.gross = AMOUNTS[self.chance.below(5)];
            line.fee = contracted(&PROVIDERS[payment.provider], line.gross) + [0, 0, 0, 3][self.chance.below(4)];
            if self.chance.below(8) == 0 {
                line.charged = Some((line.gross, "GBP"));
            }
            if refunds {
                line.kind = "refund";
                line.gross = -line.gross;
                line.charged = None;
                line.refund_reference = self.pick(&["", "r", "r", "s"], payment.story);
            }
            line.occurred_at += chrono::TimeDelta::seconds(i64::from(u8::try_from(number).expect("few")));
            let later = [0, 0, 0, 1, 2][self.chance.below(5)];
            line.in_no_batch = later > 0;
            self.states(payment.provider, line, later);
        }
        for number in 0..=self.chance.below(4) {
            let later = [0, 0, 0, 1, 2][self.chance.below(5)];
            let reference = self.pick(&["", "A", "A", "A", "B"], payment.story);
            let amount = AMOUNTS[self.chance.below(5)];
            if refunds {
                let refund_reference = self.pick(&["", "r", "r", "s"], payment.story);
                let refund = Refund {
                    story: payment.story,
                    id: format!("R-{:05}-{number}", payment.story),
                    order: format!("O-{:05}", payment.story),
                    provider: PROVIDERS[payment.provider].name,
                    merchant_reference: reference,
                    refund_reference,
                    status: ["succeeded", "succeeded", "pending", "failed"][self.chance.below(4)],
                    amount,
                    currency: PROVIDERS[payment.provider].currency,
                    requested_at: payment.at,
                };
                self.refunds(refund, later);
            } else {
                let attempt = Attempt {
                    id: format!("A-{:05}-{number}", payment.story),
                    merchant_reference: reference,
                    provider_reference: self.pick(&["", "", "x", "y"], payment.story),
                    status: ["succeeded", "succeeded", "succeeded", "failed", "pending"][self.chance.below(5)],
                    amount,
                    ..Self::attempt(&payment)
                };
                // Sometimes it is stated again a night later, with another amount, whatever became of it.
                if self.chance.below(4) == 0 {
                    let amount = AMOUNTS[1 + self.chance.below(3)];
                    self.records(Attempt { amount, ..attempt.clone() }, later + 1);
                }
                self.records(attempt, later);
            }
        }
    }

    /// One of a few names that no other story has; or none.
    fn pick(&mut self, names: &[&str], story: usize) -> String {
        let name = names[self.chance.below(names.len())];
        if name.is_empty() { String::new() } else { format!("{name}-{story:05}") }
    }
}
