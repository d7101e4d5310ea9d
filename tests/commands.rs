//! What every command prints, whole: exit code, stdout, stderr. Written anew with `INSTA_UPDATE=always`, and read by
//! a person in the diff.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use insta::Settings;
use serde_json::{Value, json};
use tieout::table::TABLES;

use crate::harness::{Place, Ran};

const JOB: &str = "jobs/nightly.toml";
const NIGHTS: [&str; 3] = ["2026-11-17", "2026-11-18", "2026-11-19"];
const ATTEMPTS: &str = "sample-data/merchant/attempts_20261117.csv";
const WECHAT_PAY: &str = "sample-data/provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv";

/// Holds the whole of what a run printed against its snapshot.
fn shows(name: &str, ran: &Ran) {
    shows_text(name, &ran.whole());
}

fn shows_text(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The three sample nights, closed once for every test that only looks.
fn closed() -> &'static Place {
    static CLOSED: OnceLock<Place> = OnceLock::new();
    CLOSED.get_or_init(|| {
        let place = Place::with_sample_nights();
        for night in NIGHTS {
            close(&place, night);
        }
        place
    })
}

fn close(place: &Place, night: &str) {
    let ran = place.run(&format!("run {JOB} --date {night} --quiet"));
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
}

fn last_line(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

#[test]
fn run_names_the_files_of_rejected_lines() {
    let place = Place::with_sample_nights();
    let orders = "sample-data/merchant/orders_20261117.csv";
    place.replace(orders, "SO20261117000008", "4012888888881881");
    place.replace(ATTEMPTS, ",SO20261117000008,stripe,SO20261117000008,", ",4012888888881881,stripe,4012888888881881,");
    shows("run_with_rejects", &place.run(&format!("run {JOB} --date 2026-11-17")));
    shows("formats_read_rejects", &place.run(&format!("formats read {orders}")));
}

#[test]
fn run_shows_the_night() {
    let place = Place::with_sample_nights();
    shows("run_first_night", &place.run(&format!("run {JOB} --date 2026-11-17")));
    shows("run_second_night", &place.run(&format!("run {JOB} --date 2026-11-18")));
    shows("run_again_unchanged", &place.run(&format!("run {JOB} --date 2026-11-18")));
    let over = place.run(&format!("run {JOB} --date 2026-11-18 --fail-on 3 --quiet"));
    assert_eq!((over.code, over.stdout.as_str()), (10, ""));
}

#[test]
fn run_ends_with_json_of_the_same_numbers() {
    let place = Place::with_sample_nights();
    let shown = place.run(&format!("run {JOB} --date 2026-11-17")).stdout;
    let ran = place.run(&format!("run {JOB} --date 2026-11-17 --json"));
    let summary = last_line(&ran);
    assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.lines().count()), (0, "", 1));
    assert_eq!(summary["changed"], false);
    assert_eq!(summary["business_date"], "2026-11-17");

    let totals = &summary["totals"];
    let row_of = |start: &str| shown.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_owned();
    let matches = format!("{} matches", totals["matches"]);
    assert!(row_of("compared:").contains(&matches), "{matches} in {shown}");
    for provider in totals["providers"].as_array().unwrap() {
        let text = |at: &str| provider.pointer(at).unwrap().as_str().unwrap();
        let start = format!("{:10}  {}", text("/provider"), text("/currency"));
        let row = row_of(&start);
        for at in ["/payments/gross", "/payments_and_refunds/fee", "/payments_and_refunds/net"] {
            assert!(row.contains(text(at)), "{at} in {row}");
        }
    }
    for (state, types) in totals["breaks"].as_object().unwrap() {
        let column = ["open", "waiting", "cleared"].iter().position(|known| known == state).unwrap();
        for (kind, count) in types.as_object().unwrap() {
            assert_eq!(row_of(kind).split_whitespace().nth(column + 1).unwrap(), count.to_string(), "{kind} {state}");
        }
    }
}

