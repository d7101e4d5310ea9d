//! The formats inside the binary, and those a job adds from a folder of its own.

use std::path::{Path, PathBuf};

use super::keys::unknown;
use super::{Format, schema};
use crate::error::{Error, Result};

/// Name and text of every shipped format. A test holds this list against `schemas/`.
pub static SHIPPED: &[(&str, &str)] = &[
    ("wechat_pay/trade_bill", include_str!("../../schemas/providers/wechat_pay/trade_bill.toml")),
    ("wechat_pay/personal_export", include_str!("../../schemas/providers/wechat_pay/personal_export.toml")),
    ("alipay/trade_detail", include_str!("../../schemas/providers/alipay/trade_detail.toml")),
    ("alipay/personal_export", include_str!("../../schemas/providers/alipay/personal_export.toml")),
    ("stripe/payout_reconciliation", include_str!("../../schemas/providers/stripe/payout_reconciliation.toml")),
    ("stripe/balance_change", include_str!("../../schemas/providers/stripe/balance_change.toml")),
    ("adyen/settlement_detail", include_str!("../../schemas/providers/adyen/settlement_detail.toml")),
    ("wechat_pay/fund_flow_bill", include_str!("../../schemas/providers/wechat_pay/fund_flow_bill.toml")),
    ("wechat_pay/overseas_statement", include_str!("../../schemas/providers/wechat_pay/overseas_statement.toml")),
    ("wechat_pay/profit_sharing_bill", include_str!("../../schemas/providers/wechat_pay/profit_sharing_bill.toml")),
    ("alipay/account_log", include_str!("../../schemas/providers/alipay/account_log.toml")),
    ("antom/settlement_items", include_str!("../../schemas/providers/antom/settlement_items.toml")),
    ("antom/transaction_items", include_str!("../../schemas/providers/antom/transaction_items.toml")),
    ("antom/settlement_summary", include_str!("../../schemas/providers/antom/settlement_summary.toml")),
    ("unionpay/zm", include_str!("../../schemas/providers/unionpay/zm.toml")),
    ("stripe/payouts", include_str!("../../schemas/providers/stripe/payouts.toml")),
    ("stripe/payments", include_str!("../../schemas/providers/stripe/payments.toml")),
    ("adyen/payments_accounting", include_str!("../../schemas/providers/adyen/payments_accounting.toml")),
    ("adyen/received_payments", include_str!("../../schemas/providers/adyen/received_payments.toml")),
    ("paypal/settlement", include_str!("../../schemas/providers/paypal/settlement.toml")),
    ("paypal/transaction_detail", include_str!("../../schemas/providers/paypal/transaction_detail.toml")),
    ("checkout/settlement_breakdown", include_str!("../../schemas/providers/checkout/settlement_breakdown.toml")),
    ("checkout/payouts", include_str!("../../schemas/providers/checkout/payouts.toml")),
    ("braintree/transaction_level_fees", include_str!("../../schemas/providers/braintree/transaction_level_fees.toml")),
    ("generic/entries", include_str!("../../schemas/providers/generic/entries.toml")),
    ("bank/camt053", include_str!("../../schemas/providers/bank/camt053.toml")),
    ("bank/mt940", include_str!("../../schemas/providers/bank/mt940.toml")),
    ("bank/bai2", include_str!("../../schemas/providers/bank/bai2.toml")),
    ("merchant/orders", include_str!("../../schemas/merchant/orders.toml")),
    ("merchant/attempts", include_str!("../../schemas/merchant/attempts.toml")),
    ("merchant/refunds", include_str!("../../schemas/merchant/refunds.toml")),
];

/// Formats by name: those of a folder first, then the shipped ones.
#[derive(Clone, Debug, Default)]
pub struct Library {
    own: Vec<(String, String)>,
    /// Where they are.
    folder: PathBuf,
    /// Shipped formats as they were when a night was closed; those of this program where none are given.
    kept: Option<Vec<(String, String)>>,
}

/// The text of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatText {
    /// Its name.
    pub name: String,
    /// Whether it is shipped, and not out of a folder.
    pub shipped: bool,
    /// It.
    pub text: String,
}

impl Library {
    /// The shipped formats alone.
    #[must_use]
    pub fn shipped() -> Self {
        Self::default()
    }

