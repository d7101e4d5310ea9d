//! History and control: a published night comes out again as it was, whatever has become of its files since.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod control;
mod differences;
mod evidence;
mod restated;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use chrono::{Days, NaiveDate};
use tieout::error::{Error, Exit};
use tieout::lake::{Lake, Manifest};
use tieout::night::Memory;
use tieout::night::reperform::{Again, Reperformance};
use tieout::table::reconciliation::{BREAKS, OPEN_ITEMS};

use crate::harness::Place;
use crate::nights::{Shop, files, november, package, three_nights};

/// Closes a generation again, in a lake that is left as it is.
fn again(lake: &Lake, manifest: &Manifest, memory: Memory) -> Result<Again, Error> {
    let before = files(lake.root());
    let again = Reperformance::new(lake, memory, &|_| {}).again(manifest);
    assert!(before == files(lake.root()), "nothing is left in the lake");
    again
}

#[track_caller]
fn assert_comes_out(lake: &Lake, manifest: &Manifest, memory: Memory) {
    let again = again(lake, manifest, memory).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.differing(manifest), [] as [&str; 0], "{}", manifest.night.business_date);
    assert_eq!(again.manifest, *manifest);
}

fn nights(count: u64) -> impl Iterator<Item = NaiveDate> {
    (0..count).map(|days| november(17) + Days::new(days))
}

/// What is shown to the auditor: of thirty nights any one, from the lake alone.
#[test]
fn any_of_thirty_nights_comes_out_the_same_after_its_data_was_deleted() {
    let shop = Shop::generated(30, 30, 24);
    let closed: Vec<Manifest> = nights(30).map(|night| shop.close(night).manifest).collect();
    let lake = shop.lake();
    fs::remove_dir_all(shop.lake_folder().join("data")).unwrap();
    fs::remove_dir_all(shop.data()).unwrap();
    fs::remove_file(shop.job_file()).unwrap();

    // Alone, from the first night on; and one after the other.
    for at in [29, 0, 13] {
        assert_comes_out(&lake, &closed[at], Memory::Unlimited);
    }
    assert_comes_out(&lake, &closed[7], Memory::Shares(3));
    let mut again = Reperformance::new(&lake, Memory::Unlimited, &|_| {});
    for manifest in &closed {
        assert_eq!(again.again(manifest).unwrap().manifest, *manifest);
    }
    // The tables themselves, and not only their hashes.
    let last = again.whole(&closed[29]).unwrap();
    assert!(last.lake.holds_all(&closed[29], &tieout::table::TABLES).unwrap());
    drop(again);
    assert!(files(lake.root()).keys().all(|path| !path.starts_with("staging")), "the scratch folder is gone");
}

#[test]
fn a_generation_comes_out_after_later_ones_another_job_and_no_sources() {
    let shop = Shop::of_sample_data();
    for night in three_nights() {
        shop.close(night);
    }
    let refunds = shop.data().join("merchant/refunds_20261117.csv");
    let text = fs::read_to_string(&refunds).unwrap();
    fs::write(
        &refunds,
        format!("{text}RF-late,SO20261117000003,stripe,SO20261117000003,RF-late,2026-11-17T23:00:00+08:00,1.00,USD,succeeded\n"),
    )
    .unwrap();
    shop.rewrite_job(|job| job.replace("settles_in = \"1 business day\"", "settles_in = \"2 business days\""));
    for night in three_nights() {
        assert_eq!(shop.close(night).manifest.generation, 2);
    }
    fs::remove_dir_all(shop.data()).unwrap();
    shop.write_job("nothing that is a job");
    let lake = shop.lake();
    for night in three_nights() {
        let generations = lake.generations(night).unwrap();
        assert_eq!(generations.len(), 2);
        for manifest in generations {
            assert_comes_out(&lake, &manifest, Memory::Unlimited);
        }
    }
}

/// A contract whose price goes by the volume of the nights before.
#[test]
fn what_a_tier_has_counted_comes_out_too() {
    let shop = Shop::of_sample_data();
    let tiers = r#"fee = [{ name = "tiers", percent = "0.70", tiers = [{ volume = "2000", percent = "0.60" }] }]"#;
    shop.rewrite_job(|job| {
        let first = job.lines().find(|line| line.starts_with("fee = ")).unwrap().to_owned();
        job.replacen(&first, tiers, 1)
    });
    let closed = three_nights().map(|night| shop.close(night).manifest);
    let found = |night: NaiveDate| {
        let is_new =
            |row: &&BTreeMap<String, String>| row["break_type"] == "fee_mismatch" && row["first_seen"] == night.to_string();
        shop.rows(&BREAKS, night).iter().filter(is_new).filter(|row| row["provider"] == "wechat_pay").count()
    };
    let [first, second, _] = three_nights().map(found);
    assert!(first > second, "the second night opens in the tier, the first does not: {first}, {second}");
    fs::remove_dir_all(shop.lake_folder().join("data")).unwrap();
    for manifest in &closed {
        assert_comes_out(&shop.lake(), manifest, Memory::Unlimited);
    }
}