#[test]
fn run_names_what_it_left_out() {
    let place = Place::with_sample_nights();
    place.remove("sample-data/provider/stripe/payout_reconciliation_20261117.csv");
    shows("run_file_missing", &place.run(&format!("run {JOB} --date 2026-11-17")));
    shows("run_partial", &place.run(&format!("run {JOB} --date 2026-11-17 --partial")));
    shows("status_incomplete", &place.run(&format!("status {JOB}")));
}

/// A night published without a refused file is not what a run that may not lack it would publish: the same inputs
/// must be refused again, and not be called unchanged.
#[test]
fn a_partial_night_does_not_hide_a_refused_file() {
    let place = Place::with_sample_nights();
    let report = "sample-data/provider/stripe/payout_reconciliation_20261117.csv";
    place.replace(report, "reporting_category", "reporting_kind");
    let run = |more: &str| place.run(&format!("run {JOB} --date 2026-11-17{more}"));
    assert_eq!(run("").code, 65);
    assert_eq!(run(" --partial").code, 0);
    let again = run("");
    assert_eq!(again.code, 65, "{}", again.stdout);
    assert!(again.stderr.contains("reporting_category"), "{}", again.stderr);
    let partial_again = run(" --partial");
    assert_eq!(partial_again.code, 0);
    assert!(partial_again.stdout.contains("unchanged"), "{}", partial_again.stdout);
    assert!(partial_again.stderr.contains("left out"), "{}", partial_again.stderr);
}

#[test]
fn a_memory_limit_is_a_number_and_a_unit() {
    let place = Place::with_sample_nights();
    let run = |limit: &str| place.run(&format!("run jobs/nightly.toml --date 2026-11-17 --quiet --memory-limit={limit}"));
    for limit in ["300MB", "0.3gb", "300000000", "286.2MiB", "8TB"] {
        assert_eq!(run(limit).code, 0, "{limit}: {}", run(limit).stderr);
    }
    for limit in ["", "MB", "-1", "1.2.3GB", "1e9", "18446744073709551616", "20000000TB"] {
        let ran = run(limit);
        assert_eq!(ran.code, 64, "{limit}: {}", ran.stderr);
        assert!(ran.stderr.contains("such as 2GB or 500MB"), "{limit}: {}", ran.stderr);
    }
    for limit in ["0", "299MB"] {
        let ran = run(limit);
        assert_eq!(ran.code, 64, "{limit}: {}", ran.stderr);
        assert!(ran.stderr.contains("300MB or more"), "{limit}: {}", ran.stderr);
    }
}

#[test]
fn run_says_when_nothing_is_wrong() {
    let place = Place::empty();
    let bill = "sample-data/provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv";
    let real = String::from_utf8(Place::with_sample_nights().read(bill)).unwrap();
    let lines: Vec<&str> = real.split("\r\n").collect();
    let titles = lines.iter().find(|line| line.starts_with("总交易单数")).unwrap();
    let totals = "`1,`176.00,`0.00,`0.00,`1.06000,`176.00,`0.00";
    place.write(bill, [lines[0], lines[1], titles, totals, ""].join("\r\n"));
    place.write(
        "orders.csv",
        "order_id,created_at,amount,currency,status\nSO20261117000001,2026-11-17T07:34:48+08:00,176.00,CNY,paid\n",
    );
    let job = r#"
        name = "quiet"
        lake = "lake"
        timezone = "Asia/Shanghai"

        [[provider]]
        name = "wechat_pay"
        account = "1900000109"
        format = "wechat_pay/trade_bill"
        source = { files = "sample-data/provider/wechat_pay/*_{date:%Y%m%d}.csv" }
        settles_in = "1 business day"

        [merchant.orders]
        source = { files = "orders.csv" }
    "#;
    place.write("quiet.toml", job);
    shows("run_without_breaks", &place.run("run quiet.toml --date 2026-11-17"));
    shows("status_without_breaks", &place.run("status quiet.toml"));
    shows("explain_without_attempts", &place.run("explain quiet.toml SO20261117000001"));
}

