//! Stories of payments.

use super::stories::Teller;

impl Teller {
    /// One order of a night: most are paid and that is all.
    pub(super) fn payment_story(&mut self, night: usize) {
        match self.chance.below(12) {
            0 => self.late_line(night),
            1 => self.late_record(night),
            2 => self.line_alone(night),
            3 => self.record_alone(night),
            _ => self.paid(night),
        }
    }

    fn paid(&mut self, night: usize) {
        let payment = self.payment("paid", night);
        let (attempt, line) = (Self::attempt(&payment), self.line(&payment));
        let record = self.records(attempt, 0);
        // Past midnight the line is in the file of the next night.
        let line = self.states(payment.provider, line, 0);
        self.find_late(&payment, line, record);
    }

    fn late_line(&mut self, night: usize) {
        let payment = self.payment("the line comes nights later", night);
        let later = 1 + self.chance.below(4);
        let (attempt, line) = (Self::attempt(&payment), self.line(&payment));
        let record = self.records(attempt, 0);
        let line = self.states(payment.provider, line, later);
        self.find_late(&payment, line, record);
    }

    fn late_record(&mut self, night: usize) {
        let payment = self.payment("the record comes nights later", night);
        let later = 1 + self.chance.below(4);
        let (attempt, line) = (Self::attempt(&payment), self.line(&payment));
        let record = self.records(attempt, later);
        let line = self.states(payment.provider, line, 0);
        self.find_late(&payment, line, record);
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
}
