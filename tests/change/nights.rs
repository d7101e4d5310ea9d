//! What changed, through real nights: four weeks of one weekday, a drop on the last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use chrono::{Days, NaiveDate};
use tieout::lake::Manifest;
use tieout::money::Amount;
use tieout::night::Memory;
use tieout::night::reperform::Reperformance;
use tieout::sample::{Plan, write};
use tieout::table::analysis::{CHANGES, RATES_HISTORY, SUCCESS_RATES};

use crate::nights::{Shop, csv_rows, november};

type Row = BTreeMap<String, String>;

/// Tuesdays, the last of which is tonight; and the days around them that change nothing.
fn tuesdays() -> [NaiveDate; 3] {
    [0, 7, 14].map(|days| november(17) + Days::new(days))
}

/// A shop whose customers with Apple Pay fail four times in ten on the last Tuesday.
fn shop(orders: u32) -> Shop {
    let shop = Shop::generated(11, 1, orders);
    for (date, orders) in [(18, 24), (24, orders), (30, 24)].map(|(day, orders)| (november(day), orders)) {
        write(&Plan { out: shop.data(), orders, nights: 1, seed: 11, date }).unwrap();
    }
    let [.., tonight] = tuesdays();
    write(&Plan { out: shop.data(), orders, nights: 1, seed: 11, date: tonight }).unwrap();
    let path = shop.data().join(format!("merchant/attempts_{}.csv", tonight.format("%Y%m%d")));
    let text = fs::read_to_string(&path).unwrap();
    let paid = csv_rows(text.as_bytes()).into_iter().filter(|row| row["wallet"] == "apple_pay" && row["status"] == "succeeded");
    let failed: BTreeSet<String> =
        paid.enumerate().filter(|(at, _)| at % 5 < 2).map(|(_, row)| row["attempt_id"].clone()).collect();
    let lines = text.lines().map(|line| {
        let fails = line.split(',').next().is_some_and(|id| failed.contains(id));
        let line = if fails { line.replace(",succeeded,", ",failed,") } else { line.to_owned() };
        line + "\n"
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
    shop
}

fn find<'r>(rows: &'r [Row], metric: &str, cut: &str, value: &str) -> Option<&'r Row> {
    rows.iter().find(|row| [&row["metric"], &row["cut"], &row["value"]] == [metric, cut, value])
}

fn of_place<'r>(rows: &'r [Row], metric: &str, cut: &str, value: &str) -> &'r Row {
    find(rows, metric, cut, value).unwrap()
}

fn number(row: &Row, name: &str) -> f64 {
    row[name].parse().unwrap_or_else(|_| panic!("{name} of {row:?}"))
}

fn units(text: &str) -> i128 {
    let (whole, decimals) = text.split_once('.').unwrap();
    assert_eq!(decimals.len(), 12);
    format!("{whole}{decimals}").parse().unwrap()
}

fn assert_comes_out(shop: &Shop, manifest: &Manifest) {
    let lake = shop.lake();
    let again = Reperformance::new(&lake, Memory::Unlimited, &|_| {}).again(manifest).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.differing(manifest), [] as [&str; 0], "generation {}", manifest.generation);
}

#[test]
fn a_drop_is_told_first_adds_up_and_comes_out_again() {
    let shop = shop(2_000);
    let [first, second, tonight] = tuesdays();
    for date in [first, november(18), second, november(30)] {
        shop.close(date);
    }
    let manifest = shop.close(tonight).manifest;

    // The first has nothing to be compared with; the days between are no baseline.
    assert!(shop.rows(&CHANGES, first).is_empty() && shop.rows(&CHANGES, november(30)).is_empty());
    assert!(shop.rows(&SUCCESS_RATES, first).iter().all(|row| row["baseline"].is_empty() && row["q_value"].is_empty()));

    let changes = shop.rows(&CHANGES, tonight);
    let told = changes.iter().find(|row| row["rank"] == "1").unwrap();
    assert_eq!([&told["cut"], &told["value"], &told["flagged"]], ["wallet", "apple_pay", "true"], "{told:?}");
    let (rate, baseline) = (number(told, "rate"), number(told, "baseline"));
    assert!(rate < baseline - 0.2, "{told:?}");
    assert!((number(told, "impact") - (rate - baseline) * number(told, "denominator")).abs() < 1e-6);
    // What is flagged may be chance, one time of twenty; a drop by chance this large is not among them.
    let has_dropped = |row: &&Row| row["flagged"] == "true" && row["change"].starts_with('-') && row["value"] == "wechat_pay";
    let dropped = changes.iter().find(has_dropped);
    assert!(dropped.is_none(), "those did not drop: {dropped:?}");

    // The baseline is what the two Tuesdays published.
    let earlier = [first, second].map(|night| shop.rows(&SUCCESS_RATES, night));
    let rates = shop.rows(&SUCCESS_RATES, tonight);
    for row in &changes {
        for (sum, part) in [("baseline_numerator", "numerator"), ("baseline_denominator", "denominator")] {
            let of_nights =
                earlier.iter().flatten().filter(|known| ["metric", "cut", "value"].iter().all(|name| known[*name] == row[*name]));
            let published: i64 = of_nights.map(|known| known[part].parse::<i64>().unwrap()).sum();
            assert_eq!(row[sum].parse::<i64>().unwrap(), published, "{sum} of {row:?}");
        }
    }
    for row in &rates {
        // Of a metric that has no baseline nothing can have changed.
        let Some(change) = find(&changes, &row["metric"], &row["cut"], &row["value"]) else {
            assert!(!changes.iter().any(|change| change["metric"] == row["metric"]), "{row:?}");
            assert!(row["baseline"].is_empty() && row["q_value"].is_empty(), "{row:?}");
            continue;
        };
        assert_eq!([&row["baseline"], &row["q_value"], &row["rate"]], [&change["baseline"], &change["q_value"], &change["rate"]]);
        if !change["change"].is_empty() {
            assert!((number(row, "change") - number(change, "change")).abs() < 1e-11);
        }
    }

    // Mix and rate of every cut add up to the change of all, to the last digit.
    let mut sums: BTreeMap<[&str; 2], i128> = BTreeMap::new();
    for row in changes.iter().filter(|row| !row["mix_part"].is_empty()) {
        *sums.entry([&row["metric"], &row["cut"]]).or_default() += units(&row["mix_part"]) + units(&row["rate_part"]);
    }
    assert_eq!(sums.len(), 14 * 14, "fourteen metrics that were decided, thirteen cuts and all");
    for ([metric, cut], sum) in sums {
        assert_eq!(sum, units(&of_place(&changes, metric, "all", "all")["change"]), "{metric} by {cut}");
    }

    // In shares it is the same, and from the archive alone.
    let twin = shop.twin();
    for date in [first, november(18), second, november(30)] {
        twin.close(date);
    }
    assert_eq!(twin.close_in_shares(tonight, 3).manifest.outputs, manifest.outputs);
    fs::remove_dir_all(shop.lake_folder().join("data")).unwrap();
    assert_comes_out(&shop, &manifest);
}