    /// The shipped formats and those below `folder`, which add to them or override one.
    pub fn with_folder(folder: &Path) -> Result<Self> {
        let pattern = folder.join("**/*.toml");
        let paths = glob::glob(&pattern.to_string_lossy())
            .map_err(|error| Error::configuration(format!("not a folder of formats: {error}")).file(folder.display()))?;
        let mut own = Vec::new();
        for path in paths.flatten() {
            let text = std::fs::read_to_string(&path).map_err(|error| Error::io("read the format", path.display(), &error))?;
            let name = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
            let name: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            own.push((name.join("/"), text));
        }
        own.sort();
        Ok(Self { own, folder: folder.to_path_buf(), kept: None })
    }

    /// These formats and no other: those a night was closed by.
    #[must_use]
    pub fn of(texts: Vec<FormatText>) -> Self {
        let (shipped, own): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| text.shipped);
        let named = |texts: Vec<FormatText>| texts.into_iter().map(|text| (text.name, text.text)).collect();
        Self { own: named(own), folder: PathBuf::new(), kept: Some(named(shipped)) }
    }

    /// Names of the formats of the folder.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(|(name, _)| name.as_str())
    }

    /// Everything that is wrong with a format: every key of it that is unknown; else what loading it says.
    #[must_use]
    pub fn wrong_with(&self, name: &str) -> Vec<Error> {
        let unknown = self.text(name).map(|text| unknown(text, &schema::carried())).unwrap_or_default();
        if unknown.is_empty() {
            return self.load(name).err().into_iter().collect();
        }
        unknown.into_iter().map(|error| self.named(name, error.file(format!("format {name}")))).collect()
    }

    /// Names of all formats.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let own = self.own.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = match &self.kept {
            Some(kept) => own.chain(kept.iter().map(|(name, _)| name.as_str())).collect(),
            None => own.chain(SHIPPED.iter().map(|(name, _)| *name)).collect(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The text of a format.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.own_text(name).or_else(|| self.shipped_text(name))
    }

    /// Every text that loading `name` reads: its own, and that of the format it extends.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<FormatText> {
        let of = |name: &str, text: &str, shipped| FormatText { name: name.to_owned(), shipped, text: text.to_owned() };
        let Some(text) = self.text(name) else { return Vec::new() };
        let mut texts = vec![of(name, text, self.own_text(name).is_none())];
        let table: Option<toml::Table> = toml::from_str(text).ok();
        if let Some(parent) = table.as_ref().and_then(|table| table.get("extends")?.as_str())
            && let Some(text) = self.parent(parent, name)
        {
            texts.push(of(parent, text, parent == name || self.own_text(parent).is_none()));
        }
        texts
    }

    fn own_text(&self, name: &str) -> Option<&str> {
        self.own.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str())
    }

    fn shipped_text(&self, name: &str) -> Option<&str> {
        match &self.kept {
            Some(kept) => kept.iter().find(|(shipped, _)| shipped == name).map(|(_, text)| text.as_str()),
            None => SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text),
        }
    }

    /// The text that `name` extends as `parent`. A format that overrides a shipped one may extend it: its own name then
    /// means the shipped text.
    fn parent(&self, parent: &str, name: &str) -> Option<&str> {
        if parent == name { self.shipped_text(parent) } else { self.text(parent) }
    }

    /// The format called `name`, loaded and checked.
    pub fn load(&self, name: &str) -> Result<Format> {
        let Some(text) = self.text(name) else {
            let names = self.names();
            let nearest = names.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            let error = Error::configuration(format!("no format is called `{name}`")).expected(names.join(", "));
            return Err(match nearest {
                Some(nearest) => error.next(format!("did you mean `{nearest}`?")),
                None => error,
            });
        };
        Format::parse(name, text, &|parent| self.parent(parent, name).map(str::to_owned)).map_err(|error| self.named(name, error))
    }

    /// An error of a format of the folder names its file.
    fn named(&self, name: &str, error: Error) -> Error {
        let is_own = self.own_text(name).is_some() && !self.folder.as_os_str().is_empty();
        if is_own { error.file(self.folder.join(format!("{name}.toml")).display()) } else { error }
    }

    /// Every format, loaded and checked.
    pub fn all(&self) -> Result<Vec<Format>> {
        self.names().into_iter().map(|name| self.load(name)).collect()
    }
}
