//! The statement of the shop's bank, in MT940: one for each currency and night, of one account. What a provider pays out
//! comes days later, by its reference; one payout never does, and one line nobody can explain.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};

use super::answers::{Answers, BreakType, Planted};
use super::file::Text;
use super::order::{Provider, cents};
use crate::error::Result;
use crate::money::Amount;

/// The account at the bank, as its statements write it.
const ACCOUNT: &str = "NL13TEST0123456789";

/// What a provider pays out.
pub(super) struct Payout {
    pub(super) provider: Provider,
    pub(super) currency: &'static str,
    /// What its lines add up to.
    pub(super) expected: Amount,
    /// What is paid.
    pub(super) paid: Amount,
    /// What the bank's line says of it.
    pub(super) text: String,
    /// How many days after the night it is due.
    pub(super) due_after: u32,
    /// How many nights after its own the bank books it.
    pub(super) comes_after: u32,
}

/// A line of a statement to come.
struct Line {
    currency: &'static str,
    amount: Amount,
    text: String,
}

/// The bank, night after night.
pub(super) struct Bank {
    folder: PathBuf,
    balances: BTreeMap<&'static str, Amount>,
    coming: BTreeMap<u32, Vec<Line>>,
}

impl Bank {
    pub(super) fn new(out: &Path) -> Self {
        let balances = ["EUR", "GBP", "USD"].map(|currency| (currency, cents(250_000)));
        Self { folder: out.join("bank"), balances: balances.into(), coming: BTreeMap::new() }
    }

    /// Sends what was paid out tonight on its way, and plants what is wrong with it.
    pub(super) fn send(&mut self, night: u32, payouts: Vec<Payout>, answers: &mut Answers) {
        let mut is_lost = night == 0;
        for payout in payouts.into_iter().filter(|payout| payout.paid != Amount::ZERO) {
            let Payout { provider, currency, expected, paid, text, due_after, comes_after } = payout;
            if paid != expected {
                let why = "the payout is 3.00 more than its lines add up to";
                let found = Planted::of_payout(BreakType::PayoutResidual, provider.as_str(), currency, why);
                answers.plant(night, found.merchant(expected).provider(paid));
            }
            // The first of Adyen's on the first night.
            let never = is_lost && provider == Provider::Adyen;
            is_lost &= !never;
            let why = if never { "the bank never books it" } else { "on its way: the bank books it days later" };
            let found = Planted::of_payout(BreakType::PayoutNotInBank, provider.as_str(), currency, why).merchant(paid);
            answers.plant(night, found.waits((!never).then_some(comes_after)).due_after(due_after));
            if !never {
                self.coming.entry(night + comes_after).or_default().push(Line { currency, amount: paid, text });
            }
        }
        if night == 1 {
            let amount = cents(125_000);
            let why = "somebody paid 1250.00 to the bank; no provider says so";
            let found = Planted::of_payout(BreakType::BankUnexplained, "", "EUR", why).provider(amount).waits(None);
            answers.plant(night, found);
            let text = "TEEHUIS DE KETEL, MARKET OF SATURDAY".to_owned();
            self.coming.entry(night).or_default().push(Line { currency: "EUR", amount, text });
        }
    }

    /// Writes the statements of a night; how many lines they have.
    pub(super) fn close_night(&mut self, night: u32, date: NaiveDate) -> Result<u64> {
        let lines = self.coming.remove(&night).unwrap_or_default();
        let day = date.format("%y%m%d");
        let before = (date - Days::new(1)).format("%y%m%d").to_string();
        let mut text = String::new();
        for (currency, balance) in &mut self.balances {
            let number = night + 1;
            let opening = signed(*balance);
            write!(
                text,
                ":20:LK{day}{currency}\r\n:25:{ACCOUNT}\r\n:28C:{number}/1\r\n:60F:{}{before}{currency}{}\r\n",
                opening.0, opening.1
            )
            .expect("writing to a string does not fail");
            for (at, line) in lines.iter().filter(|line| line.currency == *currency).enumerate() {
                let (side, amount) = signed(line.amount);
                write!(text, ":61:{day}{side}{amount}NTRFNONREF//LK{day}{currency}{at}\r\n:86:{}\r\n", line.text)
                    .expect("writing to a string does not fail");
                *balance += line.amount;
            }
            let closing = signed(*balance);
            write!(text, ":62F:{}{day}{currency}{}\r\n-\r\n", closing.0, closing.1).expect("writing to a string does not fail");
        }
        let name = format!("statement_{}.sta", date.format("%Y%m%d"));
        let mut file = Text::create(self.folder.join(name))?;
        file.write(&text)?;
        file.finish()?;
        Ok(lines.len() as u64)
    }
}

/// C or D, and an amount with a comma.
fn signed(amount: Amount) -> (char, String) {
    let side = if amount < Amount::ZERO { 'D' } else { 'C' };
    (side, amount.abs().to_string().replace('.', ","))
}
