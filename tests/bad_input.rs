//! Input that is wrong: what the program says, how it exits, and what becomes of the other files.
//!
//! Each case spoils the good night in `tests/bad_input/night/` in one way and closes it with the real binary.
//! `tests/bad_input/<case>.expected` holds the whole conversation and what was published. `UPDATE=1` writes it; a
//! person reads the difference.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use rayon::prelude::*;
use tempfile::TempDir;
use tieout::lake::Lake;
use tieout::table::delivery::{FILES, REJECTS};

use super::formats::wire;

const DATE: &str = "2026-11-17";
const DETAIL: &str = "20881234567890120156_20261117_业务明细.csv";
const SUMMARY: &str = "20881234567890120156_20261117_业务明细(汇总).csv";

/// What is wrong, and how the night is closed.
struct Case {
    name: &'static str,
    spoil: fn(&Night),
    arguments: &'static [&'static str],
}

const fn case(name: &'static str, spoil: fn(&Night)) -> Case {
    Case { name, spoil, arguments: &[] }
}

const fn partial(name: &'static str, spoil: fn(&Night)) -> Case {
    Case { name, spoil, arguments: &["--partial"] }
}

const CASES: &[Case] = &[
    case("good_night", |_| {}),
    // Columns.
    case("missing_column_wechat", |night| night.change("wechat.csv", |text| without_column(&text, "订单金额"))),
    case("missing_column_alipay", |night| night.alipay(|detail| without_column(&detail, "服务费（元）"), same)),
    case("missing_column_stripe", |night| night.edit("stripe.csv", "currency,gross,fee", "currency,total,fee")),
    case("missing_column_adyen", |night| night.edit("adyen.csv", "Net Currency", "Settlement Currency")),
    case("missing_column_orders", |night| night.edit("orders.csv", "amount", "total")),
    case("added_column_wechat", |night| night.change("wechat.csv", |text| with_column(&text, "新增金额", "`0.00"))),
    case("added_column_alipay", |night| night.alipay(|detail| with_column(&detail, "新增金额（元）", "0.00"), same)),
    case("added_column_stripe", |night| night.change("stripe.csv", |text| with_last_cell(&text, "loyalty_tier", "gold"))),
    case("column_twice", |night| night.change("stripe.csv", |text| with_last_cell(&text, "gross", "1.00"))),
    case("header_cut_off", |night| night.change("stripe.csv", |text| text.split_once('\n').unwrap().1.to_owned())),
    // Encodings.
    case("alipay_in_utf8", |night| {
        let (detail, summary) = (night.text("alipay.detail.csv"), night.text("alipay.summary.csv"));
        night.write("alipay.csv.zip", &wire::zip_of(&[(DETAIL, detail.as_bytes()), (SUMMARY, summary.as_bytes())]));
    }),
    case("alipay_unpacked_in_utf8", |night| night.rename("alipay.detail.csv", "alipay.csv", "alipay.csv.zip")),
    case("wechat_in_gbk", |night| {
        let text = night.text("wechat.csv").replace('\r', "");
        night.write("wechat.csv", &wire::gbk(text.trim_start_matches('\u{feff}')));
    }),
    // Cut files.
    case("archive_cut", |night| night.cut("alipay.csv.zip", 700)),
    case("archive_with_a_broken_member", |night| night.spoil_byte("alipay.csv.zip", 200)),
    case("gzip_cut", |night| {
        let packed = wire::gzip(night.text("wechat.csv").as_bytes());
        night.write("wechat.csv", &packed[..packed.len() - 20]);
    }),
    case("wechat_cut_in_a_line", |night| night.cut_before("wechat.csv", "60.00,`0.00,`\r\n")),
    case("wechat_cut_after_a_line", |night| night.cut_before("wechat.csv", "总交易单数")),
    case("wechat_cut_before_its_figures", |night| night.cut_before("wechat.csv", "`3,`188.00")),
    case("wechat_cut_in_its_figures", |night| night.cut_before("wechat.csv", "`188.00,`28.00\r\n")),
    case("alipay_cut_in_a_line", |night| night.alipay(|detail| before(&detail, "110.00,0.00"), same)),
    case("alipay_cut_after_a_line", |night| {
        night.alipay(|detail| before(&detail, "#-----------------------------------------业务明细列表结束"), same);
    }),
    case("alipay_cut_in_its_footer", |night| night.alipay(|detail| before(&detail, "#退款合计"), same)),
    case("stripe_cut_in_a_line", |night| night.cut_before("stripe.csv", "-2.00,fee")),
    // Stripe states no total in the file: what a payout adds up to is compared with the bank.
    case("stripe_cut_after_a_line_is_not_seen", |night| night.cut_before("stripe.csv", "txn_1Qt0003")),
    case("adyen_cut_in_a_line", |night| night.cut_before("adyen.csv", "EUR,0.09")),
    case("adyen_cut_after_a_line", |night| night.cut_before("adyen.csv", "Lantern,LanternECOM,,,,2026-11-17 23:50:00")),
    case("orders_cut_in_a_line", |night| night.cut_before("orders.csv", "JPY,paid")),
    case("ndjson_cut_in_a_line", |night| night.orders("orders.ndjson", b"{\"order_id\":\"1\",\"created_at\":\"2026-11-1")),
    // Totals.
    case("wechat_total", |night| night.edit("wechat.csv", "`3,`188.00", "`3,`188.01")),
    case("wechat_count", |night| night.edit("wechat.csv", "`3,`188.00", "`4,`188.00")),
    case("wechat_total_with_letters", |night| night.edit("wechat.csv", "`3,`188.00", "`3,`188.OO")),
    case("wechat_line_lost", |night| night.change("wechat.csv", |text| without_line(&text, "TEA202611170002"))),
    case("alipay_footer", |night| night.alipay(|detail| replaced(&detail, "商家实收共198.00元", "商家实收共198.10元"), same)),
    case("alipay_summary", |night| night.alipay(same, |summary| replaced(&summary, "合计\t,\t,2,1,", "合计\t,\t,3,1,"))),
    case("stripe_net", |night| night.edit("stripe.csv", "100.00,3.20,96.80", "100.00,3.20,96.90")),
    case("adyen_batch", |night| night.edit("adyen.csv", "1,EUR,40.00", "1,EUR,41.00")),
    case("adyen_line_lost", |night| night.change("adyen.csv", |text| without_line(&text, "TEA-0002"))),
    // Values.
    case("amount_with_letters_wechat", |night| night.edit("wechat.csv", "`CNY,`60.00", "`CNY,`6O.00")),
    case("amount_with_letters_stripe", |night| night.edit("stripe.csv", "jpy,3158,150,3008", "jpy,31S8,150,3008")),
    case("amount_with_letters_adyen", |night| night.edit("adyen.csv", "1,EUR,40.00", "1,EUR,4O.00")),
    case("amount_with_letters_orders", |night| night.edit("orders.csv", "128.00", "12B.00")),
    case("amount_with_grouping", |night| night.edit("orders.csv", "3158", "\"3,158\"")),
    case("amount_empty", |night| night.edit("orders.csv", "3158", "")),
    case("decimals_of_yuan", |night| {
        night.edit("wechat.csv", "`CNY,`60.00", "`CNY,`60.005");
        night.edit("wechat.csv", "`3,`188.00", "`3,`188.005");
    }),
    case("decimals_of_yuan_the_customer_paid", |night| {
        night.edit("wechat.csv", "`60.00,`0.00,`\r\n", "`60.005,`0.00,`\r\n");
        night.edit("wechat.csv", "`188.00,`28.00\r\n", "`188.005,`28.00\r\n");
    }),
    case("decimals_of_yen", |night| night.edit("stripe.csv", "jpy,3158,150,3008", "jpy,3158.5,150,3008.5")),
    case("decimals_past_the_eighth", |night| night.edit("adyen.csv", "EUR,,98.90,1.10", "EUR,,98.90,1.100000001")),
    case("net_of_too_many_digits", |night| {
        night.edit("wechat.csv", "`CNY,`60.00", "`CNY,`9999999999999000.00");
        night.edit("wechat.csv", "`0.36000", "`-9999999999999000.00000");
        night.edit("wechat.csv", "`3,`188.00", "`3,`9999999999999128.00");
        night.edit("wechat.csv", "`0.96000,", "`-9999999999998999.40000,");
    }),
    case("cells_that_add_up_to_too_many_digits", |night| {
        night.edit("wechat.csv", "`CNY,`60.00", "`CNY,`-9999999999999000.00");
        night.edit("wechat.csv", "`60.00,`0.00,`\r\n", "`9999999999999000.00,`0.00,`\r\n");
        night.edit("wechat.csv", "`3,`188.00", "`3,`-9999999999998872.00");
        night.edit("wechat.csv", "`188.00,`28.00\r\n", "`9999999999999128.00,`28.00\r\n");
    }),
    case("time_that_is_none", |night| night.edit("wechat.csv", "`2026-11-17 10:00:00", "`2026-11-31 10:00:00")),
    case("one_line_of_another_date", |night| night.edit("wechat.csv", "`2026-11-17 10:00:00", "`2026-11-18 00:00:00")),
    case("file_of_another_date", |night| night.change("wechat.csv", |text| text.replace("`2026-11-17 ", "`2026-11-16 "))),
    partial("file_of_another_date_left_out", |night| {
        night.change("wechat.csv", |text| text.replace("`2026-11-17 ", "`2026-11-16 "));
    }),
    case("unknown_kind_wechat", |night| night.edit("wechat.csv", "JSAPI,`REFUND", "JSAPI,`HELD")),
    case("unknown_kind_alipay", |night| {
        night.alipay(
            |detail| {
                replaced(&replaced(&detail, "退款\t,祁", "撤销\t,祁"), "1笔，商家实收退款共-88.00", "0笔，商家实收退款共0.00")
            },
            |summary| summary.replace("\t,2,1,", "\t,2,0,"),
        );
    }),
    case("unknown_kind_stripe", |night| night.edit("stripe.csv", "-2.00,fee", "-2.00,marshmallow")),
    case("unknown_kind_adyen", |night| night.edit("adyen.csv", "CET,Fee", "CET,Fine")),
    case("unknown_status_orders", |night| night.edit("orders.csv", "JPY,paid", "JPY,shipped")),
    case("unknown_zone", |night| night.change("adyen.csv", |text| text.replacen("CET,Refunded", "XYZ,Refunded", 1))),
    // Files.
    case("same_file_twice", |night| night.write("wechat copy.csv", night.text("wechat.csv").as_bytes())),
    case("empty_file", |night| night.write("stripe.csv", b"")),
    case("only_blank_lines", |night| night.write("stripe.csv", b"\n\n\n")),
    case("header_only_day", |night| {
        night.change("wechat.csv", |text| before(&text, "`2026") + &zeros(&text[text.find("总交易单数").unwrap()..]));
        night.change("stripe.csv", |text| text.split_once('\n').unwrap().0.to_owned() + "\n");
        night.change("adyen.csv", |text| text.split_once('\n').unwrap().0.to_owned());
        night.change("orders.csv", |text| text.split_once('\n').unwrap().0.to_owned() + "\n");
    }),
    case("consumers_wechat_statement", |night| night.fixture("wechat.csv", "wechat_pay/personal_export/statement.csv")),
    case("consumers_alipay_statement", |night| night.fixture("alipay.csv.zip", "alipay/personal_export/statement.gbk.csv")),
    case("file_of_another_provider", |night| night.write("wechat.csv", night.text("stripe.csv").as_bytes())),
    case("not_a_bill_at_all", |night| night.write("wechat.csv", b"<xml><return_code>FAIL</return_code></xml>")),
    case("archive_where_text_belongs", |night| night.write("wechat.csv", &wire::zip(&[("bill.csv", "bill")]))),
    case("archive_without_the_bill", |night| night.write("alipay.csv.zip", &wire::zip(&[("readme.txt", "nothing here")]))),
    case("missing_file", |night| night.remove("stripe.csv")),
    case("missing_folder", |night| night.edit("job.toml", "\"stripe*.csv\"", "\"inbox/stripe_{date:%Y%m%d}.csv\"")),
    partial("missing_file_left_out", |night| night.remove("stripe.csv")),
    case("missing_file_not_required", |night| {
        night.remove("stripe.csv");
        night.edit("job.toml", "settles_in = \"2 days\"", "settles_in = \"2 days\"\nrequired = false");
    }),
    partial("missing_orders", |night| night.remove("orders.csv")),
    case("several_missing", |night| ["wechat.csv", "stripe.csv", "orders.csv"].iter().for_each(|name| night.remove(name))),
    case("several_refused", several_refused),
    partial("several_left_out", several_refused),
    case("refused_not_required", |night| {
        night.write("stripe.csv", b"");
        night.edit("job.toml", "settles_in = \"2 days\"", "settles_in = \"2 days\"\nrequired = false");
    }),
    partial("refused_orders", |night| night.edit("orders.csv", "amount", "total")),
    case("line_of_100_mb", |night| {
        let line = "x".repeat(100 << 20);
        night.change("wechat.csv", |text| text.replacen("东方美人茶", &line, 1));
    }),
    // Merchant records.
    case("ndjson_broken_line", |night| {
        night.orders("orders.ndjson", b"{\"order_id\":\"1\",\"created_at\":\"2026-11-17T09:00:00Z\",\"amount\":\"1.00\",\"currency\":\"CNY\",\"status\":\"paid\"}\n{\"order_id\":\"2\",\"card\":\"4111111111111111\"\n{\"order_id\":\"3\"}\n");
    }),
    case("parquet_amount_in_floating_point", |night| {
        let text = night.text("orders.csv");
        let type_of = |name: &str| if name == "amount" { DataType::Float64 } else { DataType::Utf8 };
        night.orders("orders.parquet", &wire::parquet_with(&text, type_of));
    }),
    case("parquet_cut", |night| {
        let whole = wire::parquet(&night.text("orders.csv"));
        night.orders("orders.parquet", &whole[..whole.len() / 2]);
    }),
    case("order_repeated", |night| {
        night.change("orders.csv", |text| text.clone() + &text.lines().nth(2).unwrap().replace("100.00", "101.00") + "\n");
    }),
    // Quotes.
    case("quote_never_closed", |night| night.edit("stripe.csv", "\"Gaiwan, white\"", "\"Gaiwan, white")),
    case("quote_never_closed_in_the_last_cell", |night| night.edit("stripe.csv", "TEA-0001,\n", "TEA-0001,\"RF-1\n")),
    case("quotes_of_two_rows_that_meet", |night| {
        night.edit("stripe.csv", "TEA-0001,\n", "TEA-0001,\"RF-1\n");
        night.edit("stripe.csv", "\"Gaiwan, white\"", "Gaiwan");
        night.change("stripe.csv", |text| text.trim_end().to_owned() + "\"RF-3\n");
    }),
    case("quote_inside_a_cell", |night| night.change("stripe.csv", |text| text.replacen(",Radar,", ",5\" Radar,", 1))),
    // Secrets.
    case("card_number_in_an_amount", |night| night.edit("stripe.csv", "jpy,3158,", "jpy,4111 1111 1111 1111,")),
    case("card_number_in_a_refused_file", |night| night.edit("wechat.csv", "`CNY,`60.00", "`CNY,`6222021234567890128")),
    case("card_number_in_the_header", |night| night.change("wechat.csv", |text| with_column(&text, "4111111111111111", "`0"))),
    case("address_in_an_amount", |night| night.edit("orders.csv", "3158", "lin.xiaoman@example.com")),
    // Jobs.
    case("job_missing", |night| night.remove("job.toml")),
    case("job_not_toml", |night| night.edit("job.toml", "[[provider]]\nname = \"alipay\"", "[[provider]\nname = \"alipay\"")),
    case("job_unknown_key", |night| night.edit("job.toml", "settles_in = \"2 days\"", "setles_in = \"2 days\"")),
    case("job_unknown_table", |night| night.edit("job.toml", "[merchant.orders]", "[merchant.order]")),
    case("job_missing_key", |night| night.edit("job.toml", "account = \"acct_1Lantern\"\n", "")),
    case("job_unknown_format", |night| night.edit("job.toml", "stripe/payout_reconciliation", "stripe/payout_reconcilation")),
    case("job_format_of_the_merchant", |night| night.edit("job.toml", "stripe/payout_reconciliation", "merchant/orders")),
    case("job_bad_zone", |night| night.edit("job.toml", "Asia/Shanghai", "Asia/Shangai")),
    case("job_bad_settles_in", |night| night.edit("job.toml", "2 days", "T+2")),
    case("job_bad_percent", |night| night.edit("job.toml", "percent = \"0.60\"", "percent = \"0.60%\"")),
    case("job_percent_without_quotes", |night| night.edit("job.toml", "percent = \"0.60\"", "percent = 0.60")),
    case("job_bad_pattern", |night| night.edit("job.toml", "stripe*.csv", "stripe_{day}.csv")),
];

