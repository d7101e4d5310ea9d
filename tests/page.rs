//! The page of a night: whole, the same twice, safe, exact, and in each language.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tieout::report::page::Language;
use tieout::report::page::words::Words;
use tieout::stage::failures::Category;
use tieout::stage::reconcile::BreakType;
use tieout::table::delivery::Answer;

use crate::harness::Place;
use crate::nights::{files, package};

const JOB: &str = "jobs/nightly.toml";
const REFUNDS: &str = "sample-data/merchant/refunds_20261118.csv";
const ATTEMPTS: &str = "sample-data/merchant/attempts_20261118.csv";
/// What somebody may call a refund, in the hope that it is run where it is read.
const HOSTILE: &str = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}'&";

fn run(place: &Place, arguments: &str) -> String {
    let ran = place.run(arguments);
    assert_eq!(ran.code, 0, "{}", ran.whole());
    ran.stdout
}

/// Three nights, the second with hostile records and a card number.
fn closed() -> &'static Place {
    static CLOSED: OnceLock<Place> = OnceLock::new();
    CLOSED.get_or_init(|| {
        let place = Place::with_sample_nights();
        let text = String::from_utf8(place.read(REFUNDS)).unwrap();
        let quoted = HOSTILE.replace('"', "\"\"");
        let refund = |reference: &str| {
            format!("\"R {reference}\",SO20261118000009,stripe,SO20261118000009,\"{reference}\",2026-11-18T23:00:00+08:00,1.00,USD,succeeded\n")
        };
        place.write(REFUNDS, format!("{text}{}{}", refund(&quoted), refund("4111111111111111")));
        for night in ["17", "18", "19"] {
            run(&place, &format!("run {JOB} --date 2026-11-{night} --quiet"));
        }
        place
    })
}

fn page(more: &str) -> String {
    exported(closed(), JOB, more)
}

/// The page of the 18th, as it is in its file.
fn exported(place: &Place, job: &str, more: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("page-{}.html", NUMBER.fetch_add(1, Ordering::Relaxed));
    run(place, &format!("export page {job} --date 2026-11-18 --to {name} {more}"));
    String::from_utf8(place.read(&name)).unwrap()
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    text.split(from).skip(1).map(|rest| rest.split(to).next().unwrap()).collect()
}

/// The page without its style and scripts.
fn body(page: &str) -> String {
    let style = between(page, "<style>", "</style>");
    let scripts = between(page, "<script>", "</script>");
    style.iter().chain(&scripts).fold(page.to_owned(), |page, inside| page.replace(inside, ""))
}

#[test]
fn it_is_the_same_twice_whatever_wrote_it() {
    let place = closed();
    assert!(page("") == page("--language en"));
    run(place, &format!("export page {JOB} --date 2026-11-18"));
    assert!(String::from_utf8(place.read("night-2026-11-18.html")).unwrap() == page(""));
    let on_stdout = run(place, &format!("export page {JOB} --date 2026-11-18 --to -"));
    assert!(on_stdout == page("").replace(env!("CARGO_PKG_VERSION"), "<version>"));
    // From a lake alone, and from one that was closed with another number of threads.
    let twin = Place::with_sample_nights();
    twin.write(REFUNDS, place.read(REFUNDS));
    for night in ["17", "18"] {
        run(&twin, &format!("run {JOB} --date 2026-11-{night} --quiet --threads 1"));
    }
    assert!(exported(&twin, "lake", "") == page(""));
}

#[test]
fn what_comes_from_data_is_text() {
    for language in ["en", "zh"] {
        let page = page(&format!("--language {language}"));
        let body = body(&page);
        assert_eq!(between(&page, "<script", "</script>").len(), 3);
        assert!(!body.contains("<img") && !body.contains("alert(1)</script>") && !body.contains('\u{202e}'));
        assert!(body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the record is there, as text");
        assert!(!page.contains("4111111111111111") && page.contains("************1111"));
        // No attribute that runs or draws, no link but to a place on the page.
        for tag in between(&body, "<", ">") {
            let names: Vec<&str> = tag.split('"').step_by(2).collect();
            let forbidden = names.iter().any(|name| [" style=", " src=", " on"].iter().any(|word| name.contains(word)));
            assert!(!forbidden, "{tag}");
        }
        for link in between(&body, "href=\"", "\"") {
            assert!(link.starts_with('#') || link == "data:,", "{link}");
        }
    }
}

#[test]
fn its_policy_allows_what_is_inside_and_nothing_else() {
    let page = page("");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"")[0].replace("&#39;", "'");
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let styles: Vec<String> = between(&page, "<style>", "</style>").into_iter().map(hash).collect();
    let scripts: Vec<String> = between(&page, "<script>", "</script>").into_iter().map(hash).collect();
    let expected = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        styles.join(" "),
        scripts.join(" ")
    );
    assert_eq!((policy, styles.len(), scripts.len()), (expected, 1, 3));
    let before = page.split("<meta http-equiv").next().unwrap();
    assert!(!before.contains("<script") && !before.contains("<style") && !before.contains("<link"), "nothing is before it");
}

