//! Card numbers, addresses, telephone numbers and names in the free text of every file of a night: none of them is in
//! anything the program writes or says but `raw/` and `aside/`, which keep what was delivered.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use tieout::table::TABLES;
use tieout::table::delivery::REJECTS;
use tieout::table::reconciliation::MATCHES;

use crate::formats::wire;
use crate::journal::ACCOUNTS;
use crate::nights::{Shop, alipay_detail, files, november, rows};

/// What is planted, as cells hold it, and the letters that would give it away.
const PLANTED: [(&str, &str); 7] = [
    ("4111 1111 1111 1111", "4111111111111111"),
    ("378282246310005", "378282246310005"),
    ("card 5555-5555-5555-4444 12/28", "5555555555554444"),
    ("quartermain@example.com", "quartermain@example.com"),
    ("+49 (151) 7390-4421", "73904421"),
    ("13812345678", "13812345678"),
    ("Zebulon Quartermain", "zebulonquartermain"),
];

/// The columns of text that nothing is matched by.
const FREE_TEXT: [(&str, &[&str]); 3] = [
    ("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv", &["设备号", "用户标识", "商品名称", "商户数据包", "费率备注"]),
    ("provider/stripe/payout_reconciliation_20261117.csv", &["description"]),
    (
        "provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv",
        &["Reserved4", "Reserved5", "Reserved6", "Reserved7", "Reserved8", "Reserved9", "Reserved10"],
    ),
];

/// How many of them can be told from the references that stand in the text of a bank's line too.
const TOLD_IN_A_TEXT: usize = 5;

/// A text with other cells in some columns of its rows, one planted value after another.
fn with(text: &str, columns: &[&str], next: &mut impl Iterator<Item = &'static str>) -> String {
    let header = text.lines().find(|line| line.split(',').any(|cell| cell == columns[0])).unwrap();
    let count = header.split(',').count();
    let places: Vec<usize> = header.split(',').enumerate().filter(|(_, name)| columns.contains(name)).map(|(at, _)| at).collect();
    assert_eq!(places.len(), columns.len());
    let mut is_below = false;
    let lines = text.split_inclusive('\n').map(|line| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if is_below && cells.len() == count {
            for &at in &places {
                let mark = if cells[at].starts_with('`') { "`" } else { "" };
                let end: String = cells[at].chars().filter(|letter| matches!(letter, '\r' | '\n' | '\t')).collect();
                cells[at] = format!("{mark}{}{end}", next.next().unwrap());
            }
        }
        is_below |= line.trim_end() == header.trim_end();
        cells.join(",")
    });
    lines.collect()
}

/// A shop whose first night has them everywhere.
fn planted() -> Shop {
    let shop = Shop::of_sample_data();
    let mut next = PLANTED.iter().map(|(written, _)| *written).cycle();
    for (file, columns) in FREE_TEXT {
        let path = shop.data().join(file);
        let changed = with(&fs::read_to_string(&path).unwrap(), columns, &mut next);
        fs::write(path, changed).unwrap();
    }
    let alipay = shop.data().join("provider/alipay/20881234567890120156_20261117.csv.zip");
    let archive = fs::read(&alipay).unwrap();
    let detail =
        with(&alipay_detail(&archive), &["商品名称", "门店名称", "操作员", "终端号", "对方账户", "券名称", "备注"], &mut next);
    let mut packed = zip::ZipArchive::new(Cursor::new(&archive)).unwrap();
    let mut summary = Vec::new();
    packed.by_index(1).unwrap().read_to_end(&mut summary).unwrap();
    let names: Vec<String> =
        (0..2).map(|at| encoding_rs::GBK.decode(packed.by_index_raw(at).unwrap().name_raw()).0.into_owned()).collect();
    let detail = encoding_rs::GBK.encode(&detail).0.into_owned();
    fs::write(&alipay, wire::zip_of(&[(&names[0], &detail[..]), (&names[1], &summary[..])])).unwrap();
    let bank = shop.data().join("bank/statement_20261117.sta");
    let written: Vec<&str> = PLANTED[..TOLD_IN_A_TEXT].iter().map(|(written, _)| *written).collect();
    let line = format!(
        ":61:261117C1250,00NTRF4111111111111111//378282246310005\r\n:86:{}\r\n:62F:C261117EUR3750,00",
        written.join("\r\n")
    );
    let statement = fs::read_to_string(&bank).unwrap();
    assert!(statement.contains(":62F:C261117EUR2500,00\r\n"));
    fs::write(&bank, statement.replace(":62F:C261117EUR2500,00", &line)).unwrap();
    // Merchant records may have columns nobody asked for.
    for name in ["orders", "attempts", "refunds"] {
        let path = shop.data().join(format!("merchant/{name}_20261117.csv"));
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().enumerate();
        let more = lines.map(|(at, line)| format!("{line},{}\n", if at == 0 { "customer_note" } else { next.next().unwrap() }));
        let more: String = more.collect();
        fs::write(path, more).unwrap();
    }
    shop
}