fn several_refused(night: &Night) {
    night.edit("wechat.csv", "`3,`188.00", "`3,`188.01");
    night.write("stripe.csv", b"");
    night.edit("adyen.csv", "1,EUR,40.00", "1,EUR,41.00");
}

/// A folder with the good night, to be spoiled.
struct Night {
    folder: TempDir,
}

impl Night {
    fn new() -> Self {
        let night = Self { folder: tempfile::tempdir().unwrap() };
        for entry in fs::read_dir(fixtures().join("night")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), night.path(entry.file_name().to_str().unwrap())).unwrap();
        }
        night.alipay(same, same);
        night
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// `name` is served as `served`, and `instead_of` is not.
    fn rename(&self, name: &str, served: &str, instead_of: &str) {
        fs::rename(self.path(name), self.path(served)).unwrap();
        self.remove(instead_of);
    }

    fn change(&self, name: &str, change: impl Fn(String) -> String) {
        let before = self.text(name);
        let after = change(before.clone());
        assert_ne!(before, after, "{name} is as good as before");
        self.write(name, after.as_bytes());
    }

    fn edit(&self, name: &str, old: &str, new: &str) {
        self.change(name, |text| replaced(&text, old, new));
    }

    fn cut(&self, name: &str, bytes: usize) {
        let whole = fs::read(self.path(name)).unwrap();
        self.write(name, &whole[..bytes]);
    }

    fn spoil_byte(&self, name: &str, at: usize) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        bytes[at] ^= 0xff;
        self.write(name, &bytes);
    }

    fn cut_before(&self, name: &str, end: &str) {
        self.change(name, |text| before(&text, end));
    }

    /// Serves Alipay's archive, its two members changed.
    fn alipay(&self, detail: impl Fn(String) -> String, summary: impl Fn(String) -> String) {
        let (detail, summary) = (detail(self.text("alipay.detail.csv")), summary(self.text("alipay.summary.csv")));
        self.write("alipay.csv.zip", &wire::zip(&[(SUMMARY, &summary), (DETAIL, &detail)]));
    }

    /// The orders come as this file.
    fn orders(&self, name: &str, bytes: &[u8]) {
        self.write(name, bytes);
        self.remove("orders.csv");
    }

    /// `name` is what a fixture of the formats serves.
    fn fixture(&self, name: &str, fixture: &str) {
        let path = fixtures().parent().unwrap().join("formats").join(fixture);
        self.write(name, &wire::served(&path).1);
    }

    /// Closes the night, and tells how it went and what was published.
    fn close(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_tieout"))
            .current_dir(self.folder.path())
            .args(["run", "job.toml", "--date", DATE, "--quiet", "--threads", "1"])
            .args(arguments)
            .output()
            .unwrap();
        let mut told = format!("exit {}\n", output.status.code().unwrap());
        told.push_str(&String::from_utf8(output.stderr).unwrap());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "quiet");
        told.push_str(&self.published());
        told
    }

    fn published(&self) -> String {
        if !self.path("lake/data").exists() {
            return "\npublished nothing\n".to_owned();
        }
        let lake = Lake::open(&self.path("lake")).unwrap();
        let date = DATE.parse().unwrap();
        let manifest = lake.manifest(date).unwrap().unwrap();
        let mut text = format!("\npublished{}\n", if manifest.night.complete { "" } else { ", INCOMPLETE" });
        let files =
            lake.read_columns(&FILES, date, &["file_id", "name", "state", "entries", "rejects", "added_columns"]).unwrap();
        let cell = |batch: &arrow::array::RecordBatch, column: usize, row: usize| {
            array_value_to_string(batch.column(column), row).unwrap()
        };
        let mut lines = BTreeSet::new();
        for row in 0..files.num_rows() {
            let [id, name, state, entries, rejects, added] = [0, 1, 2, 3, 4, 5].map(|column| cell(&files, column, row));
            let added = if added.is_empty() { added } else { format!(", ignored {added}") };
            lines.insert(format!("  {name}: {state}, {entries} rows, {rejects} rejects{added}"));
            let all = lake.read_columns(&REJECTS, date, &["file_id", "line", "column", "value", "reason"]).unwrap();
            for reject in (0..all.num_rows()).filter(|&reject| cell(&all, 0, reject) == id && state == "read") {
                let [line, column, value, reason] = [1, 2, 3, 4].map(|column| cell(&all, column, reject));
                lines.insert(format!("  {name}, line {line}, column {column}: `{value}` {reason}"));
            }
        }
        for line in &lines {
            writeln!(text, "{line}").unwrap();
        }
        text
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_input")
}