#[test]
fn a_night_comes_out_by_its_own_formats_and_calendars_as_they_were() {
    let shop = Shop::of_sample_data();
    let folder = shop.job_file().parent().unwrap().to_owned();
    let write = |path: &str, text: &str| {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), text).unwrap();
    };
    // One that overrides the shipped one it extends, and one that extends another of the same folder.
    write("formats/merchant/orders.toml", "extends = \"merchant/orders\"\ntitle = \"Ours\"\n");
    write("formats/shop/base.toml", &fs::read_to_string(package().join("schemas/merchant/refunds.toml")).unwrap());
    write("formats/shop/refunds.toml", "extends = \"shop/base\"\ntitle = \"Ours too\"\n");
    let calendar = fs::read_to_string(package().join("schemas/calendars/CN.toml")).unwrap();
    write("calendars/OURS.toml", &calendar);
    shop.rewrite_job(|job| {
        let job = job.replacen("timezone =", "formats = \"formats\"\ncalendars = \"calendars\"\ntimezone =", 1);
        let job = job.replacen("settles_in", "calendar = \"OURS\"\nsettles_in", 1);
        job.replace("[merchant.refunds]\n", "[merchant.refunds]\nformat = \"shop/refunds\"\n")
    });
    let first = shop.close(november(17)).manifest;
    let kept: Vec<(&str, &str, bool)> =
        first.night.texts.iter().map(|text| (text.kind.as_str(), text.name.as_str(), text.shipped)).collect();
    for text in [
        ("format", "merchant/orders", false),
        ("format", "merchant/orders", true),
        ("format", "shop/refunds", false),
        ("format", "shop/base", false),
        ("format", "stripe/payout_reconciliation", true),
        ("calendar", "OURS", false),
        ("job", "nightly", false),
    ] {
        assert!(kept.contains(&text), "{text:?} in {kept:?}");
    }

    // A format that is only extended counts too: the night is another with it changed.
    let base = fs::read_to_string(folder.join("formats/shop/base.toml")).unwrap();
    write("formats/shop/base.toml", &format!("{base}\n# said anew\n"));
    assert_eq!(shop.close(november(17)).manifest.generation, 2);
    fs::remove_dir_all(folder.join("formats")).unwrap();
    fs::remove_dir_all(folder.join("calendars")).unwrap();
    for manifest in shop.lake().generations(november(17)).unwrap() {
        assert_comes_out(&shop.lake(), &manifest, Memory::Unlimited);
    }
}

#[test]
fn an_incomplete_night_comes_out_without_what_it_lacked() {
    let shop = Shop::of_sample_data();
    // One provider gives nothing, another a file that is refused, and one the same file twice.
    fs::remove_file(shop.data().join("provider/stripe/payout_reconciliation_20261117.csv")).unwrap();
    let bill = shop.data().join("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv");
    fs::write(&bill, fs::read_to_string(&bill).unwrap().replace("应结订单金额", "别的")).unwrap();
    let adyen = shop.data().join("provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv");
    fs::copy(&adyen, adyen.with_file_name("settlement_detail_report_batch_1117_copy.csv")).unwrap();
    let closed = shop.try_close(november(17), true).unwrap();
    assert!(!closed.manifest.night.complete && closed.left_out.len() == 2);
    assert_comes_out(&shop.lake(), &closed.manifest, Memory::Unlimited);
}

#[test]
fn a_changed_archive_is_named() {
    let shop = Shop::of_sample_data();
    let closed = shop.close(november(17)).manifest;
    let (lake, root) = (shop.lake(), shop.lake_folder());
    let of = |path: &str| files(&root).into_keys().find(|known| known.starts_with(path)).unwrap();
    for folder in ["raw/orders", "meta/texts"] {
        let path = root.join(of(folder));
        let bytes = fs::read(&path).unwrap();
        let writable = |path: &PathBuf| {
            let mut permissions = fs::metadata(path).unwrap().permissions();
            #[expect(clippy::permissions_set_readonly_false, reason = "a file of a test's own")]
            permissions.set_readonly(false);
            fs::set_permissions(path, permissions).unwrap();
        };
        writable(&path);
        fs::write(&path, [&bytes[..], b"#"].concat()).unwrap();
        let error = again(&lake, &closed, Memory::Unlimited).unwrap_err();
        assert!(error.exit == Exit::BadData && error.what.contains("was changed"), "{error}");
        assert!(error.file.unwrap().ends_with(path.file_name().unwrap().to_str().unwrap()));
        fs::remove_file(&path).unwrap();
        let error = again(&lake, &closed, Memory::Unlimited).unwrap_err();
        assert!(error.exit == Exit::BadData && error.what.contains("is not"), "{error}");
        fs::write(&path, bytes).unwrap();
    }
    assert_comes_out(&lake, &closed, Memory::Unlimited);
}

