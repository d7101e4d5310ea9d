//! Which payouts and which bank lines are the same money: by reference, by amount and date, by a sum.
//!
//! Each pass takes what the ones before left open, and looks at all of it before it decides: what meets does not depend
//! on the order of anything, and equal candidates are ambiguous.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Rules;
use super::line::Line;
use super::payout::Payout;
use super::subset::{LIMIT, subsets};
use crate::money::Amount;

/// A bank may book a payout so many days before the provider dates it.
const EARLY_DAYS: i32 = 1;
/// A payout that no reference joins is not looked for longer than so many days after it was expected.
const LATE_DAYS: i32 = 7;
/// Shorter names stand in a text by chance.
const SHORTEST_NAME: usize = 6;

/// What a payout met, or a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The lines of its group, and by which pass.
    Group {
        pass: &'static str,
        lines: Vec<usize>,
    },
    /// Several fit: what they are called.
    Ambiguous(Vec<String>),
    /// One names the other, and they differ: the number of the other.
    Differs(usize),
    Alone,
}

/// Payouts and lines that are the same money.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) payouts: Vec<usize>,
    pub(super) lines: Vec<usize>,
}

/// What all payouts and lines met.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) groups: Vec<Group>,
    payouts: Vec<Met>,
    lines: Vec<Met>,
    /// Lines with more payouts to choose from than are tried.
    pub(super) untried: BTreeMap<usize, usize>,
}

impl Meeting {
    /// Of these payouts and these lines.
    pub(super) fn of(payouts: &[Payout], lines: &[Line], rules: &Rules) -> Self {
        let meeting = Self {
            groups: Vec::new(),
            payouts: vec![Met::Alone; payouts.len()],
            lines: vec![Met::Alone; lines.len()],
            untried: BTreeMap::new(),
        };
        let mut passes = Passes { payouts, lines, rules, meeting };
        passes.by_reference(false);
        passes.by_reference(true);
        passes.by_amount_and_date();
        passes.by_sum();
        passes.meeting
    }

    pub(super) fn of_payout(&self, number: usize) -> &Met {
        &self.payouts[number]
    }

    pub(super) fn of_line(&self, number: usize) -> &Met {
        &self.lines[number]
    }
}

struct Passes<'a> {
    payouts: &'a [Payout],
    lines: &'a [Line],
    rules: &'a Rules<'a>,
    meeting: Meeting,
}