fn same(text: String) -> String {
    text
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "`{old}` stands once");
    text.replace(old, new)
}

fn before(text: &str, end: &str) -> String {
    text[..text.find(end).unwrap()].to_owned()
}

fn without_line(text: &str, with: &str) -> String {
    let kept: Vec<&str> = text.split_inclusive('\n').filter(|line| !line.contains(with)).collect();
    assert_eq!(kept.len() + 1, text.lines().count(), "`{with}` stands in one line");
    kept.concat()
}

/// The rows of a file without quotes, changed; framing lines stay.
fn rows_changed<'a>(text: &'a str, change: impl Fn(Vec<&'a str>) -> Vec<&'a str>) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let columns = text.lines().map(|line| line.split(',').count()).max().unwrap();
    let lines = text.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        if cells.len() == columns { change(cells).join(",") } else { line.to_owned() }
    });
    lines.map(|line| line + end).collect()
}

fn without_column(text: &str, name: &str) -> String {
    let gone = text.lines().find_map(|line| line.split(',').position(|cell| cell == name)).unwrap();
    rows_changed(text, |cells| cells.into_iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, cell)| cell).collect())
}

/// With a last column, `value` in every row.
fn with_column<'a>(text: &'a str, name: &'a str, value: &'a str) -> String {
    let header = std::cell::Cell::new(true);
    rows_changed(text, |mut cells| {
        cells.push(if header.replace(false) { name } else { value });
        cells
    })
}