/// Letters and digits, in small letters: how a value is grouped does not hide it.
fn folded(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().filter(|byte| ![b' ', b'-'].contains(byte)).map(u8::to_ascii_lowercase).collect()
}

fn assert_clean(bytes: &[u8], place: &str) {
    let bytes = folded(bytes);
    for (_, value) in PLANTED {
        assert!(memchr::memmem::find(&bytes, value.as_bytes()).is_none(), "{place} holds {value}");
    }
}

fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut members = Vec::new();
    for at in 0..archive.len() {
        let mut bytes = Vec::new();
        let mut member = archive.by_index(at).unwrap();
        member.read_to_end(&mut bytes).unwrap();
        members.push((String::from_utf8_lossy(member.name_raw()).into_owned(), bytes));
    }
    members
}

#[test]
fn nothing_planted_in_free_text_comes_out_anywhere() {
    let shop = planted();
    let out = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_tieout"))
                .current_dir(out.path())
                .args(arguments.iter().map(|argument| {
                    if *argument == "JOB" { shop.job_file().display().to_string() } else { (*argument).to_owned() }
                }))
                .output()
                .unwrap();
        let told = [&output.stdout[..], &output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&told));
        assert_clean(&told, &format!("what {arguments:?} says"));
        assert!(!told.is_empty() || arguments.contains(&"export"), "{arguments:?} says something");
    };
    let date = ["--date", "2026-11-17"];
    let on = |arguments: &[&'static str]| [arguments, &date[..]].concat();
    shop.rewrite_job(|job| job.to_owned() + ACCOUNTS);
    run(&on(&[
        "run",
        "JOB",
        "--json",
        "--metrics-file",
        "night.prom",
        "--lineage",
        "night.ndjson",
        "--result-file",
        "night.json",
    ]));
    run(&on(&["export", "journal", "JOB", "--out", "journal.csv"]));
    run(&["config", "show", "JOB"]);
    run(&on(&["check", "JOB"]));
    run(&["status", "JOB"]);
    run(&["explain", "JOB", "SO20261117000004"]);
    run(&on(&["export", "page", "JOB", "--to", "night.html"]));
    run(&on(&["export", "workbook", "JOB", "--to", "night.xlsx"]));
    run(&on(&["export", "evidence", "JOB", "--out", "night.zip"]));
    run(&["export", "claims", "JOB", "--from", "2026-11-17", "--to", "2026-11-17"]);
    for (path, bytes) in
        files(&shop.lake_folder()).iter().filter(|(path, _)| !path.starts_with("raw") && !path.starts_with("aside"))
    {
        assert_clean(bytes, &path.display().to_string());
    }
    for table in TABLES {
        let told = format!("{:?}", rows(&shop.read(table, november(17))));
        assert_clean(told.as_bytes(), table.name);
    }
    let written = files(out.path());
    assert_eq!(written.len(), 7);
    for (path, bytes) in written {
        assert_clean(&bytes, &path.display().to_string());
    }
    for archive in ["night.xlsx", "night.zip"] {
        for (name, bytes) in members(&out.path().join(archive)) {
            assert_clean(&bytes, &format!("{archive}: {name}"));
        }
    }
    let text = format!("{:?}", rows(&shop.read(&tieout::table::bank::BANK_LINES, november(17))));
    assert!(text.contains("1111") && text.contains("@example.com") && text.contains("4421"), "{text}");
    let raw = files(&shop.lake_folder().join("raw"));
    let is_planted = |bytes: &Vec<u8>| memchr::memmem::find(&folded(bytes), b"zebulonquartermain").is_some();
    assert!(raw.values().filter(|bytes| is_planted(bytes)).count() >= 3, "the archive keeps what came");
}

