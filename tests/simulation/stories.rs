//! The stories of a world: each is one order and what becomes of it, with what there is to find about it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::schedule::schedule;
use super::world::{Answers, Attempt, Files, Line, NIGHTS, PROVIDERS, Provider, Refund, SETTINGS, Setting, World};
use crate::laws::Chance;

/// A world while its stories are told.
pub(super) struct Teller {
    pub(super) chance: Chance,
    pub(super) setting: Setting,
    pub(super) nights: Vec<Files>,
    pub(super) answers: Answers,
    pub(super) stories: Vec<&'static str>,
    pub(super) batches: BTreeMap<String, usize>,
    pub(super) undecided: BTreeSet<usize>,
    /// What each batch should bring, by its story.
    pub(super) due: Vec<(usize, i64)>,
}

/// How often a story is told, and how, of a payment of a night.
pub(super) type Story = (usize, fn(&mut Teller, usize));

/// A payment as the merchant asked for it: what most stories begin with.
#[derive(Clone)]
pub(super) struct Payment {
    pub(super) story: usize,
    pub(super) provider: usize,
    pub(super) reference: String,
    pub(super) amount: i64,
    pub(super) at: DateTime<Utc>,
}

/// The world of a seed.
pub(super) fn world(seed: u64) -> World {
    let mut chance = Chance(seed);
    let setting = SETTINGS[chance.below(SETTINGS.len())];
    let nights = vec![Files::default(); NIGHTS];
    let (answers, stories, batches, undecided, due) = Default::default();
    let mut teller = Teller { chance, setting, nights, answers, stories, batches, undecided, due };
    for night in 0..NIGHTS {
        for _ in 0..5 + teller.chance.below(6) {
            teller.payment_story(night);
        }
        for _ in 0..=teller.chance.below(3) {
            teller.refund_story(night);
        }
        for tell in [Teller::story_told_again, Teller::tangled_story] {
            if teller.chance.below(2) == 0 {
                tell(&mut teller, night);
            }
        }
    }
    teller.payout_stories();
    let (steps, before) = schedule(&mut teller);
    World {
        setting,
        nights: teller.nights,
        before,
        steps,
        answers: teller.answers,
        stories: teller.stories,
        batches: teller.batches,
        undecided: teller.undecided,
    }
}

impl Teller {
    pub(super) fn story(&mut self, name: &'static str) -> usize {
        self.stories.push(name);
        self.stories.len() - 1
    }

    /// Says that there is something to find about a story.
    pub(super) fn find(&mut self, kind: &'static str, story: usize) {
        self.answers.entry(kind).or_default().insert(story);
    }

    /// A payment of a new story, on a night. One in five is within a minute of midnight.
    pub(super) fn payment(&mut self, name: &'static str, night: usize) -> Payment {
        let story = self.story(name);
        let provider = self.chance.below(PROVIDERS.len());
        let seconds = match self.chance.below(10) {
            0 => self.chance.below(60),
            1 => 86_340 + self.chance.below(59),
            _ => self.chance.below(86_000),
        };
        let at = self.setting.at(night, u32::try_from(seconds).expect("within a day"));
        // Few amounts, so that many are equal.
        let amount = [1_000, 1_990, 2_500, 4_200, 12_345, 250_000][self.chance.below(6)];
        Payment { story, provider, reference: format!("SO-{story:05}"), amount, at }
    }

    /// The attempt of a payment, which succeeded.
    pub(super) fn attempt(payment: &Payment) -> Attempt {
        Attempt {
            story: payment.story,
            id: format!("A-{:05}", payment.story),
            order: format!("O-{:05}", payment.story),
            provider: PROVIDERS[payment.provider].name,
            merchant_reference: payment.reference.clone(),
            status: "succeeded",
            amount: payment.amount,
            currency: PROVIDERS[payment.provider].currency,
            started_at: payment.at,
            ..Attempt::default()
        }
    }