#[test]
fn check_looks_and_touches_nothing() {
    let place = Place::with_sample_nights();
    shows("check", &place.run(&format!("check {JOB}")));
    shows("check_date", &place.run(&format!("check {JOB} --date 2026-11-17")));
    shows("check_date_without_files", &place.run(&format!("check {JOB} --date 2026-11-20")));
    shows("check_no_such_job", &place.run("check jobs/monthly.toml"));
    let standing = last_line(&place.run(&format!("status {JOB} --json")));
    assert_eq!(standing["published"], 0);
}

#[test]
fn status_shows_nights_and_what_is_open() {
    shows("status_before_the_first_night", &Place::with_sample_nights().run(&format!("status {JOB}")));
    let status = closed().run(&format!("status {JOB}"));
    shows("status", &status);
    assert!(status.stdout.lines().all(|line| line.chars().count() <= 100), "at most 100 columns");
    shows("status_last_night", &closed().run(&format!("status {JOB} --nights 1")));
}

#[test]
fn status_as_json_counts_what_the_tables_hold() {
    let standing = last_line(&closed().run(&format!("status {JOB} --json")));
    let newest = standing["nights"].as_array().unwrap().last().unwrap();
    let open: u64 = standing["open_breaks"].as_array().unwrap().iter().map(|row| row["breaks"].as_u64().unwrap()).sum();
    assert_eq!(newest["business_date"], "2026-11-19");
    assert_eq!(newest["open"], open);
    // By the answer key of the sample nights: of each type, the breaks open on the 19th.
    let answers = String::from_utf8(closed().read("sample-data/answers.csv")).unwrap();
    let of_type = |rows: &mut dyn Iterator<Item = (String, u64)>| {
        rows.fold(BTreeMap::new(), |mut counts, (kind, count)| {
            *counts.entry(kind).or_insert(0) += count;
            counts
        })
    };
    let mut expected = answers.lines().filter_map(|line| {
        let mut cells = line.split(',');
        (cells.next() == Some("2026-11-19")).then_some(())?;
        let kind = cells.next().unwrap().to_owned();
        (cells.next() == Some("open")).then_some((kind, 1))
    });
    let rows = standing["open_breaks"].as_array().unwrap().iter();
    let mut found = rows.map(|row| (row["break_type"].as_str().unwrap().to_owned(), row["breaks"].as_u64().unwrap()));
    assert_eq!(of_type(&mut found), of_type(&mut expected));
}

#[test]
fn status_marks_a_damaged_night() {
    let place = Place::with_sample_nights();
    close(&place, "2026-11-17");
    let table = "lake/data/breaks/date=2026-11-17/breaks.parquet";
    let bytes = place.read(table);
    place.write(table, &bytes[..bytes.len() - 1]);
    shows("status_damaged", &place.run(&format!("status {JOB}")));
    shows("explain_damaged", &place.run(&format!("explain {JOB} SO20261117000001")));
}

#[test]
fn explain_tells_the_story_of_an_order() {
    let tell = |name: &str, id: &str| shows(name, &closed().run(&format!("explain {JOB} {id}")));
    tell("explain_matched", "SO20261117000001");
    tell("explain_paid_at_the_second_attempt", "SO20261117000012");
    tell("explain_amount_mismatch", "SO20261117000004");
    tell("explain_fee_mismatch", "SO20261117000003");
    tell("explain_waiting", "SO20261119000006");
    tell("explain_cleared", "SO20261117000010");
    tell("explain_open", "SO20261117000009");
    tell("explain_pending", "SO20261118000011");
    tell("explain_ambiguous", "SO20261119000002");
    tell("explain_refund", "RF20261118000007");
    tell("explain_chargeback", "SO20260818000005");
}

#[test]
fn export_writes_what_was_charged_above_contract() {
    shows("export_claims", &closed().run(&format!("export claims {JOB} --from 2026-11-17 --to 2026-11-19")));
}

