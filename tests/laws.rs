//! The laws, tried on generated nights: same inputs are the same bytes, every line is told, money is exact, nothing
//! secret leaks, and nothing half is visible.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use tieout::error::Exit;
use tieout::format::split::{Piece, Splitter};
use tieout::money::{Amount, NotAnAmount, Rounding};
use tieout::table::TABLES;
use tieout::table::delivery::{FILES, REJECTS};

use crate::nights::{Shop, alipay_detail, assert_same, files, messages, november, rows};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

// ---------------------------------------------------------------------------------------------------------------------
// Same inputs, same bytes.

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn output_depends_on_no_thread_no_share_no_order_and_no_split(seed: u64, orders in 20_u32..80, shares in 2_usize..6) {
        let shop = Shop::generated(seed, 2, orders);
        shop.rewrite_job(|job| {
            job.replace("{date:%Y%m%d}.csv", "{date:%Y%m%d}*.csv").replace("report_batch_*.csv", "report_batch_*")
        });
        let [two_threads, in_shares, shuffled, split] = [(); 4].map(|()| shop.twin());
        let mut chance = Chance(seed);
        relay(&shuffled, &mut |delivery| vec![shuffle(delivery, &mut chance)]);
        relay(&split, &mut |delivery| cut(delivery, &mut chance));
        for night in [17, 18].map(november) {
            with_threads(1, || shop.close(night));
            with_threads(2, || two_threads.close(night));
            let (one, two) = (data(&shop), data(&two_threads));
            prop_assert!(one == two, "{night}: one thread and two give other bytes");
            in_shares.close_in_shares(night, shares);
            prop_assert!(one == data(&in_shares), "{night}: {shares} shares give other bytes than one");
            shuffled.close(night);
            assert_same(&shop, &shuffled, night, "shuffled lines");
            split.close(night);
            assert_same(&shop, &split, night, "files split in two");
        }
    }
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn data(shop: &Shop) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let data = files(&shop.lake_folder().join("data"));
    assert_eq!(data.len() % TABLES.len(), 0, "every table of every night");
    data
}

/// A file as lines between its framing.
struct Delivery {
    name: String,
    encoding: &'static encoding_rs::Encoding,
    line_end: &'static str,
    head: Vec<String>,
    lines: Vec<String>,
    tail: Vec<String>,
}

/// Writes every file of a shop anew as `change` has it, but for the bank's: between its balances lines have their place.
fn relay(shop: &Shop, change: &mut dyn FnMut(Delivery) -> Vec<Delivery>) {
    let data = shop.data();
    for (path, bytes) in files(&data).into_iter().filter(|(path, _)| path.components().count() > 1 && !path.starts_with("bank")) {
        let (path, folder) = (data.join(&path), data.join(path.parent().unwrap()));
        fs::remove_file(&path).unwrap();
        for delivery in change(Delivery::of(&path, &bytes)) {
            fs::write(folder.join(&delivery.name), delivery.bytes()).unwrap();
        }
    }
}

impl Delivery {
    fn of(path: &Path, bytes: &[u8]) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (encoding, text) = match path.extension().unwrap().to_str().unwrap() {
            "zip" => (encoding_rs::GBK, alipay_detail(bytes)),
            _ => (encoding_rs::UTF_8, String::from_utf8(bytes.to_vec()).unwrap()),
        };
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut lines: Vec<String> = text.split_terminator(line_end).map(str::to_owned).collect();
        let comments = |line: &String| line.starts_with('#');
        let head = lines.iter().take_while(|line| comments(line)).count() + 1;
        let tail = match lines.iter().rposition(|line| line.starts_with("总交易单数")) {
            Some(summary) => lines.len() - summary,
            None => lines.iter().rev().take_while(|line| comments(line)).count(),
        };
        let tail = lines.split_off(lines.len() - tail);
        let rows = lines.split_off(head);
        Self { name, encoding, line_end, head: lines, lines: rows, tail }
    }

    fn bytes(&self) -> Vec<u8> {
        let lines = self.head.iter().chain(&self.lines).chain(&self.tail);
        let text: String = lines.flat_map(|line| [line, self.line_end]).collect();
        if self.encoding == encoding_rs::UTF_8 {
            return text.into_bytes();
        }
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file("detail.csv", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&self.encoding.encode(&text).0).unwrap();
        archive.finish().unwrap().into_inner()
    }
}