#[test]
fn what_is_carried_in_is_taken_only_as_it_was_published() {
    let shop = Shop::of_sample_data();
    let [first, second, _] = three_nights().map(|night| shop.close(night).manifest);
    let lake = shop.lake();
    // Bytes that only a whole reading tells from those published: the night before is closed again instead.
    let path = shop.lake_folder().join(&first.outputs.iter().find(|output| output.table == OPEN_ITEMS.name).unwrap().path);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(lake.is_intact(&first).unwrap() && !lake.holds_all(&first, &[&OPEN_ITEMS]).unwrap());
    assert_comes_out(&lake, &second, Memory::Unlimited);
    // And where its manifest is another by now, nothing is.
    let manifest = shop.lake_folder().join("meta/nights/2026-11-17/1.json");
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace("\"complete\": true", "\"complete\":  true")).unwrap();
    let error = again(&lake, &second, Memory::Unlimited).unwrap_err();
    assert!(error.what.contains("the manifest of 2026-11-17, generation 1, was changed"), "{error}");
}

#[test]
fn a_damaged_night_is_restored_as_it_was_and_not_as_its_sources_are_now() {
    let shop = Shop::of_sample_data();
    let first = shop.close(november(17)).manifest;
    let whole = files(&shop.lake_folder().join("data"));
    // The same bytes under another name are the same night; the table `files` tells the name it had.
    let bill = shop.data().join("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv");
    fs::rename(&bill, bill.with_file_name("anew_tradebill_ALL_20261117.csv")).unwrap();
    fs::remove_file(shop.lake_folder().join("data/files/date=2026-11-17/files.parquet")).unwrap();
    fs::remove_file(shop.lake_folder().join("data/entries/date=2026-11-17/entries.parquet")).unwrap();
    let again = shop.close(november(17));
    assert_eq!((again.changed, &again.manifest), (false, &first));
    assert!(whole == files(&shop.lake_folder().join("data")));
    let actions: Vec<String> = shop.lake().audit().unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["published", "restored"]);
}

const JOB: &str = "jobs/nightly.toml";

fn closed() -> Place {
    let place = Place::with_sample_nights();
    for night in three_nights() {
        assert_eq!(place.run(&format!("run {JOB} --date {night} --quiet")).code, 0);
    }
    place
}

#[test]
fn verify_says_which_table_is_other() {
    let place = closed();
    fs::remove_dir_all(place.path("lake/data")).unwrap();
    let ran = place.run(&format!("verify {JOB} --from 2026-11-01"));
    assert_eq!(ran.code, 0, "{}", ran.whole());
    assert_eq!(ran.stdout.matches("the same").count(), 3, "{}", ran.whole());
    assert!(ran.stdout.contains("data/ does not hold 2026-11-17, 2026-11-18 and 2026-11-19"), "{}", ran.whole());
    // The lake itself will do, and the tables can be had.
    let ran = place.run("verify lake --date 2026-11-18 --out then");
    assert_eq!(ran.code, 0, "{}", ran.whole());
    assert!(files(&place.path("then/data")).len() > 10);

    let manifest = "lake/meta/nights/2026-11-19/1.json";
    let json: serde_json::Value = serde_json::from_slice(&place.read(manifest)).unwrap();
    let breaks = json["outputs"].as_array().unwrap().iter().find(|output| output["table"] == "breaks").unwrap();
    let sha256 = breaks["sha256"].as_str().unwrap().to_owned();
    place.replace(manifest, &sha256, &"0".repeat(64));
    let ran = place.run(&format!("verify {JOB} --date 2026-11-19"));
    assert_eq!(ran.code, 65, "{}", ran.whole());
    assert!(ran.stderr.contains("found: other bytes of breaks\n"), "{}", ran.whole());
    let told: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&place.run(&format!("verify {JOB} --date 2026-11-19 --json")).stdout).unwrap();
    assert_eq!((&told["same"], &told["nights"][0]["data"]), (&false.into(), &"damaged".into()));
    let other: Vec<&str> = told["nights"][0]["tables"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|table| table["same"] == false)
        .map(|table| table["table"].as_str().unwrap())
        .collect();
    assert_eq!(other, ["breaks"]);
}

#[test]
fn verify_names_both_versions() {
    let place = closed();
    place.replace(
        "lake/meta/nights/2026-11-17/1.json",
        &format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION")),
        "\"version\": \"0.0.9\"",
    );
    let ran = place.run(&format!("verify {JOB} --date 2026-11-17"));
    // The footer of every file names it, so that every file is another: no version 0.0.9 has published this night.
    assert_eq!(ran.code, 65, "{}", ran.whole());
    assert!(ran.stdout.contains("closed by tieout 0.0.9, again by <version>"), "{}", ran.whole());
    assert!(ran.stderr.contains("next: close it again with tieout 0.0.9, which published it"), "{}", ran.whole());
}

#[test]
fn verify_of_what_was_never_published_is_a_wrong_question() {
    let place = closed();
    for (question, code) in [
        ("--date 2026-11-20", 64),
        ("--from 2026-11-20", 64),
        ("--date 2026-11-17 --generation 2", 65),
        ("", 64),
        ("--to 2026-11-20", 64),
    ] {
        let ran = place.run(&format!("verify {JOB} {question}"));
        assert_eq!(ran.code, code, "{question}: {}", ran.whole());
    }
}