#[test]
fn explain_finds_a_thing_by_any_of_its_names() {
    let story = closed().run(&format!("explain {JOB} SO20261117000004 --json"));
    let story = last_line(&story);
    let mut names = Vec::new();
    for row in story["rows"].as_array().unwrap() {
        for name in ["order_id", "attempt_id", "entry_id", "break_id", "merchant_reference", "provider_reference"] {
            names.extend(row.get(name).map(|name| name.as_str().unwrap().to_owned()));
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5, "order and reference are one text: {names:?}");
    for name in names {
        let other = last_line(&closed().run(&format!("explain {JOB} {name} --json")));
        assert_eq!(other["rows"], story["rows"], "the story of {name}");
    }
}

#[test]
fn explain_of_one_night_knows_no_other() {
    shows("explain_one_night", &closed().run(&format!("explain {JOB} SO20261117000010 --date 2026-11-18")));
    shows("explain_unpublished_night", &closed().run(&format!("explain {JOB} SO20261117000010 --date 2026-11-20")));
}

#[test]
fn explain_as_json_has_the_facts_of_the_text() {
    let text = closed().run(&format!("explain {JOB} SO20261117000010")).stdout;
    let story = last_line(&closed().run(&format!("explain {JOB} SO20261117000010 --json")));
    let rows = story["rows"].as_array().unwrap();
    assert_eq!(story["nights"].as_array().unwrap().len(), 3);
    for row in rows.iter().filter(|row| row["table"] != "open_items") {
        assert!(text.contains(row["night"].as_str().unwrap()));
        for fact in ["attempt_id", "entry_id", "match_id", "break_id", "merchant_amount", "gross", "amount", "pass", "file"] {
            if let Some(fact) = row.get(fact) {
                assert!(text.contains(fact.as_str().unwrap()), "{fact} in {text}");
            }
        }
    }
    let states = rows.iter().filter(|row| row["table"] == "breaks").map(|row| row["state"].as_str().unwrap());
    assert_eq!(states.collect::<Vec<_>>(), ["waiting", "open", "cleared"]);
}

#[test]
fn explain_names_near_misses() {
    let place = Place::with_sample_nights();
    // Two digits change places, and the provider's own reference is not known.
    place.replace(ATTEMPTS, "wechat_pay,SO20261117000001,4200002026111764967000000000,", "wechat_pay,SO20261171000001,,");
    // The right reference, of the wrong provider.
    let line = String::from_utf8(place.read(ATTEMPTS)).unwrap();
    let line = line.lines().find(|line| line.starts_with("AT20261117000016-1")).unwrap().to_owned();
    place.replace(ATTEMPTS, &line, &line.replacen("wechat_pay", "alipay", 1));
    close(&place, "2026-11-17");
    shows("explain_near_miss", &place.run(&format!("explain {JOB} AT20261117000001-1")));
    shows("explain_wrong_provider", &place.run(&format!("explain {JOB} AT20261117000016-1")));
}

#[test]
fn explain_helps_with_a_name_nobody_knows() {
    shows("explain_mistyped", &closed().run(&format!("explain {JOB} SO20261117000O04")));
    shows("explain_part_of_a_name", &closed().run(&format!("explain {JOB} 1117000004")));
    shows("explain_unknown", &closed().run(&format!("explain {JOB} nonsense")));
    shows("explain_before_the_first_night", &Place::with_sample_nights().run(&format!("explain {JOB} SO20261117000001")));
}

#[test]
fn schema_describes_the_tables() {
    let place = Place::empty();
    shows("schema", &place.run("schema"));
    shows("schema_breaks", &place.run("schema breaks"));
    shows("schema_unknown", &place.run("schema settlements"));
}

#[test]
fn formats_lists_shows_and_recognises() {
    let place = Place::with_sample_nights();
    shows("formats_list", &place.run("formats list"));
    let shown = place.run("formats show wechat_pay/trade_bill");
    let first: Vec<&str> = shown.stdout.lines().take(8).collect();
    shows_text("formats_show", &first.join("\n"));
    shows("formats_show_unknown", &place.run("formats show wechat_pay/trade_bil"));
    shows("formats_recognise_known", &place.run(&format!("formats recognise {WECHAT_PAY}")));
    shows(
        "formats_recognise_zip",
        &place.run("formats recognise sample-data/provider/alipay/20881234567890120156_20261117.csv.zip"),
    );

    shows("formats_recognise_known_json", &place.run(&format!("formats recognise {WECHAT_PAY} --json")));

    place.replace(WECHAT_PAY, "应结订单金额", "结算金额");
    shows("formats_recognise_nearest", &place.run(&format!("formats recognise {WECHAT_PAY}")));
    let ran = place.run(&format!("formats recognise {WECHAT_PAY} --json"));
    let nearest = &last_line(&ran)["nearest"];
    assert_eq!(
        (ran.code, nearest["format"].as_str(), nearest["layout"].as_str()),
        (65, Some("wechat_pay/trade_bill"), Some("ALL"))
    );
    let renamed = serde_json::json!({ "file": "结算金额", "layout": "应结订单金额", "state": "perhaps_renamed" });
    assert!(nearest["columns"].as_array().unwrap().contains(&renamed), "{nearest}");
    shows("formats_recognise_no_file", &place.run("formats recognise nothing.csv"));
}

#[test]
fn check_tells_when_files_are_due_and_whose_they_are() {
    let place = Place::with_sample_nights();
    let account = "account = \"1900000109\"\n";
    place.replace(JOB, account, &format!("{account}expected_by = \"T+1 10:00\"\ngrace = \"2 hours\"\ncalendar = \"CN\"\n"));
    shows("check_due", &place.run(&format!("check {JOB} --date 2026-11-17")));
    place.replace(JOB, "1900000109\"\n", "1900000110\"\n");
    let ran = place.run(&format!("check {JOB} --date 2026-11-17"));
    assert_eq!(ran.code, 65);
    assert!(ran.stderr.contains("the file is of another account") && ran.stderr.contains("found: 1900000109"), "{}", ran.stderr);
}

#[test]
fn schema_prints_what_editors_read() {
    for (written, path) in ["job", "format", "summary"].map(|name| (name, format!("schemas/{name}.schema.json"))) {
        let ran = Place::empty().run(&format!("schema --json-schema {written}"));
        assert_eq!((ran.code, ran.stdout), (0, std::fs::read_to_string(path).unwrap()));
    }
}

#[test]
fn schema_prints_what_programs_read() {
    let ran = Place::empty().run("schema --views");
    assert_eq!((ran.code, ran.stdout), (0, std::fs::read_to_string("schemas/views.sql").unwrap()));

    let read = |arguments: &str| -> Value { serde_json::from_str(&Place::empty().run(arguments).stdout).unwrap() };
    let all = read("schema --json");
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap()).collect();
    assert_eq!(names, TABLES.map(|table| table.name));
    let funnel = read("schema funnel --json");
    assert!(all.as_array().unwrap().contains(&funnel));
    let created = funnel["columns"].as_array().unwrap().iter().find(|column| column["name"] == "created").unwrap();
    let told = ["type", "unit", "nullable", "source", "since"].map(|key| created[key].clone());
    assert_eq!(Value::from(told.to_vec()), json!(["64-bit integer", "orders", false, "`orders`", "0.1"]));
}