#[test]
fn every_figure_stays_as_it_was_published() {
    let shop = shop(60);
    let [first, second, _] = tuesdays();
    shop.close(first);
    let mut manifests = vec![shop.close(second).manifest];
    let mut published = vec![shop.rows(&SUCCESS_RATES, second)];
    let attempts = shop.data().join(format!("merchant/attempts_{}.csv", second.format("%Y%m%d")));
    for _ in 0..2 {
        // One more that succeeded has failed.
        let text = fs::read_to_string(&attempts).unwrap();
        fs::write(&attempts, text.replacen(",succeeded,", ",failed,", 1)).unwrap();
        manifests.push(shop.close(second).manifest);
        published.push(shop.rows(&SUCCESS_RATES, second));
        assert_ne!(published[published.len() - 1], published[published.len() - 2]);
    }
    let history = shop.rows(&RATES_HISTORY, second);
    let kept: Vec<Vec<Row>> = (1..=3)
        .map(|generation: u64| {
            let of_generation = history.iter().filter(|row| row["generation"] == generation.to_string());
            of_generation
                .map(|row| {
                    let mut row = row.clone();
                    row.remove("generation");
                    row
                })
                .collect()
        })
        .collect();
    assert!(kept == published, "each generation has its own figures and no others");
    assert_eq!(history.len(), published.iter().map(Vec::len).sum::<usize>());

    // Each comes out: with the newest there, and with nothing there.
    for manifest in &manifests {
        assert_comes_out(&shop, manifest);
    }
    fs::remove_dir_all(shop.lake_folder().join("data")).unwrap();
    for manifest in manifests.iter().rev() {
        assert_comes_out(&shop, manifest);
    }
    // Run again, the night is whole again, with what was said before.
    assert!(!shop.close(second).changed);
    assert_eq!(shop.rows(&RATES_HISTORY, second), history);
    // Where no generation before can be closed again, its figures are gone with it, and the night is closed still.
    fs::remove_dir_all(shop.lake_folder().join("data")).unwrap();
    fs::remove_dir_all(shop.lake_folder().join("raw")).unwrap();
    fs::write(&attempts, fs::read_to_string(&attempts).unwrap().replacen(",succeeded,", ",failed,", 1)).unwrap();
    shop.close(first);
    assert_eq!(shop.close(second).manifest.generation, 4);
    let generations: Vec<String> = shop.rows(&RATES_HISTORY, second).iter().map(|row| row["generation"].clone()).collect();
    assert!(generations.iter().all(|generation| generation == "4"), "{generations:?}");
}

#[test]
fn a_threshold_is_a_share_of_one() {
    let shop = Shop::generated(1, 1, 24);
    let refused = |key: &str, text: &str| {
        shop.rewrite_job(|job| {
            let job = job.split("\n[analysis]").next().unwrap();
            format!("{job}\n[analysis]\n{key} = \"{text}\"\n")
        });
        match tieout::job::Job::load(&shop.job_file()) {
            Ok(job) => Ok((job.changes.minimum_change, job.changes.false_discovery)),
            Err(error) => Err(error.to_string()),
        }
    };
    assert_eq!(refused("minimum_change", "0.025"), Ok((25_000_000_000, 0.05)));
    assert_eq!(refused("false_discovery", "0.1"), Ok((10_000_000_000, 0.1)));
    assert_eq!(Amount::parse(b"0.01", 8).unwrap().0 * 10_000, super::THRESHOLD.minimum_change);
    for (key, text) in [("minimum_change", "0"), ("minimum_change", "1"), ("false_discovery", "5 %"), ("false_discovery", "-0.1")]
    {
        let said = refused(key, text).unwrap_err();
        assert!(said.contains("not a share of one") && said.contains(text), "{said}");
    }
}
