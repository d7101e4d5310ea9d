//! A plain model of contracts, written from their documentation: line by line, in whole units of 10^-18. Random contracts
//! and lines must cost what it says, whole or in shares, in any order of lines, on any number of threads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use tieout::money::Amount;
use tieout::night::Memory;
use tieout::table::entries::ENTRIES;
use tieout::table::fees::FEES;

use super::{Row, Till, plain};
use crate::laws::Chance;
use crate::nights::files;

/// Words a line may say in each column a rule selects by; nothing is what no rule selects.
const WORDS: [&[&str]; 6] = [
    &["USD", "EUR", "JPY", "GBP"],
    &["card", "wallet", ""],
    &["apple_pay", ""],
    &["visa", "amex", ""],
    &["credit", "debit", ""],
    &["DE", "FR", "IS", "US", ""],
];
const COLUMNS: [&str; 6] = ["currency", "method", "wallet", "card_brand", "card_funding", "card_country"];
const REGIONS: [(&str, &[&str]); 4] = [("EU", &["DE", "FR"]), ("EEA", &["DE", "FR", "IS"]), ("DE", &["DE"]), ("US", &["US"])];

/// One in units of 10^-18.
const ONE: i128 = 10_i128.pow(18);

#[derive(Clone)]
struct Rule {
    name: String,
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
    /// The words it writes, and those they are.
    selects: [Option<(String, Vec<&'static str>)>; 6],
    price: Price,
    limits: [Option<&'static str>; 2],
    tiers: Vec<(&'static str, Price)>,
    by_last_month: bool,
    on_refund: Option<OnRefund>,
    on_chargeback: Option<Price>,
    tax: Option<(&'static str, &'static str)>,
    rounding: &'static str,
    decimals: Option<u32>,
    by_batch: bool,
}

type Price = (&'static str, &'static str);

#[derive(Clone)]
enum OnRefund {
    Kept,
    Returned,
    Costs(Price),
}

struct Line {
    name: String,
    kind: &'static str,
    gross: String,
    fee: &'static str,
    day: NaiveDate,
    words: [&'static str; 6],
    batch: &'static str,
}

/// A decimal in units of 10^-18.
fn units(text: &str) -> i128 {
    Amount::parse(text.as_bytes(), 8).unwrap().0 * 10_i128.pow(10)
}

/// The multiple of `unit` that a number is rounded to.
fn rounded(number: i128, digits: u32, mode: &str) -> i128 {
    let unit = ONE / 10_i128.pow(digits);
    let (below, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
    let up = match mode {
        "half_up" => rest * 2 > unit || rest * 2 == unit && number > 0,
        "half_even" => rest * 2 > unit || rest * 2 == unit && below % 2 != 0,
        "up" => rest > 0 && number > 0,
        _ => rest > 0 && number < 0,
    };
    (below + i128::from(up)) * unit
}

impl Rule {
    fn fits(&self, words: &[&str; 6], day: NaiveDate) -> bool {
        let selected = self.selects.iter().zip(words).all(|(of, word)| of.as_ref().is_none_or(|(_, those)| those.contains(word)));
        selected && self.from.is_none_or(|from| day >= from) && self.until.is_none_or(|until| day < until)
    }

    fn digits(&self, currency: &str) -> u32 {
        self.decimals.unwrap_or(if currency == "JPY" { 0 } else { 2 })
    }

    /// What a payment costs at a volume.
    fn tier(&self, volume: [i128; 2]) -> Price {
        let volume = volume[usize::from(self.by_last_month)];
        self.tiers.iter().rev().find(|(from, _)| volume >= units(from)).map_or(self.price, |(_, price)| *price)
    }

    /// The fee of a line before rounding, if the rule says one.
    fn exact(&self, line: &Line, volume: [i128; 2]) -> Option<i128> {
        let gross = units(&line.gross);
        let cost = |(percent, fixed): Price, of: i128| of / 10_i128.pow(10) * (units(percent) / 10_i128.pow(10)) + units(fixed);
        match line.kind {
            "payment" => {
                let mut fee = cost(self.tier(volume), gross);
                if let Some(least) = self.limits[0] {
                    fee = fee.max(units(least));
                }
                if let Some(most) = self.limits[1] {
                    fee = fee.min(units(most));
                }
                Some(fee)
            }
            "refund" => match self.on_refund.as_ref()? {
                OnRefund::Kept => Some(0),
                OnRefund::Returned => Some(cost((self.tier(volume).0, "0"), gross)),
                OnRefund::Costs(price) => Some(cost(*price, -gross)),
            },
            "chargeback" => self.on_chargeback.map(|price| cost(price, -gross)),
            _ => None,
        }
    }

    /// What is contracted of a fee before rounding, and the tax in it.
    fn ended(&self, exact: i128, currency: &str) -> [i128; 2] {
        let digits = self.digits(currency);
        let fee = rounded(exact, digits, self.rounding);
        let tax = self
            .tax
            .map_or(0, |(percent, mode)| rounded(fee / 10_i128.pow(10) * (units(percent) / 10_i128.pow(10)), digits, mode));
        [fee + tax, tax]
    }

    fn toml(&self) -> String {
        let mut text = format!("{{ name = \"{}\", percent = \"{}\", fixed = \"{}\"", self.name, self.price.0, self.price.1);
        let mut say =
            |key: &str, value: Option<String>| value.iter().for_each(|value| write!(text, ", {key} = {value}").unwrap());
        let quoted = |text: &str| format!("\"{text}\"");
        let price = |(percent, fixed): &Price| format!("percent = \"{percent}\", fixed = \"{fixed}\"");
        say("from", self.from.map(|day| quoted(&day.to_string())));
        say("until", self.until.map(|day| quoted(&day.to_string())));
        for (column, selected) in COLUMNS.iter().zip(&self.selects) {
            let key = if *column == "card_country" { "region" } else { column };
            say(key, selected.as_ref().map(|(written, _)| written.clone()));
        }
        say("minimum", self.limits[0].map(quoted));
        say("maximum", self.limits[1].map(quoted));
        let tiers = self.tiers.iter().map(|(volume, terms)| format!("{{ volume = \"{volume}\", {} }}", price(terms)));
        let tiers: Vec<String> = tiers.collect();
        say("tiers", (!tiers.is_empty()).then(|| format!("[{}]", tiers.join(", "))));
        say("tiers_by", (!tiers.is_empty() && self.by_last_month).then(|| quoted("last_month")));
        say(
            "on_refund",
            self.on_refund.as_ref().map(|says| match says {
                OnRefund::Kept => quoted("kept"),
                OnRefund::Returned => quoted("returned"),
                OnRefund::Costs(terms) => format!("{{ {} }}", price(terms)),
            }),
        );
        say("on_chargeback", self.on_chargeback.as_ref().map(|terms| format!("{{ {} }}", price(terms))));
        say("tax", self.tax.map(|(percent, _)| quoted(percent)));
        say("tax_rounding", self.tax.map(|(_, mode)| quoted(mode)));
        say("rounding", Some(quoted(self.rounding)));
        say("decimals", self.decimals.map(|decimals| decimals.to_string()));
        say("round", self.by_batch.then(|| quoted("batch")));
        text + " }"
    }
}

fn november(day: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 1).unwrap() + Days::new(day - 1)
}

/// From the 29th of November on, with one night left out and a change of month.
const NIGHTS: [u64; 4] = [29, 30, 31, 33];

fn one<T: Copy>(chance: &mut Chance, of: &[T]) -> T {
    of[chance.below(of.len())]
}

/// One in so many times.
fn sometimes<T>(chance: &mut Chance, one_in: usize, value: impl FnOnce(&mut Chance) -> T) -> Option<T> {
    if chance.below(one_in) == 0 { Some(value(chance)) } else { None }
}

fn price(chance: &mut Chance) -> Price {
    (one(chance, &["0", "0.5", "0.6", "1.234567", "2.9"]), one(chance, &["0", "0", "0.05", "0.30", "0.005"]))
}

/// A rule, often within one that was drawn before: so that some contracts leave nothing open.
fn rule(chance: &mut Chance, before: &[Rule]) -> Rule {
    let wider = before.get(chance.below(before.len().max(1)));
    let mut selects = wider.map_or([const { None }; 6], |wider| wider.selects.clone());
    for _ in 0..=chance.below(2) {
        let column = chance.below(6);
        selects[column] = Some(if column == 5 {
            let (name, those) = one(chance, &REGIONS);
            (format!("\"{name}\""), those.to_vec())
        } else {
            let those: Vec<&str> = WORDS[column].iter().copied().filter(|word| !word.is_empty() && *word != "GBP").collect();
            let mut those: Vec<&str> = those.into_iter().filter(|_| chance.below(2) == 0).collect();
            if those.is_empty() {
                those.push(WORDS[column][0]);
            }
            (format!("{those:?}"), those)
        });
    }
    let by_batch = chance.below(5) == 0;
    let [from, until] = [28, 31].map(|day| sometimes(chance, 6, |chance| november(day + chance.below(3) as u64)));
    let mode = |chance: &mut Chance| one(chance, &["half_up", "half_even", "up", "down"]);
    Rule {
        name: format!("rule {}", before.len()),
        from: from.or_else(|| wider.and_then(|wider| wider.from)),
        until: until.or_else(|| wider.and_then(|wider| wider.until)),
        selects,
        price: price(chance),
        limits: if by_batch { [None, None] } else { [sometimes(chance, 4, |_| "0.105"), sometimes(chance, 4, |_| "2")] },
        tiers: sometimes(chance, 2, |chance| vec![("50", price(chance)), ("300.01", price(chance))]).unwrap_or_default(),
        by_last_month: chance.below(2) == 0,
        on_refund: sometimes(chance, 2, |chance| match chance.below(3) {
            0 => OnRefund::Kept,
            1 => OnRefund::Returned,
            _ => OnRefund::Costs(price(chance)),
        }),
        on_chargeback: sometimes(chance, 2, price),
        tax: sometimes(chance, 3, |chance| (one(chance, &["6", "13", "50"]), mode(chance))),
        rounding: mode(chance),
        decimals: sometimes(chance, 6, |chance| one(chance, &[0, 1, 3])),
        by_batch,
    }
}

fn line(chance: &mut Chance, night: NaiveDate, number: usize) -> Line {
    let words = WORDS.map(|words| one(chance, words));
    let kind = one(
        chance,
        &["payment", "payment", "payment", "payment", "refund", "chargeback", "fee", "tax", "fee_refund", "payout", "adjustment"],
    );
    let amount = one(
        chance,
        if words[0] == "JPY" { &["1", "100", "1234", "50"] } else { &["0.10", "1.00", "12.34", "99.99", "250.00", "50.00"] },
    );
    let sign = if ["payment", "fee_refund", "adjustment"].contains(&kind) { "" } else { "-" };
    Line {
        name: format!("{night}-{number:02}"),
        kind,
        gross: format!("{sign}{amount}"),
        fee: one(chance, &["0", "1", "2", "-1"]),
        day: night - Days::new(1) + Days::new(chance.below(3) as u64),
        words,
        batch: one(chance, &["", "b1", "b2"]),
    }
}

impl Line {
    /// As [`Till::lines`] reads it.
    fn written(&self) -> String {
        let mut text = format!("{} {} {} occurred_at={}T12:00:00+08:00", self.kind, self.gross, self.fee, self.day);
        write!(text, " provider_reference={} batch_reference={}", self.name, self.batch).unwrap();
        for (column, word) in COLUMNS.iter().zip(self.words) {
            write!(text, " {column}={word}").unwrap();
        }
        text
    }
}

/// Whether two rules may fit one line, and neither fits only lines of the other: tried on every line there can be.
fn is_ambiguous(rules: &[Rule]) -> bool {
    let mut fits: Vec<Vec<bool>> = vec![Vec::new(); rules.len()];
    for day in (26..=36).map(november) {
        for place in 0..WORDS.iter().map(|words| words.len()).product() {
            let mut rest = place;
            let words = WORDS.map(|words| {
                let word = words[rest % words.len()];
                rest /= words.len();
                word
            });
            rules.iter().zip(&mut fits).for_each(|(rule, fits)| fits.push(rule.fits(&words, day)));
        }
    }
    let pairs = (0..rules.len()).flat_map(|one| (one + 1..rules.len()).map(move |other| (one, other)));
    let within = |one: usize, other: usize| fits[one].iter().zip(&fits[other]).all(|(one, other)| !one || *other);
    let overlap = |one: usize, other: usize| fits[one].iter().zip(&fits[other]).any(|(one, other)| *one && *other);
    pairs.into_iter().any(|(one, other)| overlap(one, other) && within(one, other) == within(other, one))
}

/// The rule of a line: of those that fit, the one that all of them are at least as wide as.
fn meant<'r>(rules: &'r [Rule], line: &Line) -> Option<(usize, &'r Rule)> {
    let fitting: Vec<(usize, &Rule)> = rules.iter().enumerate().filter(|(_, rule)| rule.fits(&line.words, line.day)).collect();
    let holds = |rule: &Rule, day: NaiveDate, words: &[&str; 6]| rule.fits(words, day);
    fitting.iter().copied().min_by_key(|(_, rule)| {
        // Where all lie one within the other, the narrowest is fitted by the fewest lines.
        let lines = WORDS.iter().enumerate().map(|(column, words)| {
            words
                .iter()
                .filter(|word| {
                    let mut of = line.words;
                    of[column] = word;
                    holds(rule, line.day, &of)
                })
                .count()
        });
        let days = (20..=44).map(november).filter(|day| holds(rule, *day, &line.words)).count();
        lines.product::<usize>() * days
    })
}

/// What the model says of nights.
#[derive(Default)]
struct Model {
    /// By rule and currency, of this month and the last.
    volumes: BTreeMap<(String, String), [i128; 2]>,
    before: Option<NaiveDate>,
}

/// What a row of `fees` says: entries, volume, charged, billed, and where there is a rule contracted and tax.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    entries: usize,
    sums: [i128; 3],
    contracted: Option<[i128; 2]>,
}

impl Model {
    /// The price of each line, and the rows of `fees` by key.
    fn close(&mut self, rules: &[Rule], night: NaiveDate, lines: &[Line]) -> (Vec<String>, BTreeMap<Vec<String>, Said>) {
        let month = |date: NaiveDate| date.format("%Y%m").to_string();
        if self.before.is_some_and(|before| month(before) != month(night)) {
            self.volumes.values_mut().for_each(|volume| *volume = [0, volume[0]]);
        }
        self.before = Some(night);
        let opening = self.volumes.clone();
        let (mut priced, mut rows) = (Vec::new(), BTreeMap::<Vec<String>, Said>::new());
        let mut batches: BTreeMap<Vec<String>, (&Rule, i128)> = BTreeMap::new();
        for line in lines {
            let currency = line.words[0].to_owned();
            let volume = |rule: &Rule| opening.get(&(rule.name.clone(), currency.clone())).copied().unwrap_or_default();
            let rule = meant(rules, line).map(|(_, rule)| rule).and_then(|rule| Some((rule, rule.exact(line, volume(rule))?)));
            let mut key: Vec<String> = [1, 2, 3, 4].map(|column| line.words[column].to_owned()).to_vec();
            key.extend([String::new(), String::new(), currency.clone()]);
            let mut contracted = None;
            if let Some((rule, exact)) = rule {
                key[4].clone_from(&rule.name);
                if rule.by_batch {
                    key = vec![
                        String::new(),
                        String::new(),
                        String::new(),
                        String::new(),
                        rule.name.clone(),
                        format!("batch {}", line.batch),
                        currency.clone(),
                    ];
                    batches.entry(key.clone()).or_insert((rule, 0)).1 += exact;
                } else {
                    contracted = Some(rule.ended(exact, &currency));
                }
            }
            let say = |amount: i128| Amount(amount / 10_i128.pow(10)).to_string();
            let name = rule.map_or("-", |(rule, _)| &rule.name);
            priced.push(format!("{name}: {}", contracted.map_or("-".to_owned(), |[fee, _]| say(fee))));
            let row = rows.entry(key).or_default();
            let gross = units(&line.gross);
            row.entries += 1;
            row.sums[0] += if line.kind == "payment" { gross } else { 0 };
            row.sums[1] += units(line.fee);
            row.sums[2] -= if ["fee", "tax", "fee_refund"].contains(&line.kind) { gross } else { 0 };
            if let Some([fee, tax]) = contracted {
                let [fees, taxes] = row.contracted.get_or_insert_default();
                (*fees, *taxes) = (*fees + fee, *taxes + tax);
            }
            if let (Some((rule, _)), "payment") = (rule, line.kind) {
                self.volumes.entry((rule.name.clone(), currency)).or_default()[0] += gross;
            }
        }
        for (key, (rule, exact)) in batches {
            rows.get_mut(&key).unwrap().contracted = Some(rule.ended(exact, &key[6]));
        }
        (priced, rows)
    }
}

/// The rows of `fees` as the model has them; rows that only carry a volume are left out.
fn said(fees: &[Row], batches: &BTreeSet<String>) -> BTreeMap<Vec<String>, Said> {
    let key = |row: &Row| {
        let mut key: Vec<String> = ["method", "wallet", "card_brand", "card_funding", "rule", "batch_reference", "currency"]
            .map(|name| row[name].clone())
            .to_vec();
        if batches.contains(&key[4]) {
            key[5] = format!("batch {}", key[5]);
        }
        key
    };
    let amount = |row: &Row, name: &str| if row[name].is_empty() { None } else { Some(units(&row[name])) };
    let row = |row: &Row| Said {
        entries: row["entries"].parse().unwrap(),
        sums: ["volume", "charged", "billed"].map(|name| amount(row, name).unwrap()),
        contracted: amount(row, "contracted").map(|fee| [fee, amount(row, "tax").unwrap()]),
    };
    fees.iter().map(|of| (key(of), row(of))).filter(|(_, said)| said.entries > 0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_contracts_cost_what_a_plain_model_says(seed: u64, shares in 2_usize..5) {
        let chance = &mut Chance(seed);
        let mut rules = Vec::new();
        for _ in 0..=chance.below(4) {
            rules.push(rule(chance, &rules));
        }
        let contract = rules.iter().map(Rule::toml).collect::<Vec<_>>().join(", ");
        let [whole, apart, shuffled] = [(); 3].map(|()| Till::new(&contract, ""));
        match whole.job() {
            Err(error) => {
                prop_assert!(is_ambiguous(&rules) && error.to_string().contains("neither is the narrower"), "{}\n{}", contract, error);
                return Ok(());
            }
            Ok(_) => prop_assert!(!is_ambiguous(&rules), "{}", contract),
        }
        let by_batch: BTreeSet<String> = rules.iter().filter(|rule| rule.by_batch).map(|rule| rule.name.clone()).collect();
        let mut model = Model::default();
        for night in NIGHTS.map(november) {
            let lines: Vec<Line> = (0..chance.below(25)).map(|number| line(chance, night, number)).collect();
            let mut written: Vec<String> = lines.iter().map(Line::written).collect();
            whole.lines(night, &written.join("\n"));
            apart.lines(night, &written.join("\n"));
            for last in (1..written.len()).rev() {
                written.swap(last, chance.below(last + 1));
            }
            shuffled.lines(night, &written.join("\n"));
            whole.close(night);
            apart.try_close(night, Memory::Shares(shares)).unwrap();
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            alone.install(|| shuffled.close(night));

            let (priced, expected) = model.close(&rules, night, &lines);
            prop_assert_eq!(whole.priced(night), priced, "{}: {}", night, contract);
            let fees = whole.rows(&FEES, night);
            prop_assert_eq!(said(&fees, &by_batch), expected, "{}: {}", night, contract);
            conserved(&fees, &whole.rows(&ENTRIES, night));
            for row in fees.iter().filter(|row| !row["rule"].is_empty()) {
                let has_tiers = rules.iter().any(|rule| rule.name == row["rule"] && !rule.tiers.is_empty());
                let volume = model.volumes.get(&(row["rule"].clone(), row["currency"].clone())).copied().unwrap_or_default();
                let expected = volume.map(|volume| plain(&Amount(volume / 10_i128.pow(10)).to_string()));
                let told = ["month_volume", "last_month_volume"].map(|name| plain(&row[name]));
                let none = [String::new(), String::new()];
                prop_assert_eq!(told, if has_tiers { expected } else { none }, "{}: {}", night, contract);
            }
            let data = |till: &Till| files(&till.folder.path().join("lake/data"));
            prop_assert!(data(&whole) == data(&apart), "{night}: shares give other bytes: {contract}");
            prop_assert_eq!(&fees, &shuffled.rows(&FEES, night), "{}: shuffled lines cost something else", night);
            prop_assert_eq!(whole.priced(night), shuffled.priced(night));
        }
    }
}

/// Every entry is in one row, and by provider and currency nothing is lost of its fee; nor of fees that are entries.
fn conserved(fees: &[Row], entries: &[Row]) {
    let sums = |rows: &[Row], of: &dyn Fn(&Row) -> [i128; 4]| {
        let mut sums: BTreeMap<String, [i128; 4]> = BTreeMap::new();
        for row in rows {
            let sum = sums.entry(format!("{} {}", row["provider"], row["currency"])).or_default();
            sum.iter_mut().zip(of(row)).for_each(|(sum, more)| *sum += more);
        }
        sums.retain(|_, sums| sums[0] > 0);
        sums
    };
    let is_fee = |row: &Row| ["fee", "fee_refund", "tax"].contains(&row["kind"].as_str());
    let of_entry = |row: &Row| {
        let gross = units(&row["gross"]);
        [1, gross, units(&row["fee"]), if is_fee(row) { -gross } else { 0 }]
    };
    let of_row = |row: &Row| {
        let [gross, charged, billed] = ["gross", "charged", "billed"].map(|name| units(&row[name]));
        [row["entries"].parse().unwrap(), gross, charged, billed]
    };
    assert_eq!(sums(fees, &of_row), sums(entries, &of_entry));
}