#[test]
fn formats_recognises_personal_exports() {
    let place = Place::empty();
    let wechat = "\u{feff}微信支付账单明细,,,,,,,,\r\n微信昵称：[木子],,,,,,,,\r\n----------------------微信支付账单明细列表--------------------,,,,,,,,\r\n交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注\r\n2026-11-17 08:00:00,商户消费,茶铺,\"茶\",支出,¥12.00,零钱,支付成功,1000000000000000000000000001,2000000000001,\"/\"\r\n";
    place.write("wechat.csv", wechat);
    shows("formats_recognise_personal_wechat", &place.run("formats recognise wechat.csv"));
    let alipay = format!(
        "{}\r\n导出信息：\r\n姓名：木子\r\n{}支付宝（中国）网络技术有限公司  电子客户回单{}\r\n交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额\r\n2026-11-17 08:00:00,餐饮美食,茶铺,te***@example.com,茶,支出,12.00\r\n",
        "-".repeat(84),
        "-".repeat(24),
        "-".repeat(24),
    );
    place.write("alipay.csv", encoding_rs::GB18030.encode(&alipay).0);
    shows("formats_recognise_personal_alipay", &place.run("formats recognise alipay.csv"));
}

#[test]
fn sample_writes_nights() {
    shows("sample", &Place::empty().run("sample nights"));
}

