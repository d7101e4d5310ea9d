//! Generated statements, written in every way a bank may cut them: what is read is what was meant.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use tieout::format::read::Decoded;
use tieout::format::shipped::Library;

use super::read_as;
use crate::formats::line;

/// A line of a statement as it is meant.
#[derive(Clone, Debug)]
struct Meant {
    /// Cents, negative when they leave the account.
    cents: i64,
    reference: u32,
    day: u32,
    words: Vec<String>,
    /// Whether a page ends before it, and where its text is cut.
    turns: bool,
    cut: usize,
}

impl Meant {
    fn text(&self) -> String {
        self.words.join(" ")
    }
}

fn meant() -> impl Strategy<Value = Meant> {
    let cents = prop_oneof![Just(0), -999_999_999_999..999_999_999_999_i64];
    // A word neither begins as a field or an end does nor ends with a stroke, which ends a part of a text.
    let words = vec("[A-Za-z0-9.+()]([A-Za-z0-9.+()/,:?'-]{0,30}[A-Za-z0-9.+()])?", 1..8);
    (cents, any::<u32>(), 1..29_u32, words, any::<bool>(), 0..200_usize)
        .prop_map(|(cents, reference, day, words, turns, cut)| Meant { cents, reference, day, words, turns, cut })
}

fn decimal(cents: i64, point: char) -> String {
    format!("{}{point}{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// The rows of a file, without their lines.
fn rows(format: &str, decoded: &Decoded) -> Vec<String> {
    assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects);
    let format = Library::shipped().load(&format!("bank/{format}")).unwrap();
    let parts = decoded.parts.iter().flat_map(|part| (0..part.lines.len()).map(|row| line(&format, part, row)));
    parts.map(|line| line.split_once("  ").unwrap().1.to_owned()).collect()
}

/// The rows as they are meant.
fn as_meant(lines: &[Meant], statement: &str, between: impl Fn(&Meant) -> String) -> Vec<String> {
    let row = |line: &Meant| {
        let sign = if line.cents < 0 { "-" } else { "" };
        format!(
            "account=NL13TEST0123456789  statement_reference={statement}  line_reference=R{}  {}status=booked  currency=EUR  amount={sign}{}  booked_on=2026-11-{:02}  value_on=2026-11-{:02}  text={}",
            line.reference,
            between(line),
            decimal(line.cents, '.'),
            line.day,
            line.day,
            line.text()
        )
    };
    lines.iter().map(row).collect()
}

/// Pages of lines, each with the balances before and after it.
fn pages(lines: &[Meant], opening: i64) -> Vec<(i64, &[Meant], i64)> {
    let mut pages = Vec::new();
    let (mut balance, mut begin) = (opening, 0);
    let ends = (1..lines.len()).filter(|&at| lines[at].turns).chain([lines.len()]);
    for end in ends {
        let page = &lines[begin..end];
        let closing = balance + page.iter().map(|line| line.cents).sum::<i64>();
        pages.push((balance, page, closing));
        (balance, begin) = (closing, end);
    }
    pages
}

fn mt940(lines: &[Meant], opening: i64) -> String {
    let pages = pages(lines, opening);
    let side = |cents: i64| if cents < 0 { 'D' } else { 'C' };
    let balance = |cents: i64| format!("{}261117EUR{}", side(cents), decimal(cents, ','));
    let mut text = String::new();
    for (number, &(before, page, after)) in pages.iter().enumerate() {
        let opens = if number == 0 { 'F' } else { 'M' };
        let closes = if number + 1 == pages.len() { 'F' } else { 'M' };
        writeln!(text, ":20:S\n:25:NL13TEST0123456789\n:28C:7/{}\n:60{opens}:{}", number + 1, balance(before)).unwrap();
        for line in page {
            let (amount, information) = (decimal(line.cents, ','), format!("/REMI/{}", line.text()));
            let day = line.day;
            writeln!(text, ":61:2611{day:02}11{day:02}{}{amount}NTRFNONREF//R{}", side(line.cents), line.reference).unwrap();
            // A text with codes is cut anywhere, but no line begins as a field or an end does.
            let (first, rest) = information.split_at(6.max(line.cut.min(information.len())));
            let cuts = !rest.starts_with([':', '-', ' ']) && !first.ends_with(' ');
            let between = if cuts { "\n" } else { "" };
            writeln!(text, ":86:{first}{between}{rest}").unwrap();
        }
        writeln!(text, ":62{closes}:{}\n-", balance(after)).unwrap();
    }
    text
}

fn camt053(lines: &[Meant], opening: i64) -> String {
    let pages = pages(lines, opening);
    let sided = |cents: i64| {
        let side = if cents < 0 { "DBIT" } else { "CRDT" };
        format!("<Amt Ccy=\"EUR\">{}</Amt><CdtDbtInd>{side}</CdtDbtInd>", decimal(cents, '.'))
    };
    let balance = |code: &str, cents: i64| format!("<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}</Bal>", sided(cents));
    let details = |line: &Meant| {
        let text = line.text().replace('\'', "&apos;");
        format!(
            "<Refs><AcctSvcrRef>R{}</AcctSvcrRef></Refs>{}<RmtInf><Ustrd>{text}</Ustrd></RmtInf>",
            line.reference,
            sided(line.cents)
        )
    };
    let mut text = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.04\"><BkToCstmrStmt>".to_owned();
    for (number, &(before, page, after)) in pages.iter().enumerate() {
        let opens = if number == 0 { "OPBD" } else { "ITBD" };
        let closes = if number + 1 == pages.len() { "CLBD" } else { "ITBD" };
        text += "<Stmt><Id>7</Id><Acct><Id><IBAN>NL13TEST0123456789</IBAN></Id></Acct>";
        text += &balance(opens, before);
        text += &balance(closes, after);
        // What was booked on one day may be one batch.
        for batch in page.chunk_by(|one, next| one.day == next.day && one.cut % 2 == 0) {
            let day = format!("<Dt>2026-11-{:02}</Dt>", batch[0].day);
            let head = format!("<Sts>BOOK</Sts><BookgDt>{day}</BookgDt><ValDt>{day}</ValDt>");
            let details: Vec<String> = batch.iter().map(|line| format!("<TxDtls>{}</TxDtls>", details(line))).collect();
            let sum = sided(batch.iter().map(|line| line.cents).sum());
            writeln!(text, "<Ntry>{sum}{head}<NtryDtls>{}</NtryDtls></Ntry>", details.concat()).unwrap();
        }
        text += "</Stmt>";
    }
    text + "</BkToCstmrStmt></Document>"
}

fn bai2(lines: &[Meant], opening: i64) -> String {
    let closing = opening + lines.iter().map(|line| line.cents).sum::<i64>();
    let mut sum = opening + closing;
    let mut text = "01,T,L,261117,0200,1,,,2/\n02,L,T,1,261117,,EUR,/\n03,NL13TEST0123456789,,".to_owned();
    writeln!(text, "010,{opening},,/\n88,015,{closing},,/").unwrap();
    for line in lines {
        let Meant { cents, reference, day, words, turns, cut } = line;
        sum += cents.abs();
        let code = if *cents < 0 { 475 } else { 142 };
        let turn = if *turns { "/\n88," } else { "," };
        write!(text, "16,{code},{},V,2611{day:02},{turn}R{reference},,", cents.abs()).unwrap();
        // The text goes on between two words.
        let (first, rest) = words.split_at(cut % words.len());
        let next = if first.is_empty() { "" } else { "\n88," };
        writeln!(text, "{}{next}{}/", first.join(" "), rest.join(" ")).unwrap();
    }
    text + &format!("49,{sum},9/\n98,{sum},1,9/\n99,{sum},1,9/\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_and_cuts_change_nothing(lines in vec(meant(), 0..24), opening in -1_000_000_000..1_000_000_000_i64) {
        let read = |format: &str, text: String| rows(format, &read_as(format, text.as_bytes()).unwrap_or_else(|said| panic!("{said}\n{text}")));
        let whole: Vec<Meant> = lines.iter().map(|line| Meant { turns: false, ..line.clone() }).collect();
        for lines in [&lines, &whole] {
            let code = |_: &Meant| "transaction_code=NTRF  ".to_owned();
            prop_assert_eq!(read("mt940", mt940(lines, opening)), as_meant(lines, "7", code));
            prop_assert_eq!(read("camt053", camt053(lines, opening)), as_meant(lines, "7", |_| String::new()));
        }
    }

    #[test]
    fn continuations_change_nothing(lines in vec(meant(), 0..24), opening in -1_000_000_000..1_000_000_000_i64) {
        let text = bai2(&lines, opening);
        let decoded = read_as("bai2", text.as_bytes()).unwrap_or_else(|said| panic!("{said}\n{text}"));
        let code = |line: &Meant| format!("transaction_code={}  ", if line.cents < 0 { 475 } else { 142 });
        let expected = as_meant(&lines, "2026-11-17/1", code);
        let booked: Vec<String> = lines.iter().zip(expected).map(|(line, row)| {
            row.replace(&format!("booked_on=2026-11-{:02}", line.day), "booked_on=2026-11-17")
        }).collect();
        prop_assert_eq!(rows("bai2", &decoded), booked);
    }
}
