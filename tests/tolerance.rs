//! Differences within tolerance are added up, told, and a break once they are more than the job lets go in a night.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;

use tieout::night::Memory;
use tieout::table::reconciliation::{BREAKS, MATCHES};

use crate::nights::november;
use crate::payouts::Counter;

fn job(cap: &str) -> String {
    format!(
        "name = \"shop\"\nlake = \"lake\"\ntimezone = \"Asia/Shanghai\"\n[[provider]]\nname = \"p\"\naccount = \"a\"\n\
         format = \"generic/entries\"\nsource = {{ files = \"p_{{date:%Y%m%d}}.csv\" }}\nsettles_in = \"1 day\"\n\
         [merchant.orders]\nsource = {{ files = \"orders.csv\" }}\n[[tolerance]]\ncurrency = \"USD\"\nabsolute = \"0.05\"\n{cap}\n"
    )
}

/// One night with orders of 10.00 that the provider states with those differences, in cents.
fn shop(cap: &str, differences: &[i64]) -> Counter {
    let shop = Counter::new(&job(cap));
    let mut orders = "order_id,created_at,amount,currency,status\n".to_owned();
    let mut lines = Vec::new();
    for (number, difference) in differences.iter().enumerate() {
        writeln!(orders, "SO-{number},2026-11-17T11:59:00+08:00,10.00,USD,paid").unwrap();
        let cents = 1000 + difference;
        lines.push(format!("payment {}.{:02} 0.00 merchant_reference=SO-{number}", cents / 100, cents % 100));
    }
    shop.write("orders.csv", &orders);
    shop.states("p", november(17), &lines.join(";"));
    shop
}

#[test]
fn what_is_let_go_is_told_and_capped_without_its_signs() {
    for memory in [Memory::Unlimited, Memory::Shares(3)] {
        // 3 + 4 + 5 cents are let go, though they are 4 cents in all; 6 cents are a break by themselves.
        let shop = shop("cap = \"0.11\"", &[0, 3, -4, 5, 6]);
        let closed = shop.close(november(17), memory);
        let told = &closed.manifest.night.totals["tolerated"];
        assert_eq!(told.to_string(), r#"[{"currency":"USD","matches":3,"amount":"0.12","difference":"0.04"}]"#);
        assert_eq!(
            shop.told(&BREAKS, 17, &["break_type", "state", "order_id", "difference", "detail"]),
            [
                "amount_mismatch open - 0.04 3 matches differ within tolerance, by 0.12 in all; the job lets 0.11 go in a night",
                "amount_mismatch open SO-4 0.06 merchant 10.00 USD, provider 10.06 USD",
            ]
        );
        assert_eq!(shop.told(&MATCHES, 17, &["difference"]), ["-0.04", "0.00", "0.03", "0.05"]);
    }
}

#[test]
fn as_much_as_the_cap_is_let_go_and_any_sum_without_one() {
    for (cap, differences) in [("cap = \"0.12\"", &[3, -4, 5]), ("", &[5, 5, 5])] {
        let shop = shop(cap, differences);
        shop.close(november(17), Memory::Unlimited);
        assert_eq!(shop.told(&BREAKS, 17, &["break_type"]), [""; 0]);
    }
}