#[test]
fn nothing_planted_in_records_of_any_kind_of_file_comes_out_anywhere() {
    for extension in ["ndjson", "parquet"] {
        let shop = planted();
        shop.keep_records_as(extension);
        shop.close(november(17));
        for (path, bytes) in files(&shop.lake_folder()).iter().filter(|(path, _)| !path.starts_with("raw")) {
            assert_clean(bytes, &format!("{extension}: {}", path.display()));
        }
        for table in TABLES {
            assert_clean(
                format!("{:?}", rows(&shop.read(table, november(17)))).as_bytes(),
                &format!("{extension}: {}", table.name),
            );
        }
    }
}

/// Card numbers where identifiers belong, in every file in which a reference stands: of a card each file's own line.
#[test]
fn a_line_named_by_a_card_number_is_a_reject_unless_the_job_says_that_identifiers_look_so() {
    let night = november(17);
    let undisturbed = Shop::of_sample_data();
    undisturbed.close(night);
    let is_text = |path: &&Path| path.extension().is_some_and(|extension| extension == "csv");
    // An order paid through Stripe, and one through WeChat Pay.
    let named = [("SO20261117000008", "5105105105105100"), ("SO20261117000001", "4012 8888 8888 1881")];
    for extension in ["csv", "ndjson", "parquet"] {
        let shop = Shop::of_sample_data();
        for (path, bytes) in files(&shop.data()).iter().filter(|(path, _)| is_text(&path.as_path())) {
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            let text = named.iter().fold(text.to_owned(), |text, (order, card)| text.replace(order, card));
            fs::write(shop.data().join(path), text).unwrap();
        }
        if extension != "csv" {
            shop.keep_records_as(extension);
        }
        let kept = shop.twin();
        shop.close(night);
        let rejects = shop.rows(&REJECTS, night);
        let told: Vec<_> = rejects.iter().map(|row| (row["column"].as_str(), row["value"].as_str())).collect();
        for (column, value) in [
            ("order_id", "************5100"),
            ("order_id", "**** **** **** 1881"),
            ("payment_metadata[order_id]", "************5100"),
            ("商户订单号", "**** **** **** 1881"),
        ] {
            assert!(told.contains(&(column, value)), "{extension}: {told:?}");
        }
        // The order, its attempt and its payment, of each.
        assert_eq!(told.len(), 6, "{extension}: {told:?}");
        assert!(rejects.iter().all(|row| row["reason"].contains("identifiers_like_cards = \"kept\"")));
        for (_, card) in named {
            for (path, bytes) in files(&shop.lake_folder()).iter().filter(|(path, _)| !path.starts_with("raw")) {
                assert_untold(bytes, card, &path.display().to_string());
            }
            for table in TABLES {
                assert_untold(format!("{:?}", rows(&shop.read(table, night))).as_bytes(), card, table.name);
            }
        }

        kept.rewrite_job(|job| job.replace("timezone =", "identifiers_like_cards = \"kept\"\ntimezone ="));
        kept.close(night);
        assert!(kept.rows(&REJECTS, night).is_empty());
        let met = |shop: &Shop, order: &str| {
            let links = shop.rows(&MATCHES, night).into_iter();
            links.filter(|row| row["order_id"] == order).map(|row| row["merchant_amount"].clone()).collect::<Vec<_>>()
        };
        for (order, card) in named {
            assert_eq!(met(&kept, card), met(&undisturbed, order), "{extension}: {card}");
            assert!(!met(&kept, card).is_empty(), "{extension}: {card}");
        }
    }
}

fn assert_untold(bytes: &[u8], card: &str, place: &str) {
    assert!(memchr::memmem::find(&folded(bytes), &folded(card.as_bytes())).is_none(), "{place} holds {card}");
}