fn shuffle(mut delivery: Delivery, chance: &mut Chance) -> Delivery {
    for last in (1..delivery.lines.len()).rev() {
        delivery.lines.swap(last, chance.below(last + 1));
    }
    delivery
}

/// A file as two, anywhere cut; a trade bill of `WeChat` Pay with a summary each, Alipay's left whole: its archive states a whole day.
fn cut(delivery: Delivery, chance: &mut Chance) -> Vec<Delivery> {
    if delivery.encoding == encoding_rs::GBK {
        return vec![delivery];
    }
    let (first, second) = delivery.lines.split_at(chance.below(delivery.lines.len() + 1));
    let part = |number: u32, lines: &[String]| Delivery {
        name: format!("{}_{number}.csv", delivery.name.strip_suffix(".csv").unwrap()),
        head: delivery.head.clone(),
        lines: lines.to_vec(),
        tail: if delivery.tail.is_empty() { Vec::new() } else { wechat_summary(&delivery.tail[0], lines) },
        ..delivery
    };
    vec![part(1, first), part(2, second)]
}

/// The summary of lines of a trade bill: their number, and the sums of six columns by place.
fn wechat_summary(names: &str, lines: &[String]) -> Vec<String> {
    let sum = |column: usize| -> Amount {
        let cell = |line: &String| line.split(",`").nth(column).map(str::to_owned).unwrap();
        lines.iter().map(|line| Amount::parse(cell(line).as_bytes(), 5).unwrap()).sum()
    };
    let sums = [12, 16, 17, 22, 24, 25].map(|column| format!(",`{}", sum(column)));
    vec![names.to_owned(), format!("`{}{}", lines.len(), sums.concat())]
}

/// Chance from a seed (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

// Two lines of one order that differ, of which one stays: which one may depend on nothing but what they say, be it
// that another line of their file is quoted, or that theirs is the last and has no line end.
#[test]
fn which_of_two_lines_stays_depends_on_no_other_line() {
    let header = "order_id,created_at,amount,currency,status,channel";
    let line = |channel: &str| format!("SO-twice,2026-11-17T10:00:00+08:00,1.00,CNY,created,{channel}");
    let quoted = "SO-other,2026-11-17T10:00:00+08:00,1.00,CNY,created,\"a, b\"";
    for pair in 0..8 {
        let (left, right) = (line(&format!("left{pair}")), line(&format!("right{pair}")));
        let kept = [
            vec![format!("{header}\n{left}\n{right}\n{quoted}\n")],
            vec![format!("{header}\r\n{quoted}\r\n{right}\r\n{left}\r\n")],
            vec![format!("{header}\n{left}\n{quoted}\n"), format!("{header}\n{right}")],
            vec![format!("{header}\n{quoted}\n{left}"), format!("{header}\n{right}\n")],
        ];
        let kept = kept.map(|texts| {
            let shop = Shop::of_sample_data();
            shop.rewrite_job(|job| job.replace("merchant/orders_{date:%Y%m%d}.csv", "orders*.csv"));
            for (number, text) in texts.iter().enumerate() {
                fs::write(shop.data().join(format!("orders{number}.csv")), text).unwrap();
            }
            shop.close(november(17));
            let orders = rows(&shop.read(&tieout::table::records::ORDERS, november(17)));
            let stays: Vec<_> = orders.iter().filter(|row| row["order_id"] == "SO-twice").collect();
            assert_eq!((orders.len(), stays.len()), (2, 1));
            assert_eq!(shop.read(&REJECTS, november(17)).num_rows(), 1);
            stays[0]["channel"].clone()
        });
        assert!(kept.iter().all(|channel| *channel == kept[0]), "{kept:?}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Every line is told, whatever stands in it.

/// Numbers of test cards, as the networks publish them.
const CARDS: [&str; 4] = ["4111111111111111", "5555555555554444", "378282246310005", "6011000990139424"];

/// What a cell may be replaced by.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let card = (prop::sample::select(CARDS.to_vec()), 0_usize..6).prop_map(|(card, shape)| {
        let grouped = |by: &str| card.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(by);
        match shape {
            0 => card.to_owned(),
            1 => grouped(" "),
            2 => grouped("-"),
            3 => format!("card {card}, valid 11/29"),
            4 => format!("{}{card}", "x".repeat(50)),
            _ => format!("-{card}.00"),
        }
    });
    let text = prop::sample::select(vec![
        "",
        "x",
        "1e5",
        "NaN",
        "-",
        ".",
        "４１",
        "\"",
        "\"\"",
        "a,b",
        "\"1,000\"",
        "99999999999999999999999999",
        "0.000000001",
        "2026-13-45",
        "\t",
        "\u{feff}",
        "\r",
        "\u{0}",
        "#",
        "None",
        "-0",
    ]);
    prop_oneof![
        card.prop_map(String::into_bytes),
        text.prop_map(|text| text.as_bytes().to_vec()),
        Just(vec![0xff, 0xfe]),
        prop::collection::vec(any::<u8>().prop_filter("lines stay lines", |byte| *byte != b'\n'), 0..12),
    ]
}

