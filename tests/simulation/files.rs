//! A world as files: a job, and what each night delivers.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use chrono::NaiveDate;

use super::world::{BankLine, Files, LOOKS_BACK, PROVIDERS, Setting};

/// Cents as the files write them.
pub(super) fn money(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

/// Writes the job of a world into its folder.
pub(super) fn write_job(folder: &Path, setting: &Setting) {
    let mut job = format!("name = \"shop\"\nlake = \"lake\"\ntimezone = \"{}\"\n", setting.zone.name());
    write!(job, "[matching]\ngiven_back_within = \"{LOOKS_BACK} days\"\n").expect("text");
    for provider in &PROVIDERS {
        let name = provider.name;
        let lag = format!(
            "{} {}day{}",
            provider.days,
            if provider.business { "business " } else { "" },
            if provider.days > 1 { "s" } else { "" }
        );
        let percent = format!("{}.{:02}", provider.basis_points / 100, provider.basis_points % 100);
        let fixed = if provider.fixed > 0 { format!(", fixed = \"{}\"", money(provider.fixed)) } else { String::new() };
        write!(
            job,
            "[[provider]]\nname = \"{name}\"\naccount = \"{name}-1\"\nformat = \"generic/entries\"\ncalendar = \"{}\"\n\
             source = {{ files = \"{name}_{{date:%Y%m%d}}.csv\" }}\nsettles_in = \"{lag}\"\n\
             fee = [{{ name = \"card\", currency = \"{}\", percent = \"{percent}\"{fixed} }}]\n",
            setting.calendar, provider.currency,
        )
        .expect("text");
    }
    job.push_str(
        "[[bank]]\nname = \"house\"\naccount = \"1\"\nformat = \"bank/bai2\"\nsource = { files = \"house_{date:%Y%m%d}.txt\" }\n",
    );
    for table in ["orders", "attempts", "refunds"] {
        write!(job, "[merchant.{table}]\nsource = {{ files = \"{table}_{{date:%Y%m%d}}.csv\" }}\n").expect("text");
    }
    fs::write(folder.join("job.toml"), job).expect("a folder of the test");
}

/// Writes the files of a night into the folder of a world.
pub(super) fn write_night(folder: &Path, date: NaiveDate, files: &Files) {
    let save = |name: &str, end: &str, text: String| {
        let path = folder.join(format!("{name}_{}.{end}", date.format("%Y%m%d")));
        fs::write(path, text).expect("a folder of the test");
    };
    for (provider, lines) in PROVIDERS.iter().zip(&files.lines) {
        let mut text = "kind,provider_reference,merchant_reference,merchant_refund_reference,original_reference,batch_reference,\
                        currency,gross,fee,customer_amount,customer_currency,occurred_at\n"
            .to_owned();
        for line in lines {
            let (amount, currency) = line.charged.map_or_else(Default::default, |(amount, currency)| (money(amount), currency));
            let cells = [
                line.kind,
                &line.provider_reference,
                &line.merchant_reference,
                &line.refund_reference,
                &line.original_reference,
                &line.batch,
                line.currency,
                &money(line.gross),
                &money(line.fee),
                &amount,
                currency,
                &line.occurred_at.to_rfc3339(),
            ];
            writeln!(text, "{}", cells.join(",")).expect("text");
        }
        save(provider.name, "csv", text);
    }
    save("orders", "csv", orders(files));
    save("attempts", "csv", attempts(files));
    save("refunds", "csv", refunds(files));
    save("house", "txt", statement(date, &files.bank));
}

/// An order for each attempt that is not a retry of one before it.
fn orders(files: &Files) -> String {
    let mut text = "order_id,created_at,amount,currency,status\n".to_owned();
    let mut known = Vec::new();
    for attempt in &files.attempts {
        if !known.contains(&&attempt.order) {
            known.push(&attempt.order);
            let (order, at, amount) = (&attempt.order, attempt.started_at.to_rfc3339(), money(attempt.amount));
            writeln!(text, "{order},{at},{amount},{},created", attempt.currency).expect("text");
        }
    }
    text
}

fn attempts(files: &Files) -> String {
    let mut text =
        "attempt_id,order_id,provider,merchant_reference,provider_reference,method,started_at,status,amount,currency\n"
            .to_owned();
    for attempt in &files.attempts {
        let cells = [
            &attempt.id,
            &attempt.order,
            attempt.provider,
            &attempt.merchant_reference,
            &attempt.provider_reference,
            "card",
            &attempt.started_at.to_rfc3339(),
            attempt.status,
            &money(attempt.amount),
            attempt.currency,
        ];
        writeln!(text, "{}", cells.join(",")).expect("text");
    }
    text
}

fn refunds(files: &Files) -> String {
    let mut text =
        "refund_id,order_id,provider,merchant_reference,merchant_refund_reference,requested_at,amount,currency,status\n"
            .to_owned();
    for refund in &files.refunds {
        let cells = [
            &refund.id,
            &refund.order,
            refund.provider,
            &refund.merchant_reference,
            &refund.refund_reference,
            &refund.requested_at.to_rfc3339(),
            &money(refund.amount),
            refund.currency,
            refund.status,
        ];
        writeln!(text, "{}", cells.join(",")).expect("text");
    }
    text
}

/// A statement in BAI2: opening balance nothing, closing balance what is booked.
fn statement(date: NaiveDate, lines: &[BankLine]) -> String {
    let date = date.format("%y%m%d");
    let (mut records, mut sum, mut turnover) = (String::new(), 0, 0);
    for line in lines {
        let code = if line.cents < 0 { 455 } else { 142 };
        let (cents, reference, text) = (line.cents.abs(), &line.reference, &line.text);
        writeln!(records, "16,{code},{cents},V,{date},,,{reference},{text}/").expect("text");
        (sum, turnover) = (sum + line.cents, turnover + cents);
    }
    let (total, count) = (turnover + sum, lines.len());
    format!(
        "01,T,L,{date},0200,1,,,2/\n02,L,T,1,{date},,USD,/\n03,1,,010,0,,,015,{sum},,/\n{records}\
         49,{total},{}/\n98,{total},1,{}/\n99,{total},1,{}/\n",
        count + 2,
        count + 4,
        count + 6
    )
}