    /// The line of a payment, charged by contract, some seconds after it was asked for.
    pub(super) fn line(&mut self, payment: &Payment) -> Line {
        let provider = &PROVIDERS[payment.provider];
        let seconds = i64::try_from(self.chance.below(50)).expect("a minute");
        Line {
            story: payment.story,
            kind: "payment",
            provider_reference: format!("ch-{:05}", payment.story),
            merchant_reference: payment.reference.clone(),
            gross: payment.amount,
            fee: contracted(provider, payment.amount),
            currency: provider.currency,
            occurred_at: payment.at + TimeDelta::seconds(seconds),
            ..Line::default()
        }
    }

    /// The night whose files have what happened at that time; none after the last.
    pub(super) fn night_of(&self, at: DateTime<Utc>) -> Option<usize> {
        let date = self.setting.date_of(at);
        (0..NIGHTS).find(|night| self.setting.date(*night) == date)
    }

    /// Puts a line into the file of its night, or of so many nights later. Says which that was; none after the last.
    pub(super) fn states(&mut self, provider: usize, line: Line, later: usize) -> Option<usize> {
        let night = self.night_of(line.occurred_at)? + later;
        let (story, is_of_a_payment) = (line.story, line.kind != "payout");
        let due = self.setting.settled_by(&PROVIDERS[provider], self.setting.date_of(line.occurred_at));
        self.nights.get_mut(night)?.lines[provider].push(line);
        if is_of_a_payment && due.month() < self.setting.date(night).month() {
            self.find("out_of_period", story);
        }
        Some(night)
    }

    pub(super) fn records(&mut self, attempt: Attempt, later: usize) -> Option<usize> {
        let night = self.night_of(attempt.started_at)? + later;
        self.nights.get_mut(night)?.attempts.push(attempt);
        Some(night)
    }

    pub(super) fn refunds(&mut self, refund: Refund, later: usize) -> Option<usize> {
        let night = self.night_of(refund.requested_at)? + later;
        self.nights.get_mut(night)?.refunds.push(refund);
        Some(night)
    }

    /// Whether what one side stated on `first` is a problem before the other states it on `then`, if it ever does.
    pub(super) fn is_late(&self, provider: usize, first: usize, then: Option<usize>) -> bool {
        let by = self.setting.settled_by(&PROVIDERS[provider], self.setting.date(first));
        let last = self.setting.date(NIGHTS - 1);
        by <= last && then.is_none_or(|then| self.setting.date(then) > by)
    }

    /// What there is to find where a payment is stated on these nights by the provider and by the merchant.
    pub(super) fn find_late(&mut self, payment: &Payment, line: Option<usize>, record: Option<usize>) {
        self.find_missing(payment, line, record, ["missing_in_merchant", "missing_in_provider"]);
    }

    /// The same, where it is called so when the record is missing, or the line.
    pub(super) fn find_missing(
        &mut self,
        payment: &Payment,
        line: Option<usize>,
        record: Option<usize>,
        [no_record, no_line]: [&'static str; 2],
    ) {
        if let Some(line) = line
            && record.is_none_or(|record| record > line)
            && self.is_late(payment.provider, line, record)
        {
            self.find(no_record, payment.story);
        }
        if let Some(record) = record
            && line.is_none_or(|line| line > record)
            && self.is_late(payment.provider, record, line)
        {
            self.find(no_line, payment.story);
        }
    }

    /// Tells one of these stories, each as often as its number says.
    pub(super) fn one_of(&mut self, stories: &[Story], night: usize) {
        let mut chosen = self.chance.below(stories.iter().map(|(weight, _)| weight).sum());
        for (weight, tell) in stories {
            if chosen < *weight {
                return tell(self, night);
            }
            chosen -= weight;
        }
    }
}

/// What a payment costs by contract: a half is rounded up.
pub(super) fn contracted(provider: &Provider, gross: i64) -> i64 {
    (gross * provider.basis_points + 5_000).div_euclid(10_000) + provider.fixed
}