/// A cell: of which file, line and column, as places that are taken modulo what there is; and what becomes of it.
type Corruption = (prop::sample::Index, prop::sample::Index, prop::sample::Index, Vec<u8>);

const CORRUPTED: [&str; 4] = [
    "provider/stripe/payout_reconciliation_20261117.csv",
    "merchant/orders_20261117.csv",
    "merchant/attempts_20261117.csv",
    "merchant/refunds_20261117.csv",
];

fn corrupt(shop: &Shop, corruptions: &[Corruption]) {
    for (file, line, column, junk) in corruptions {
        let path = shop.data().join(CORRUPTED[file.index(CORRUPTED.len())]);
        let bytes = fs::read(&path).unwrap();
        let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        // The header stays, and so does what follows the last line end: nothing.
        let rows = lines.len() - 2;
        if rows == 0 {
            continue;
        }
        let line = &mut lines[1 + line.index(rows)];
        let mut cells: Vec<&[u8]> = line.split(|&byte| byte == b',').collect();
        let column = column.index(cells.len());
        cells[column] = junk;
        *line = cells.join(&b","[..]);
        fs::write(&path, lines.join(&b"\n"[..])).unwrap();
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn every_line_is_a_row_a_reject_or_framing(
        seed: u64,
        corruptions in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), junk()), 1..12),
    ) {
        let shop = Shop::generated(seed, 1, 30);
        corrupt(&shop, &corruptions);
        // A file whose rows do not add up is refused whole; the night then closes without that provider.
        match shop.try_close(november(17), true) {
            Ok(closed) => {
                for file in rows(&shop.read(&FILES, november(17))) {
                    let number = |name: &str| file[name].parse::<usize>().unwrap();
                    prop_assert_eq!(number("lines"), number("entries") + number("rejects") + number("framing"), "{:?}", file);
                }
                let told: usize = closed.manifest.night.inputs.iter().map(|input| usize::try_from(input.rejects).unwrap()).sum();
                prop_assert_eq!(told, shop.read(&REJECTS, november(17)).num_rows());
            }
            // A merchant's file is never left out.
            Err(errors) => prop_assert!(errors.iter().all(|error| error.exit == Exit::BadData), "{}", messages(&errors)),
        }
    }
}