impl Passes<'_> {
    /// A line names a payout, in a reference or in its text: by a whole name, or `in_words` by what is a name within one.
    /// Those that name each other are one group, if they add up. A word may be a date that many share, so only a whole
    /// name says that a line is the payout though it is another amount.
    fn by_reference(&mut self, in_words: bool) {
        let mut named: HashMap<&str, BTreeSet<usize>> = HashMap::new();
        for line in self.open_lines() {
            let Line { references, text, .. } = &self.lines[line];
            for said in references.iter().chain([text]).flatten() {
                for name in names(said) {
                    named.entry(name).or_default().insert(line);
                }
            }
        }
        let mut edges = Vec::new();
        for payout in self.open_payouts() {
            let called = self.payouts[payout].names().flat_map(|name| names(name).take(if in_words { usize::MAX } else { 1 }));
            let lines: BTreeSet<usize> = called.filter_map(|name| named.get(name)).flatten().copied().collect();
            edges.extend(lines.into_iter().filter(|&line| self.may_meet(payout, line)).map(|line| (payout, line)));
        }
        for Group { payouts, lines } in components(&edges) {
            let due: Amount = payouts.iter().map(|&payout| self.payouts[payout].due()).sum();
            let booked: Amount = lines.iter().map(|&line| self.lines[line].amount).sum();
            if due == booked {
                self.join("reference", payouts, lines);
            } else if let ([payout], [line], false) = (&payouts[..], &lines[..], in_words) {
                self.meeting.payouts[*payout] = Met::Differs(*line);
                self.meeting.lines[*line] = Met::Differs(*payout);
            }
        }
    }

    /// One payout and one line of one amount, within days of each other, neither of which has another such.
    fn by_amount_and_date(&mut self) {
        let mut by_amount: BTreeMap<(&str, Amount), Vec<usize>> = BTreeMap::new();
        for line in self.open_lines() {
            let Line { currency, amount, .. } = &self.lines[line];
            by_amount.entry((currency, *amount)).or_default().push(line);
        }
        let mut edges = Vec::new();
        for number in self.open_payouts() {
            let payout = &self.payouts[number];
            let lines = by_amount.get(&(payout.currency.as_str(), payout.due())).into_iter().flatten().copied();
            edges.extend(lines.filter(|&line| self.is_in_time(number, line)).map(|line| (number, line)));
        }
        for Group { payouts, lines } in components(&edges) {
            if payouts.len() == 1 && lines.len() == 1 {
                self.join("amount_and_date", payouts, lines);
            } else {
                self.confuse(&payouts, &lines);
            }
        }
    }

    /// Two or more payouts of one account that add up to a line, where no others do.
    fn by_sum(&mut self) {
        let open: Vec<usize> = self.open_payouts().collect();
        let (mut edges, mut one_way) = (Vec::new(), BTreeSet::new());
        for line in self.open_lines().collect::<Vec<_>>() {
            let mut of_account: BTreeMap<[&str; 2], Vec<usize>> = BTreeMap::new();
            for &payout in open.iter().filter(|&&payout| self.is_in_time(payout, line)) {
                let Payout { provider, account, .. } = &self.payouts[payout];
                of_account.entry([provider, account]).or_default().push(payout);
            }
            let mut ways: Vec<Vec<usize>> = Vec::new();
            for candidates in of_account.into_values() {
                if candidates.len() > LIMIT {
                    self.meeting.untried.insert(line, candidates.len());
                }
                let amounts: Vec<Amount> = candidates.iter().map(|&payout| self.payouts[payout].due()).collect();
                let ways_of = subsets(&amounts, self.lines[line].amount).into_iter();
                ways.extend(ways_of.map(|set| set.into_iter().map(|place| candidates[place]).collect::<Vec<_>>()));
            }
            // Where not all was tried, one way to add it up is not the only one.
            if !self.meeting.untried.contains_key(&line) {
                edges.extend(ways.iter().flatten().map(|&payout| (payout, line)));
                if ways.len() == 1 {
                    one_way.insert(line);
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        for Group { payouts, lines } in components(&edges) {
            match &lines[..] {
                [line] if one_way.contains(line) => self.join("subset_sum", payouts, lines),
                _ => self.confuse(&payouts, &lines),
            }
        }
    }

    fn open_payouts(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.payouts.len()).filter(|&number| self.payouts[number].is_open() && self.meeting.payouts[number] == Met::Alone)
    }

    fn open_lines(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.lines.len()).filter(|&number| self.meeting.lines[number] == Met::Alone)
    }

    /// Whether a payout may be in that bank, in that currency.
    fn may_meet(&self, payout: usize, line: usize) -> bool {
        let (payout, line) = (&self.payouts[payout], &self.lines[line]);
        let into = self.rules.paid_into.get(&[payout.provider.as_str(), payout.account.as_str()]);
        payout.currency == line.currency && into.is_none_or(|bank| *bank == line.bank)
    }

    /// Whether they may meet by nothing but their amount.
    fn is_in_time(&self, payout: usize, line: usize) -> bool {
        let Payout { paid_on, first_seen, expected_by, .. } = &self.payouts[payout];
        let days = paid_on.unwrap_or(*first_seen) - EARLY_DAYS..=expected_by + LATE_DAYS;
        self.may_meet(payout, line) && days.contains(&self.lines[line].booked_on)
    }

    fn join(&mut self, pass: &'static str, payouts: Vec<usize>, lines: Vec<usize>) {
        for &payout in &payouts {
            self.meeting.payouts[payout] = Met::Group { pass, lines: lines.clone() };
        }
        for &line in &lines {
            self.meeting.lines[line] = Met::Group { pass, lines: lines.clone() };
        }
        self.meeting.groups.push(Group { payouts, lines });
    }

    fn confuse(&mut self, payouts: &[usize], lines: &[usize]) {
        let of_payouts: Vec<String> = payouts.iter().map(|&payout| self.payouts[payout].reference.clone()).collect();
        let of_lines: Vec<String> = lines.iter().map(|&line| self.lines[line].id.clone()).collect();
        for &payout in payouts {
            self.meeting.payouts[payout] = Met::Ambiguous(of_lines.clone());
        }
        for &line in lines {
            self.meeting.lines[line] = Met::Ambiguous(of_payouts.clone());
        }
    }
}

/// What a text may name: the whole, and its words that are long enough and hold a digit.
fn names(said: &str) -> impl Iterator<Item = &str> {
    let is_inside = |letter: char| letter.is_alphanumeric() || "-_./".contains(letter);
    let words =
        said.split(move |letter| !is_inside(letter)).map(|word| word.trim_matches(|letter: char| "-_./".contains(letter)));
    let is_name = |word: &&str| word.len() >= SHORTEST_NAME && word.bytes().any(|byte| byte.is_ascii_digit());
    std::iter::once(said.trim()).chain(words.filter(is_name))
}

/// Payouts and lines that edges join, directly or through others; each side in order.
fn components(edges: &[(usize, usize)]) -> Vec<Group> {
    // A forest over both sides: each points to another of its group, or to itself.
    let mut up: BTreeMap<Node, Node> = BTreeMap::new();
    for &(payout, line) in edges {
        let [payout, line] = [(false, payout), (true, line)].map(|of| root(&mut up, of));
        let first = payout.min(line);
        up.insert(payout, first);
        up.insert(line, first);
    }
    let mut groups: BTreeMap<Node, Group> = BTreeMap::new();
    for of in up.keys().copied().collect::<Vec<_>>() {
        let group = groups.entry(root(&mut up, of)).or_insert_with(|| Group { payouts: Vec::new(), lines: Vec::new() });
        let (is_line, number) = of;
        if is_line { group.lines.push(number) } else { group.payouts.push(number) }
    }
    groups.into_values().collect()
}

/// A payout, or a line where the first is true.
type Node = (bool, usize);

/// The one that stands for a group; the way to it is shortened.
fn root(up: &mut BTreeMap<Node, Node>, mut of: Node) -> Node {
    loop {
        let above = *up.entry(of).or_insert(of);
        if above == of {
            return of;
        }
        let next = up[&above];
        up.insert(of, next);
        of = next;
    }
}