/// With a last cell in the header, and in every other line of a file all of whose lines are rows.
fn with_last_cell(text: &str, name: &str, value: &str) -> String {
    let lines = text.lines().enumerate().map(|(at, line)| format!("{line},{}\n", if at == 0 { name } else { value }));
    lines.collect()
}

/// The summary with every figure zero.
fn zeros(summary: &str) -> String {
    let (names, figures) = summary.split_once("\r\n").unwrap();
    format!("{names}\r\n{}\r\n", vec!["`0"; figures.split(',').count()].join(","))
}

#[test]
fn every_wrong_input_is_told() {
    let update = std::env::var_os("UPDATE").is_some();
    let differences: Vec<String> = CASES
        .par_iter()
        .filter_map(|case| {
            let night = Night::new();
            (case.spoil)(&night);
            let found = night.close(case.arguments);
            let path = fixtures().join(format!("{}.expected", case.name));
            if update {
                fs::write(&path, &found).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            (expected != found).then(|| format!("{}\n--- expected\n{expected}\n--- found\n{found}", case.name))
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_expectation_has_one_case() {
    let names: BTreeSet<String> = CASES.iter().map(|case| format!("{}.expected", case.name)).collect();
    assert_eq!(names.len(), CASES.len(), "two cases of one name");
    let files = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter(|name| name != "night").collect();
    assert_eq!(files, names);
}

/// A night with a wrong line or a left-out provider, closed again, is unchanged; the file put right makes a new generation.
#[test]
fn a_corrected_file_closes_the_night() {
    let night = Night::new();
    let good = night.text("wechat.csv");
    night.edit("wechat.csv", "`3,`188.00", "`3,`188.01");
    assert!(night.close(&[]).starts_with("exit 65"));
    assert!(night.close(&["--partial"]).contains("published, INCOMPLETE"));
    night.write("wechat.csv", good.as_bytes());
    let closed = night.close(&[]);
    assert!(closed.starts_with("exit 0\n\npublished\n"), "{closed}");
    let lake = Lake::open(&night.path("lake")).unwrap();
    assert_eq!(lake.manifest(DATE.parse().unwrap()).unwrap().unwrap().generation, 2);
}