/// What makes a line a reject: file, column, cell, and the reason. The other lines of its file are booked.
#[test]
fn a_line_that_cannot_be_read_is_a_reject_and_the_others_are_booked() {
    const STRIPE: &str = "provider/stripe/payout_reconciliation_20261117.csv";
    const ORDERS: &str = "merchant/orders_20261117.csv";
    const ATTEMPTS: &str = "merchant/attempts_20261117.csv";
    for (file, column, cell, reason) in [
        (STRIPE, "gross", "30.5O", "is not a decimal number"),
        (STRIPE, "net", "1e5", "is not a decimal number"),
        (STRIPE, "net", "", "is empty"),
        (STRIPE, "customer_facing_amount", "30.505", "has more decimals than USD"),
        (STRIPE, "customer_facing_currency", "dollars", "is not a currency"),
        (STRIPE, "currency", "$", "is not a currency"),
        (STRIPE, "currency", "", "is empty"),
        (STRIPE, "reporting_category", "charged", "is not a kind"),
        (STRIPE, "created_utc", "17.11.2026", "is not a time"),
        (ORDERS, "amount", "176.005", "has more decimals than CNY"),
        (ORDERS, "amount", "", "is empty"),
        (ORDERS, "currency", "RMB￥", "is not a currency"),
        (ORDERS, "status", "perhaps", "is not "),
        (ORDERS, "created_at", "2026-11-17 10:00:00", "is not a time"),
        (ATTEMPTS, "stage", "gone", "is not "),
    ] {
        let shop = Shop::of_sample_data();
        plant(&shop, file, column, cell);
        let lines = fs::read_to_string(shop.data().join(file)).unwrap().lines().count();
        shop.close(november(17));
        let rejects = rows(&shop.read(&REJECTS, november(17)));
        let told: Vec<_> =
            rejects.iter().map(|row| ["line", "column", "value", "reason"].map(|name| row[name].as_str())).collect();
        let [[line, told_column, value, why]] = told[..] else { panic!("one line cannot be read: {told:?}") };
        assert_eq!((line, told_column, value), ("2", column, cell));
        assert!(why.starts_with(reason), "{column} `{cell}` {why}");
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        let files = rows(&shop.read(&FILES, november(17)));
        let row = files.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!((row["entries"].parse(), row["rejects"].as_str()), (Ok(lines - 2), "1"));
    }
}

/// Writes a cell into the first line of a file of a shop.
fn plant(shop: &Shop, file: &str, column: &str, cell: &str) {
    let path = shop.data().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let place = lines[0].split(',').position(|name| name == column).unwrap();
    let mut cells: Vec<&str> = lines[1].split(',').collect();
    cells[place] = cell;
    lines[1] = cells.join(",");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
}

// ---------------------------------------------------------------------------------------------------------------------
// Nothing secret leaks.

/// Places in which a card number makes its line a reject, or its file refused: file, column by name, and the cell.
const PLANTED: [(&str, &str, &str); 18] = [
    ("merchant/orders_20261117.csv", "status", "{}"),
    ("merchant/orders_20261117.csv", "amount", "{} CNY"),
    ("merchant/orders_20261117.csv", "created_at", "{}"),
    ("merchant/orders_20261117.csv", "currency", "{}"),
    ("merchant/orders_20261117.csv", "order_id", "{}"),
    ("merchant/attempts_20261117.csv", "merchant_reference", "order {}"),
    ("merchant/attempts_20261117.csv", "provider_reference", "{}"),
    ("merchant/refunds_20261117.csv", "merchant_refund_reference", "{}-1"),
    ("provider/stripe/payout_reconciliation_20261117.csv", "payment_metadata[order_id]", "{}"),
    ("provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv", "Merchant Reference", "x{}"),
    ("merchant/attempts_20261117.csv", "stage", "card={}"),
    ("merchant/attempts_20261117.csv", "started_at", "{}"),
    ("merchant/refunds_20261117.csv", "status", "{}"),
    ("provider/stripe/payout_reconciliation_20261117.csv", "reporting_category", "{}"),
    ("provider/stripe/payout_reconciliation_20261117.csv", "gross", "{} "),
    ("provider/stripe/payout_reconciliation_20261117.csv", "net", "{}"),
    ("provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv", "Creation Date", "{}"),
    ("provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv", "Batch Number", "{}"),
];

