//! Stories of what is delivered more than once: while it waits, and after it met its counterpart.

use super::stories::{Story, Teller, contracted};
use super::world::{Attempt, Line, PROVIDERS};

/// Which stories are told how often.
const STORIES: [Story; 4] = [
    (2, Teller::record_stated_again),
    (2, Teller::line_stated_again),
    (1, Teller::record_delivered_after_it_met),
    (1, Teller::line_delivered_after_it_met),
];

impl Teller {
    /// A payment of a night of which one side says something again on a later one.
    pub(super) fn story_told_again(&mut self, night: usize) {
        self.one_of(&STORIES, night);
    }

    /// A record that waits is stated again: as it was, with another amount, or as one that failed after all.
    fn record_stated_again(&mut self, night: usize) {
        let mut payment = self.payment("a record stated again", night);
        let first = Self::attempt(&payment);
        let way = self.chance.below(3);
        if way == 1 {
            payment.amount += 200;
        }
        let mut last = Self::attempt(&payment);
        if way == 2 {
            last.status = "failed";
        }
        let record = self.records(first, 0);
        let again = self.records(last, 1);
        let line = self.line(&payment);
        if way == 2 {
            return;
        }
        // The line is of what was stated last, and may come the same night.
        let later = 1 + self.chance.below(4);
        let line = self.states(payment.provider, line, later).filter(|line| again.is_some_and(|again| *line >= again));
        self.find_late(&payment, line, record);
    }

    /// The same of a line.
    fn line_stated_again(&mut self, night: usize) {
        let payment = self.payment("a line stated again", night);
        let first = self.line(&payment);
        let mut last = first.clone();
        let mut attempt = Self::attempt(&payment);
        if self.chance.below(2) == 0 {
            last.gross += 300;
            last.fee = contracted(&PROVIDERS[payment.provider], last.gross);
            attempt.amount += 300;
        }
        let line = self.states(payment.provider, first, 0);
        let again = self.states(payment.provider, last, 1);
        let later = 2 + self.chance.below(3);
        let record = self.records(attempt, later).filter(|record| again.is_some_and(|again| *record >= again));
        self.find_late(&payment, line, record);
    }

    /// A payment that met has ended: what comes again is nothing new.
    fn record_delivered_after_it_met(&mut self, night: usize) {
        let payment = self.payment("a record delivered after it met", night);
        let (line, attempt) = (self.line(&payment), Self::attempt(&payment));
        let copy: Attempt = attempt.clone();
        self.both(&payment, line, attempt, (0, 0));
        let later = 2 + self.chance.below(3);
        self.records(copy, later);
    }

    fn line_delivered_after_it_met(&mut self, night: usize) {
        let payment = self.payment("a line delivered after it met", night);
        let (line, attempt) = (self.line(&payment), Self::attempt(&payment));
        let mut copy: Line = line.clone();
        self.both(&payment, line, attempt, (0, 0));
        let later = 2 + self.chance.below(3);
        let is_another = self.chance.below(2) == 0;
        if is_another {
            copy.gross += 100;
        }
        copy.in_no_batch = true;
        let night = self.night_of(copy.occurred_at).map(|first| first + later);
        if let Some(files) = night.and_then(|night| self.nights.get_mut(night)) {
            files.lines[payment.provider].push(copy);
            if is_another {
                self.find("restated", payment.story);
            }
        }
    }
}