#[test]
fn the_library_is_the_one_that_was_published() {
    let folder = package().join("src/report/page");
    let sha256 = |name: &str| {
        let digest = Sha256::digest(fs::read(folder.join(name)).unwrap());
        digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    // Of uplot 1.6.32, as npm has it: dist/uPlot.iife.min.js, dist/uPlot.min.css, LICENSE.
    assert_eq!(sha256("uPlot.min.js"), "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f");
    assert_eq!(sha256("uPlot.min.css"), "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04");
    assert_eq!(sha256("uPlot.LICENSE"), "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd");
    assert!(page("").contains("Copyright (c) 2022 Leon Sorokin"));
}

/// Places in a text that are filled: `{count}`.
fn places(text: &str) -> BTreeSet<&str> {
    between(text, "{", "}").into_iter().collect()
}

#[test]
fn every_language_has_the_same_words() {
    let [english, chinese] = Language::ALL.map(Words::of);
    let keys = |words: &Words| -> BTreeSet<String> { words.all().map(|(key, _)| key.to_owned()).collect() };
    assert_eq!(keys(&english), keys(&chinese));
    let texts: BTreeMap<&str, &str> = english.all().collect();
    for (key, chinese) in chinese.all() {
        let english = texts[key];
        assert!(!english.trim().is_empty() && !chinese.trim().is_empty(), "{key}");
        // The one of a count need not say it.
        let [mut one, mut other] = [english, chinese].map(places);
        if key.rsplit('.').next() == Some("one") {
            one.remove("count");
            other.remove("count");
        }
        assert_eq!(one, other, "{key}");
    }
    // What only a name or a formula is, is the same in both.
    let same = english.all().zip(chinese.all()).filter(|((_, one), (_, other))| one == other).map(|((key, _), _)| key);
    let same: Vec<&str> = same.collect();
    let names = ["column.sha256", "provider.adyen", "provider.paypal", "provider.stripe", "value.apple_pay", "value.google_pay"];
    assert_eq!(same, names);
}

#[test]
fn every_word_that_is_asked_for_is_there_and_asked_for() {
    let words = Words::of(Language::English);
    let known: BTreeSet<&str> = words.all().map(|(key, _)| key).collect();
    let sources = files(&package().join("src/report"))
        .into_iter()
        .filter(|(path, _)| ["page", "workbook"].iter().any(|part| path.to_str().unwrap().contains(part)));
    let code: String = sources
        .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    for (call, ending) in [(".say(\"", ""), (".fill(\"", ""), (".counted(\"", ".one"), (".counted(\"", ".many")] {
        for key in between(&code, call, "\"") {
            assert!(known.contains(&*format!("{key}{ending}")), "{key}{ending}");
        }
    }
    // Every key stands in the code: whole, or as a list and a word of it.
    let lists =
        ["break_type", "break_is", "action", "metric", "metric_is", "category", "actor", "hardness", "stage", "step", "term_is"];
    for key in known {
        let (list, word) = key.split_once('.').unwrap();
        let whole = key.strip_suffix(".one").or(key.strip_suffix(".many")).unwrap_or(key);
        let is_said = code.contains(&format!("\"{whole}\""))
            || code.contains(&format!("\"{list}.{{"))
            || code.contains(&format!("\"{list}.{}{{", &word[..1]))
            || lists.contains(&list);
        let is_listed = code.contains(&format!("\"{list}\"")) || ["value", "column"].contains(&list);
        assert!(is_said || is_listed, "nobody asks for {key}: {word}");
    }
}

#[test]
fn every_word_of_the_tables_is_said_in_each_language() {
    for words in Language::ALL.map(Words::of) {
        let known: BTreeSet<&str> = words.all().map(|(key, _)| key).collect();
        let has = |list: &str, word: &str| assert!(known.contains(&*format!("{list}.{word}")), "{list}.{word}");
        for kind in BreakType::ALL {
            for list in ["break_type", "break_is", "action"] {
                has(list, kind.as_str());
            }
        }
        for category in Category::ALL {
            has("category", category.word());
        }
        for answer in Answer::ALL {
            has("answer", answer.word());
        }
        for state in ["open", "waiting", "cleared", "resolved"] {
            has("state", state);
        }
    }
    let english = Words::of(Language::English);
    let texts: BTreeMap<&str, &str> = english.all().collect();
    for kind in BreakType::ALL {
        // Of one break the page and the table say one thing; the page has the detail beside it.
        let said = texts[&*format!("action.{}", kind.as_str())].replace("the detail names", "detail names");
        assert_eq!(said, kind.suggested_action());
    }
}

/// The rows of a table of the page: of each cell the values a program reads.
fn rows(page: &str, id: &str) -> Vec<Vec<Vec<String>>> {
    let table = page.split(&format!("<table id=\"{id}\"")).nth(1).unwrap_or_else(|| panic!("no table {id}"));
    // Its own end, past that of every table in it.
    let mut depth = 1;
    let mut end = 0;
    for (at, _) in table.match_indices('<') {
        let rest = &table[at..];
        depth += i32::from(rest.starts_with("<table "));
        depth -= i32::from(rest.starts_with("</table>"));
        if depth == 0 {
            end = at;
            break;
        }
    }
    let table = &table[..end];
    let mut outer = String::new();
    for (number, part) in table.split("<tr class=\"more\">").enumerate() {
        let kept = if number == 0 { part } else { part.split_once("</tbody>").map_or("", |(_, rest)| rest) };
        outer.push_str(kept);
    }
    let rows = between(&outer, "<tr>", "</tr>");
    rows.into_iter()
        .skip(1)
        .map(|row| {
            let cells = row.split("<t").skip(1);
            cells
                .map(|cell| {
                    let values = between(cell, "<data value=\"", "\"");
                    if values.is_empty() { between(cell, "<bdi class=\"code\">", "<") } else { values }
                })
                .map(|values| values.into_iter().map(str::to_owned).collect())
                .collect()
        })
        .collect()
}

#[test]
fn its_figures_are_those_of_the_night() {
    let page = page("");
    let statements = rows(&page, "statements");
    // What the sample's Alipay states on the 18th: eight payments and two refunds, and the fee on them.
    let alipay = statements.iter().find(|row| row[0] == ["alipay"]).unwrap();
    let figures: Vec<&str> = alipay[1..].iter().map(|cell| cell[0].as_str()).collect();
    assert_eq!(figures, ["10", "2079.00", "-351.50", "0.00", "0.00", "0.00", "12.48", "1715.02"]);
    assert!(page.contains("<data value=\"1715.02\">1,715.02</data><span class=\"cur\"> CNY</span>"));
    assert!(page.contains("<data value=\"-351.50\">−351.50</data>"));
    let rolled = rows(&page, "rollforward");
    let stripe = rolled.iter().find(|row| row[0] == ["stripe"] && row[2] == ["-133.14"]);
    assert!(stripe.is_none(), "dollars and euros are not added: {stripe:?}");
    assert!(!page.contains("DOES NOT TIE"));
    let by_currency = rows(&page, "by-currency");
    let open: Vec<[&str; 2]> = by_currency.iter().map(|row| [&*row[0][0], &*row[1][0]]).collect();
    assert_eq!(open, [["CNY", "7"], ["EUR", "4"], ["USD", "4"]], "as the README has it from DuckDB");
    assert_eq!(by_currency[0][2], ["186.00"]);
    // Every live and cleared break has its row, and unfolds.
    let breaks = rows(&page, "break-list");
    let nights = rows(&page, "night-before");
    let live: usize = nights
        .iter()
        .filter(|row| ["open", "waiting", "cleared"].contains(&&*row[0][0]))
        .map(|row| row[1][0].parse::<usize>().unwrap())
        .sum();
    assert_eq!(breaks.len(), live);
    assert_eq!(rows(&page, "files").len(), 8);
}

#[test]
fn it_says_what_is_missing() {
    let place = Place::with_sample_nights();
    place.remove("sample-data/provider/stripe/payout_reconciliation_20261117.csv");
    run(&place, &format!("run {JOB} --date 2026-11-17 --quiet --partial"));
    let page = |language: &str| run(&place, &format!("export page {JOB} --date 2026-11-17 --to - --language {language}"));
    assert!(page("en").contains("Incomplete: a source is left out."), "{}", page("en"));
    assert!(page("en").contains("Stripe: MISSING") && page("en").contains("Get the file of Stripe"));
    assert!(page("zh").contains("不完整：缺少数据来源。") && page("zh").contains("Stripe：缺失"));
    // Nights that are not there, and nights that are damaged.
    let ran = place.run(&format!("export page {JOB} --date 2026-11-18 --to -"));
    assert_eq!((ran.code, ran.stdout.as_str()), (64, ""), "{}", ran.whole());
    place.write("lake/data/breaks/date=2026-11-17/breaks.parquet", "damaged");
    let ran = place.run(&format!("export page {JOB} --date 2026-11-17 --to -"));
    assert_eq!((ran.code, ran.stdout.as_str()), (65, ""), "{}", ran.whole());
}

#[test]
fn a_big_night_shows_its_most_severe_breaks_and_counts_the_rest() {
    let place = Place::with_sample_nights();
    let orders = String::from_utf8(place.read("sample-data/merchant/orders_20261117.csv")).unwrap();
    let attempts = String::from_utf8(place.read(&ATTEMPTS.replace("18", "17"))).unwrap();
    let (mut more_orders, mut more_attempts) = (orders, attempts);
    // Paid, says the shop, and no provider has any of them: the larger the later.
    for at in 1..=1_300 {
        writeln!(more_orders, "BIG{at},2026-11-17T10:00:00+08:00,{at}.00,CNY,paid,web,CN,new").unwrap();
        writeln!(more_attempts, "ABIG{at},BIG{at},alipay,BIG{at},,wallet,alipay,,,2026-11-17T10:00:00+08:00,2026-11-17T10:01:00+08:00,completed,succeeded,,{at}.00,CNY").unwrap();
    }
    place.write("sample-data/merchant/orders_20261117.csv", more_orders);
    place.write(&ATTEMPTS.replace("18", "17"), more_attempts);
    for night in ["17", "18"] {
        run(&place, &format!("run {JOB} --date 2026-11-{night} --quiet"));
    }
    let page = run(&place, &format!("export page {JOB} --date 2026-11-18 --to -"));
    let shown = rows(&page, "break-list");
    assert_eq!(shown.len(), 1_000);
    let rest = rows(&page, "breaks-not-shown");
    let counted: i64 = rest.iter().map(|row| row[2][0].parse::<i64>().unwrap()).sum();
    let live: i64 = rows(&page, "night-before")
        .iter()
        .filter(|row| ["open", "waiting", "cleared"].contains(&&*row[0][0]))
        .map(|row| row[1][0].parse::<i64>().unwrap())
        .sum();
    assert_eq!(counted + 1_000, live, "nothing is lost between the two");
    assert!(page.contains(">BIG1300<") && page.contains(">BIG700<") && !page.contains(">BIG50<"), "the largest are there");
    // High before low, and within one severity and currency the larger first.
    let severities: Vec<&str> = shown.iter().filter(|row| row[1] == ["open"]).map(|row| &*row[2][0]).collect();
    let rank = |word: &str| ["critical", "high", "medium", "low"].iter().position(|known| *known == word).unwrap();
    assert!(severities.is_sorted_by_key(|word| rank(word)));
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
}

/// A night a week after another has changes, and the page shows the first of them: it once took their decimals for doubles, and
/// ended there.
#[test]
fn what_changed_since_last_week_is_shown_by_rank() {
    let place = Place::with_sample_nights();
    run(&place, "sample week --nights 8 --orders 300 --seed 3 --date 2026-11-10");
    let job = String::from_utf8(place.read(JOB)).unwrap();
    place.write(JOB, job.replace("../sample-data/", "../week/"));
    for night in ["10", "17"] {
        run(&place, &format!("run {JOB} --date 2026-11-{night} --quiet"));
    }
    let shown = rows(&run(&place, &format!("export page {JOB} --date 2026-11-17 --to -")), "rates-changed");
    assert_eq!(shown.len(), 50);
    assert!(shown.iter().any(|row| !row[5].is_empty() && !row[5][0].is_empty()), "{shown:?}");
}