#[test]
fn no_card_number_out_of_a_refused_line_is_told_anywhere() {
    let grouped = |card: &str, by: &str| {
        card.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(by)
    };
    let mut refused = 0;
    for (at, (file, column, cell)) in PLANTED.into_iter().enumerate() {
        let card = CARDS[at % CARDS.len()];
        for written in [card.to_owned(), grouped(card, " "), grouped(card, "-")] {
            let shop = Shop::of_sample_data();
            let planted = cell.replace("{}", &written);
            plant(&shop, file, column, &planted);
            for arguments in [&["--partial"][..], &["--partial", "--json"], &[]] {
                let run = Command::new(env!("CARGO_BIN_EXE_tieout"))
                    .args(["run", shop.job_file().to_str().unwrap(), "--date", "2026-11-17"])
                    .args(arguments)
                    .output()
                    .unwrap();
                assert!([Some(0), Some(65)].contains(&run.status.code()), "{}", String::from_utf8_lossy(&run.stderr));
                let told = run.stdout.iter().chain(&run.stderr).copied().collect::<Vec<u8>>();
                assert_untold(card, &told, &format!("{file} {column} `{planted}`: what the run says"));
            }
            for (path, bytes) in files(&shop.lake_folder()).iter().filter(|(path, _)| !path.starts_with("raw")) {
                assert_untold(card, bytes, &format!("{file} {column} `{planted}`: {}", path.display()));
            }
            for table in TABLES {
                let told = format!("{:?}", rows(&shop.read(table, november(17))));
                assert_untold(card, told.as_bytes(), &format!("{file} {column} `{planted}`: table {}", table.name));
            }
            let files = rows(&shop.read(&FILES, november(17)));
            let left_out = files.iter().filter(|file| file["state"] == "refused").count();
            assert!(left_out + shop.read(&REJECTS, november(17)).num_rows() > 0, "{column}: the line was refused");
            refused += left_out;
        }
    }
    assert!(refused > 0, "some were refused with their whole file");
}

fn assert_untold(card: &str, bytes: &[u8], place: &str) {
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| ![b' ', b'-'].contains(byte)).collect();
    assert!(memchr::memmem::find(&digits, card.as_bytes()).is_none(), "{place} holds {card}");
}

