//! The stages of a night that memory holds, in order: normalize, reconcile, analyze.

use rayon::prelude::*;

use super::Closing;
use super::deliveries::{Deliveries, Ledger};
use super::ledger::{self, Summary};
use crate::error::{Error, Result};
use crate::format::Target;
use crate::lake::Night;
use crate::stage::analyze::{Inputs, analyze, once};
use crate::stage::bank::bank_lines;
use crate::stage::failures::FailureCategories;
use crate::stage::fees::{breaks_of_batches, charge};
use crate::stage::items::{
    Expected, all_carried_in, merchant_side, met_by_attempts, outcome_columns, outcomes_of_rows, provider_side,
};
use crate::stage::normalize::{Repeated, normalize};
use crate::stage::payouts::Settled;
use crate::stage::reconcile::{ROUNDS, Sides, compare, roll};
use crate::stage::records::{attempts_of_orders, records};
use crate::stage::restated::Stated;
use crate::stage::returns::returned;
use crate::stage::stated_before::{LINES, apart, told_of_orders};
use crate::table::bank::BANK_LINES;
use crate::table::fees::FEES;
use crate::table::payouts::{OPEN_BANK_LINES, PAYOUTS};
use crate::table::reconciliation::{BREAKS, OPEN_ITEMS, ROLLFORWARD};
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};
use crate::table::returns::RETURNS;
use crate::table::sheet::Sheet;

/// From files to the tables of the night, each given to `stage` once it is known.
pub(super) fn stages(closing: &Closing, mut deliveries: Deliveries, stage: &dyn Fn(Sheet)) -> Result<Night> {
    let (job, night, earlier) = (closing.job, closing.night, &closing.earlier);
    (closing.progress)("normalizing");
    let mut delivered = deliveries.delivered(job);
    let none = Repeated::default();
    let contracts = closing.contracts()?;
    let carried_items = closing.carried(&OPEN_ITEMS)?;
    let open = Stated::carried(&carried_items);
    let (normalized, (orders, (attempts, refunds))) = rayon::join(
        || {
            let entries = normalize(&mut delivered.providers, &none, night);
            let before = earlier.said(&LINES, &entries, &open.entries, (night, job.timezone))?;
            let (mut entries, again) = apart(entries, &before, night);
            let charged = charge(&mut entries, &contracts);
            Ok::<_, Error>((entries, again, charged))
        },
        || {
            let attempts_and_refunds = || {
                let attempts = || records(&mut delivered.attempts, Target::Attempts, &none, night);
                rayon::join(attempts, || records(&mut delivered.refunds, Target::Refunds, &none, night))
            };
            rayon::join(|| records(&mut delivered.orders, Target::Orders, &none, night), attempts_and_refunds)
        },
    );
    let bank_lines = bank_lines(&mut delivered.banks, night);
    let (entries, entries_again, charged) = normalized?;
    let attempts = if job.attempts.is_some() { attempts } else { attempts_of_orders(&orders) };
    let orders_again = earlier.said_of_orders(&orders, (night, job.timezone))?;
    let records_again = earlier.said_of_records(&attempts, &refunds, &open, (night, job.timezone))?;
    let files = Ledger::of(delivered);
    let mut summary = Summary::default();
    summary.add_files(&files);
    summary.add_entries(&entries, &entries_again);
    for (table, rows) in [("orders", &orders), ("attempts", &attempts), ("refunds", &refunds)] {
        summary.add(table, rows.count());
    }
    summary.add_bank_lines(job, &bank_lines);
    ledger::conserved(&files, &summary, job.attempts.is_some())?;
    let fees = charged.table(&contracts, night)?;
    summary.add_fees(&fees)?;
    let tied_out = closing.tie_out(Settled::of(&entries, job.timezone), &bank_lines)?;
    summary.add("payouts", tied_out.payouts.num_rows());
    let tied = closing.returns(returned(&entries, night), |sought| {
        Ok(entries.parts.par_iter().flat_map_iter(|part| sought.among(part, night)).collect())
    })?;
    summary.add("returns", tied.returns.num_rows());
    stage(orders.sheet(&ORDERS, [told_of_orders(&orders_again)]));
    stage(bank_lines.sheet(&BANK_LINES, tied_out.bank_outcomes));

    (closing.progress)("reconciling");
    let restated = open.again(&entries, &attempts, &refunds);
    summary.add_restated(&restated);
    let expected = Expected { night, by_provider: &job.expected(night)?, restated: &restated };
    let (provider, merchant) = rayon::join(
        || provider_side(&entries, &carried_items, &expected),
        || merchant_side(&attempts, &refunds, &carried_items, &expected, &records_again),
    );
    all_carried_in([&provider, &merchant], &carried_items, &restated)?;
    restated.conserved(provider.again + merchant.again)?;
    let compared = compare(Sides { provider: &provider.parts, merchant: &merchant.parts }, 0..ROUNDS.len(), &closing.rules())?;
    summary.add_tolerated(&compared.tolerated);
    let found = [
        compared.found,
        compared.tolerated.breaks(&closing.rules()),
        breaks_of_batches(&fees, night),
        tied.found,
        tied_out.found,
        closing.inconsistent(&entries)?,
        entries_again.found.clone(),
    ];
    let rolled = roll(&found, &closing.carried(&BREAKS)?, [&carried_items], &closing.rules())?;
    let of_entries = outcomes_of_rows(&provider.own, &compared.provider_outcomes);
    let mut of_attempts = outcomes_of_rows(&merchant.own, &compared.merchant_outcomes);
    let of_refunds = of_attempts.split_off(attempts.parts.len());
    summary.add("matches", compared.matches.rows);
    summary.add("open_items", compared.open_items.rows);
    summary.add_breaks(&rolled);
    for sheet in [
        entries_again.among(&entries, of_entries),
        attempts.sheet(&ATTEMPTS, outcome_columns(&of_attempts)),
        refunds.sheet(&REFUNDS, outcome_columns(&of_refunds)),
        compared.matches,
        Sheet::of(&BREAKS, &rolled.breaks),
        compared.open_items,
        Sheet::of(&ROLLFORWARD, &rolled.rollforward),
        Sheet::of(&RETURNS, &tied.returns),
        Sheet::of(&FEES, &fees),
        Sheet::of(&PAYOUTS, &tied_out.payouts),
        Sheet::of(&OPEN_BANK_LINES, &tied_out.open_bank_lines),
    ] {
        stage(sheet);
    }
    let only = job.only_accounts();
    let met = met_by_attempts(&attempts, &merchant, &provider, &compared.met).learned(&only);
    // A column goes when the last table that has it is written.
    drop((entries, refunds, provider, merchant));

    (closing.progress)("analyzing");
    let failures = FailureCategories::shipped()?;
    let (orders, attempts, accounts) = (&orders.parts, &attempts.parts, Some(&*met.accounts));
    let inputs = Inputs { orders, attempts, outcomes: &of_attempts, accounts };
    let rules = closing.analysis_rules(&only, &failures);
    let analysis = once(&inputs, &orders_again, |counting| analyze(counting, &met.charges, &rules))?;
    closing.end(&files, &summary, analysis, deliveries.left_out.is_empty(), stage)
}