#[test]
fn timings_name_every_stage() {
    let ran = Place::with_sample_nights().run(&format!("run {JOB} --date 2026-11-17 --quiet --timings"));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    // A stage is told in words, then in three figures.
    let is_figure = |word: &&str| word.parse::<f64>().is_ok();
    let told: Vec<&str> =
        ran.stderr.lines().skip(1).filter(|line| line.split_whitespace().rev().take(3).all(|word| is_figure(&word))).collect();
    assert!(told.len() > 4 && told.last().unwrap().trim_start().starts_with("all "), "{}", ran.stderr);
    assert!(ran.stderr.ends_with(" bytes, as received\n"), "{}", ran.stderr);
}

#[test]
fn help_of_every_command() {
    let place = Place::empty();
    shows("help", &place.run("--help"));
    let commands = [
        "run",
        "fetch",
        "ready",
        "plan",
        "check",
        "status",
        "explain",
        "backfill",
        "verify",
        "diff",
        "resolve",
        "signoff",
        "export",
        "export claims",
        "export journal",
        "export evidence",
        "export page",
        "export workbook",
        "import-comments",
        "schema",
        "formats",
        "formats list",
        "formats show",
        "formats read",
        "formats draft",
        "formats recognise",
        "sample",
        "retry",
        "config",
        "config show",
        "gc",
        "completions",
        "man",
    ];
    for command in commands {
        shows(&format!("help_{}", command.replace(' ', "_")), &place.run(&format!("{command} --help")));
    }
    // Every command that help lists is shown above.
    let listed = place.run("--help").stdout;
    let listed = listed.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What goes on in a second line stands further in.
    let listed = listed.filter(|line| !line.starts_with("   "));
    for command in listed.map(|line| line.split_whitespace().next().unwrap()).filter(|command| *command != "help") {
        assert!(commands.contains(&command), "no snapshot of {command} --help");
    }
}

#[test]
fn usage_errors() {
    let place = Place::empty();
    shows("usage_no_date", &place.run("run jobs/nightly.toml"));
    shows("usage_not_a_date", &place.run("run jobs/nightly.toml --date 17.11.2026"));
    shows("usage_unknown_command", &place.run("stauts jobs/nightly.toml"));
}

/// Colour is of terminals alone, and changes no character: what is piped or logged is plain.
#[test]
fn colour_says_nothing_that_plain_text_does_not() {
    let place = closed();
    let shown = |arguments: &str, colour: &str| {
        let output = place.command(arguments).env(colour, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for arguments in [
        format!("run {JOB} --date 2026-11-19"),
        format!("status {JOB}"),
        format!("explain {JOB} SO20261119000004"),
        format!("status {JOB} --json"),
    ] {
        let (plain, coloured) = (shown(&arguments, "NO_COLOR"), shown(&arguments, "CLICOLOR_FORCE"));
        assert!(!plain.contains('\u{1b}'), "{plain}");
        assert_eq!(plain, shown(&arguments, "TIEOUT_NOTHING"), "a pipe is no terminal");
        assert_eq!(without_colour(&coloured), plain);
        assert_eq!(coloured.contains('\u{1b}'), !arguments.ends_with("--json"), "{arguments}");
    }
    // Red is what is open, and no figure beside it; the night is a title.
    let summary = shown(&format!("run {JOB} --date 2026-11-19"), "CLICOLOR_FORCE");
    let bad = |text: &str| format!("\u{1b}[1m\u{1b}[31m{text}\u{1b}[0m");
    let of = |kind: &str| summary.lines().find(|line| line.trim_start().starts_with(kind)).unwrap().trim_end().to_owned();
    assert!(of("amount_mismatch").contains(&bad("2")), "{summary:?}");
    assert!(!of("payout_not_in_bank").contains("\u{1b}[0m·") && !of("provider").contains('\u{1b}'), "{summary:?}");
    assert!(summary.starts_with("\u{1b}[1mnightly 2026-11-19: "), "{summary:?}");
    assert!(shown(&format!("explain {JOB} SO20261119000004"), "CLICOLOR_FORCE").contains(&bad("ended as break")));
}

fn without_colour(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}