#[test]
fn the_first_row_of_a_file_without_its_header_is_not_told() {
    let shop = Shop::of_sample_data();
    let path = shop.data().join("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.split_once('\n').unwrap().1).unwrap();
    let said = messages(&shop.try_close(november(17), false).unwrap_err());
    assert!(said.contains("the columns are not those of"), "{said}");
    assert!(!said.contains("lanternandkettle") && !said.contains("SO2026"), "{said}");
}

#[test]
fn a_number_is_hidden_by_what_it_could_be() {
    use tieout::mask::{card_numbers, masked};
    for (text, long, card) in [
        ("4111111111111111", "************1111", "************1111"),
        ("4111 1111-1111 1111.", "**** ****-**** 1111.", "**** ****-**** 1111."),
        ("x378282246310005x", "x***********0005x", "x***********0005x"),
        // Check digit wrong: no card, but nothing is known of it.
        ("4111111111111112", "************1112", "4111111111111112"),
        ("4200002026111764967000000000", "************************0000", "4200002026111764967000000000"),
        // An order's number that holds its day, with the check digit of a card.
        ("SO20261101000002", "SO**********0002", "SO20261101000002"),
        ("1234567890", "1234567890", "1234567890"),
        ("123456789012", "********9012", "123456789012"),
        ("4111  1111 1111 1111", "4111  **** **** 1111", "4111  1111 1111 1111"),
        ("2026-11-17 14:43:08 支付", "2026-11-17 14:43:08 支付", "2026-11-17 14:43:08 支付"),
        ("", "", ""),
        ("12-", "12-", "12-"),
        ("to li.wei@example.com", "to l*****@example.com", "to li.wei@example.com"),
    ] {
        assert_eq!(masked(text), long);
        assert_eq!(card_numbers(text), card);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// All or nothing is visible.

#[test]
fn a_night_that_cannot_be_written_is_not_published_and_closes_later() {
    let whole = Shop::of_sample_data();
    whole.close(november(17));
    let expected = data(&whole);
    for table in TABLES {
        // A folder where the file must go; a file where the folder must go.
        for in_the_way in [format!("data/{0}/date=2026-11-17/{0}.parquet", table.name), format!("data/{}", table.name)] {
            let shop = Shop::of_sample_data();
            let path = shop.lake_folder().join(&in_the_way);
            let is_file = in_the_way.ends_with(table.name);
            if is_file {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, "in the way").unwrap();
            } else {
                fs::create_dir_all(&path).unwrap();
            }
            let errors = shop.try_close(november(17), false).unwrap_err();
            assert_cannot_write(&errors, table.name);
            assert!(
                shop.lake().manifest(november(17)).unwrap().is_none(),
                "{in_the_way}: nothing says that the night is published"
            );
            assert!(shop.lake().nights().unwrap().is_empty());
            if is_file {
                fs::remove_file(&path).unwrap();
            } else {
                fs::remove_dir(&path).unwrap();
            }
            let closed = shop.close(november(17));
            assert_eq!((closed.changed, closed.manifest.generation), (true, 1));
            assert!(data(&shop) == expected, "{in_the_way}: the same bytes as if nothing had happened");
        }
    }
}

#[track_caller]
fn assert_cannot_write(errors: &[tieout::error::Error], about: &str) {
    let [error] = errors else { panic!("one thing is wrong: {}", messages(errors)) };
    assert!([Exit::CannotCreate, Exit::CannotWrite, Exit::NotPermitted].contains(&error.exit), "{error}");
    assert!(error.file.as_ref().is_some_and(|file| file.contains(about)), "{error}");
}

#[cfg(unix)]
#[test]
fn a_lake_that_may_not_be_written_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::of_sample_data();
    shop.close(november(17));
    let data_folder = shop.lake_folder().join("data");
    let before = data(&shop);
    let permit = |mode| {
        for table in TABLES {
            fs::set_permissions(data_folder.join(table.name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    permit(0o555);
    // Permissions do not bind root, and then there is nothing to see here.
    let probe = data_folder.join("entries/probe");
    if fs::create_dir(&probe).is_ok() {
        fs::remove_dir(&probe).unwrap();
    } else {
        assert_cannot_write(&shop.try_close(november(18), false).unwrap_err(), "data");
        assert!(shop.lake().manifest(november(18)).unwrap().is_none());
        assert!(data(&shop) == before);
    }
    permit(0o755);
    shop.close(november(18));
    assert_eq!(data(&shop).len(), 2 * TABLES.len());
}

// ---------------------------------------------------------------------------------------------------------------------
// Money is exact: against arithmetic on digits, as it is done on paper.

/// A whole number as decimal digits, the last first, without zeros in front.
type Digits = Vec<u8>;

fn digits(text: &str) -> Digits {
    trimmed(text.bytes().rev().map(|byte| byte - b'0').collect())
}

fn trimmed(mut digits: Digits) -> Digits {
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

fn written(digits: &Digits) -> String {
    if digits.is_empty() { "0".to_owned() } else { digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect() }
}

fn plus_one(digits: &Digits) -> Digits {
    let mut sum = digits.clone();
    for digit in &mut sum {
        *digit += 1;
        if *digit < 10 {
            return sum;
        }
        *digit = 0;
    }
    sum.push(1);
    sum
}

fn times(left: &Digits, right: &Digits) -> Digits {
    let mut product = vec![0_u32; left.len() + right.len() + 1];
    for (place, &a) in left.iter().enumerate() {
        for (other, &b) in right.iter().enumerate() {
            product[place + other] += u32::from(a) * u32::from(b);
        }
    }
    let mut carry = 0;
    let carried = product.into_iter().map(|digit| {
        let digit = digit + carry;
        carry = digit / 10;
        u8::try_from(digit % 10).unwrap()
    });
    trimmed(carried.collect())
}

/// `digits` without its last `places`, rounded.
fn dropped(digits: &Digits, places: usize, rounding: Rounding) -> Digits {
    let (rest, kept) = digits.split_at(places.min(digits.len()));
    let kept = kept.to_vec();
    let half = rest.len() == places && rest.last() == Some(&5) && rest[..places - 1].iter().all(|&digit| digit == 0);
    let over_half = rest.len() == places && rest.last().is_some_and(|&digit| digit >= 5) && !half;
    let up = match rounding {
        Rounding::HalfUp => half || over_half,
        Rounding::HalfEven => over_half || (half && kept.first().is_some_and(|last| last % 2 == 1)),
        Rounding::Up => rest.iter().any(|&digit| digit != 0),
        Rounding::Down => false,
    };
    if up { plus_one(&kept) } else { kept }
}

fn signed(negative: bool, digits: &Digits) -> i128 {
    let magnitude: i128 = written(digits).parse().unwrap();
    if negative { -magnitude } else { magnitude }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn text_becomes_an_amount_without_loss(
        sign in "[+-]?", whole in "[0-9]{0,16}", point in any::<bool>(), part in "[0-9]{0,12}", decimals in 0_u32..10,
    ) {
        let part = if point { part } else { String::new() };
        let text = format!("{sign}{whole}{}{part}", if point { "." } else { "" });
        let kept = usize::try_from(decimals.min(8)).unwrap().min(part.len());
        let expected = if whole.is_empty() && part.is_empty() {
            Err(NotAnAmount::Empty)
        } else if part[kept..].bytes().any(|digit| digit != b'0') {
            Err(NotAnAmount::Decimals)
        } else {
            Ok(Amount(signed(sign == "-", &digits(&format!("{whole}{:0<8}", &part[..kept])))))
        };
        prop_assert_eq!(Amount::parse(text.as_bytes(), decimals), expected, "{}", text);
    }

    #[test]
    fn a_short_amount_is_read_as_any_other(text in "[-+]?[0-9]{0,5}[.x ]?[0-9]{0,4}[.0]?", behind in any::<[u8; 8]>()) {
        let mut word = behind;
        word.iter_mut().zip(text.bytes()).for_each(|(byte, letter)| *byte = letter);
        let any = Amount::parse(text.as_bytes(), 8);
        match Amount::parse_short(u64::from_le_bytes(word), text.len()) {
            Some((value, decimals)) => {
                prop_assert_eq!(any, Ok(Amount(value.into())), "{}", text);
                prop_assert_eq!(u32::try_from(text.split_once('.').map_or(0, |(_, part)| part.len())).unwrap(), decimals);
            }
            None => prop_assert!(any.is_err() || text.len() > 8 || text.starts_with('+'), "{}", text),
        }
    }

    #[test]
    fn an_amount_reads_back_as_it_is_written(magnitude in 0_i128..10_i128.pow(24), negative: bool, currency in "USD|JPY|KWD|CLF") {
        let amount = Amount(if negative { -magnitude } else { magnitude });
        prop_assert_eq!(Amount::parse(amount.to_string().as_bytes(), 8), Ok(amount));
        prop_assert_eq!(Amount::parse(amount.in_currency(&currency).as_bytes(), 8), Ok(amount));
        let shown = amount.in_currency(&currency);
        let decimals = shown.split_once('.').map_or(0, |(_, part)| part.len());
        let least = match currency.as_str() { "JPY" => 0, "KWD" => 3, "CLF" => 4, _ => 2 };
        prop_assert!(decimals >= least && (decimals == least || !shown.ends_with('0')), "{}", shown);
    }

    #[test]
    fn a_number_too_long_is_refused(whole in "[1-9][0-9]{16,30}", part in "[0-9]{0,8}") {
        prop_assert_eq!(Amount::parse(format!("{whole}.{part}").as_bytes(), 8), Err(NotAnAmount::TooLarge));
    }

    #[test]
    fn a_percentage_is_rounded_as_on_paper(
        amount in -10_i128.pow(20)..10_i128.pow(20), percent in -10_i128.pow(12)..10_i128.pow(12), places in 0_u32..=8, exact in any::<bool>(),
        rounding in prop::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down]),
    ) {
        // Half of the cases are round numbers, where halves are found.
        let round = |number: i128, to: i128| if exact { number / to * to } else { number };
        let (amount, percent) = (round(amount, 1_000_000), round(percent, 50_000_000));
        let product = times(&digits(&amount.unsigned_abs().to_string()), &digits(&percent.unsigned_abs().to_string()));
        // Sixteen places of the two scales, two of the hundredth; `places` of them stay.
        let places = usize::try_from(places).unwrap();
        let rounded = dropped(&product, 18 - places, rounding);
        let expected = format!("{}{}", written(&rounded), "0".repeat(8 - places));
        let expected = signed((amount < 0) != (percent < 0), &digits(&expected));
        prop_assert_eq!(Amount(amount).percent(Amount(percent), u32::try_from(places).unwrap(), rounding), Amount(expected));
    }

    #[test]
    fn a_sum_is_the_same_in_any_order(mut amounts in prop::collection::vec(-10_i128.pow(24)..10_i128.pow(24), 0..40), seed: u64) {
        let sum: Amount = amounts.iter().copied().map(Amount).sum();
        let mut chance = Chance(seed);
        for last in (1..amounts.len()).rev() {
            amounts.swap(last, chance.below(last + 1));
        }
        let (left, right) = amounts.split_at(amounts.len() / 2);
        let of = |amounts: &[i128]| amounts.iter().copied().map(Amount).sum::<Amount>();
        prop_assert_eq!(of(left) + of(right), sum);
        prop_assert_eq!(sum - of(right), of(left));
        prop_assert_eq!(-sum + sum, Amount::ZERO);
    }

    #[test]
    fn whatever_is_read_as_an_amount_is_a_plain_decimal(text in "[-+.,0-9eE a-zA-Z¥$%０-９_']{0,24}") {
        if let Ok(amount) = Amount::parse(text.as_bytes(), 8) {
            let unsigned = text.strip_prefix(['-', '+']).unwrap_or(&text);
            prop_assert!(unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{} is {}", text, amount);
            prop_assert!(unsigned.matches('.').count() <= 1);
        }
    }
}

#[test]
fn what_is_not_exact_is_not_an_amount() {
    use NotAnAmount::{Character, Decimals, Empty, TooLarge};
    for (text, why) in [
        ("", Empty),
        (".", Empty),
        ("+", Empty),
        ("-", Empty),
        ("-.", Empty),
        ("--1", Character),
        ("+-1", Character),
        ("1-", Character),
        ("1e5", Character),
        ("1E+2", Character),
        ("1,000", Character),
        ("1 000", Character),
        (" 1", Character),
        ("1\u{a0}000", Character),
        ("1.2.3", Character),
        ("1_000", Character),
        ("0x10", Character),
        ("¥1", Character),
        ("(1)", Character),
        ("NaN", Character),
        ("inf", Character),
        ("１２", Character),
        ("٣", Character),
        ("−1", Character),
        ("0.123456789", Decimals),
        ("0.000000001", Decimals),
        ("1e5 and more than eighteen bytes", Character),
        ("10000000000000000", TooLarge),
        ("99999999999999999999999999999999999999999999999999", TooLarge),
    ] {
        assert_eq!(Amount::parse(text.as_bytes(), 8), Err(why), "`{text}`");
    }
    assert_eq!(Amount::parse(b"0.10", 1), Ok(Amount(10_000_000)), "a zero more is no digit more");
    assert_eq!(Amount::parse(b"0.11", 1), Err(Decimals));
    assert_eq!(Amount::parse(b"9999999999999999.99999999", 8), Ok(Amount(10_i128.pow(24) - 1)));
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn cells_are_what_stands_between_delimiters(
        lines in prop::collection::vec("[a-z,]{1,60}|[a-c,]{1,200}|,{0,70}x", 1..300), carriage: bool, ended: bool, quoted: bool,
        columns in 0_usize..8,
    ) {
        let end = if carriage { "\r\n" } else { "\n" };
        let mut text = lines.join(end) + if ended { end } else { "" };
        let mut expected: Vec<Vec<&str>> = lines.iter().map(|line| line.split(',').collect()).collect();
        if quoted {
            // One row with quotes: the others are what they were.
            text.insert_str(0, &format!("\"a,\"\"b\",,c{end}"));
            expected.insert(0, vec!["a,\"b", "", "c"]);
        }
        let splitter = Splitter { delimiter: b',', quote: Some(b'"'), columns, ..Splitter::default() };
        let mut found = Vec::new();
        splitter.split(text.as_bytes(), 1, |piece| match piece {
            Piece::Row { line, cells, .. } => {
                let cells = (0..cells.len()).map(|at| String::from_utf8(cells.get(at).to_vec()).unwrap());
                found.push((line, cells.collect::<Vec<_>>()));
            }
            other => panic!("every line is a row: {other:?}"),
        });
        let owned = |cells: Vec<&str>| cells.into_iter().map(str::to_owned).collect();
        let expected: Vec<(u64, Vec<String>)> = (1..).zip(expected.into_iter().map(owned)).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
#[should_panic(expected = "a sum of amounts fits 128 bits")]
fn a_sum_that_does_not_fit_stops() {
    let _ = Amount(i128::MAX) + Amount(1);
}