/// The numbers that networks and providers publish for tests, as people write them, and numbers that are no card's.
#[test]
fn cards_are_told_from_other_numbers() {
    use tieout::mask::{card_numbers, holds_card_number};
    for card in [
        "4111 1111 1111 1111",
        "4222222222222",
        "4242-4242-4242-4242",
        "3782 822463 10005",
        "371449635398431",
        "5555 5555 5555 4444",
        "2223 0000 4841 0010",
        "6011 1111 1111 1117",
        "3056 930902 5904",
        "3566 0020 2036 0505",
        "6200 0000 0000 0005",
        "6205500000000000004",
        "2200 0000 0000 0053",
        "5019 7170 1010 3742",
        "135410014004955",
    ] {
        let digits: String = card.chars().filter(char::is_ascii_digit).collect();
        let last = &digits[digits.len() - 4..];
        for text in [card.to_owned(), digits.clone(), format!("x{digits}x"), format!("{card} 12/28"), format!("12 {card} 123")] {
            let shown = card_numbers(&text);
            assert!(holds_card_number(text.as_bytes()) && shown != text, "{text}");
            let left: String = shown.chars().filter(char::is_ascii_digit).collect();
            assert!(!left.contains(&digits) && left.contains(last), "{text} as {shown}");
        }
    }
    for other in [
        // Of WeChat Pay and Alipay; a day and a count; milliseconds; an account; a card whose check digit is wrong.
        "4200002026111764967000000000",
        "2026111722001452439000000010",
        "20261117000009",
        "1763366400000",
        "2088123456789012",
        "4111 1111 1111 1112",
        "1234567890123",
        "2026-11-17 14:43:08",
    ] {
        assert!(!holds_card_number(other.as_bytes()), "{other}");
        assert_eq!(card_numbers(other), other);
    }
}

/// What the number of an issuer begins with, and how many digits it has.
const ISSUERS: [(&str, usize); 12] = [
    ("4", 13),
    ("4", 16),
    ("4", 19),
    ("34", 15),
    ("37", 15),
    ("36", 14),
    ("51", 16),
    ("2720", 16),
    ("6011", 16),
    ("3589", 16),
    ("62", 19),
    ("8171", 17),
];

proptest! {
    /// A card's number of any issuer, in one piece or in groups of four, is found whatever stands around it.
    #[test]
    fn any_card_is_found_in_any_text(
        (begin, length) in prop::sample::select(ISSUERS.to_vec()),
        more in prop::collection::vec(0..10_u32, 19),
        by in prop::sample::select(vec!["", " ", "-"]),
        before in "([0-9]{0,30}[ -]?[a-z中:/]{1,3}){0,2}",
        after in "([a-z中:/]{1,3}[ -]?[0-9]{0,30}){0,2}",
    ) {
        let mut digits: Vec<u32> = begin.bytes().map(|digit| u32::from(digit - b'0')).chain(more).take(length - 1).collect();
        let counted = digits.iter().rev().enumerate().map(|(place, digit)| {
            let twice = digit * 2;
            if place % 2 == 1 { *digit } else { twice / 10 + twice % 10 }
        });
        digits.push((10 - counted.sum::<u32>() % 10) % 10);
        let digits: String = digits.iter().map(ToString::to_string).collect();
        let card = digits.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(by);
        let text = format!("{before}{card}{after}");
        prop_assert!(tieout::mask::holds_card_number(text.as_bytes()), "{}", text);
        prop_assert!(!tieout::mask::card_numbers(&text).contains(&card));
        prop_assert!(!tieout::mask::masked(&text).contains(&card));
    }
}

#[test]
fn people_are_told_from_references() {
    for (written, shown) in [
        ("FROM jane.doe@example.com", "FROM j*******@example.com"),
        ("+49 (151) 2345-6789", "+** (***) ****-6789"),
        ("call +8613812345678 now", "call +*********5678 now"),
        ("+44 20 7946 0123, +1 415.555.0100", "+** ** **** 0123, +* ***.***.0100"),
        ("4111 1111 1111 1111 a@b.example", "**** **** **** 1111 a@b.example"),
        // Codes of banks, sums, and what is no number of a country.
        ("EREF+20261117000004 KREF+123456789", "EREF+20261117000004 KREF+123456789"),
        ("1+20261117000004", "1+20261117000004"),
        ("+1 234", "+1 234"),
        ("+1234567890123456", "+1234567890123456"),
        ("BATCH 1117 AT 3+4", "BATCH 1117 AT 3+4"),
    ] {
        assert_eq!(tieout::mask::of_people(written), shown, "{written}");
    }
}
