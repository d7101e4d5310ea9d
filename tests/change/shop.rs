//! A shop in counts: the rates its nights would publish, drawn order by order from rates that are known.

use tieout::stage::change::{Counts, Place, Rates};

/// A small generator of its own (splitmix64), so that its numbers stay.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    pub(super) fn below(&mut self, many: u64) -> u64 {
        self.next() % many
    }
}

/// The cut of provider and wallet.
pub(super) const PAIR: &str = "provider x wallet";

/// Provider, wallet, share of the orders in hundredths, and how often a first attempt succeeds.
const WALLETS: [(&str, &str, u32, f64); 8] = [
    ("wechat_pay", "wechat_pay", 32, 0.90),
    ("alipay", "alipay", 26, 0.88),
    ("stripe", "", 13, 0.82),
    ("stripe", "apple_pay", 9, 0.88),
    ("stripe", "google_pay", 4, 0.86),
    ("adyen", "", 8, 0.80),
    ("adyen", "apple_pay", 5, 0.87),
    ("adyen", "google_pay", 3, 0.84),
];
/// Channel, share in tenths.
const CHANNELS: [(&str, u32); 3] = [("app", 5), ("mini_program", 3), ("web", 2)];
/// Country, share in tenths, and by how much rates are lower there.
const COUNTRIES: [(&str, u32, f64); 3] = [("CN", 7, 0.0), ("HK", 2, 0.02), ("US", 1, 0.05)];
const METRICS: [&str; 3] = ["attempt_success_raw", "first_attempt_rate", "order_success_rate"];

/// A drop of a rate in one pair, by so much of one.
#[derive(Clone, Copy)]
pub(super) struct Drop {
    pub(super) provider: &'static str,
    pub(super) wallet: &'static str,
    pub(super) points: f64,
}

/// Orders that are alike.
struct Cell {
    provider: &'static str,
    wallet: &'static str,
    orders: u64,
    rate: f64,
    /// Where they are counted, among the cuts and values of the shop.
    counted: Vec<usize>,
}

pub(super) struct Shop {
    cells: Vec<Cell>,
    /// Cuts and values.
    places: Vec<(&'static str, String)>,
}

impl Shop {
    /// One of so many orders a night.
    pub(super) fn of(orders: u32) -> Self {
        let mut shop = Self { cells: Vec::new(), places: Vec::new() };
        for (provider, wallet, share, rate) in WALLETS {
            for (channel, of_channel) in CHANNELS {
                for (country, of_country, lower) in COUNTRIES {
                    let values = [
                        ("all", "all".to_owned()),
                        ("currency", "CNY".to_owned()),
                        ("provider", provider.to_owned()),
                        ("wallet", wallet.to_owned()),
                        ("channel", channel.to_owned()),
                        ("country", country.to_owned()),
                        (PAIR, format!("{provider} x {wallet}")),
                    ];
                    let counted = values.map(|place| shop.number_of(place)).to_vec();
                    let orders = u64::from(orders * share / 100 * of_channel / 10 * of_country / 10);
                    shop.cells.push(Cell { provider, wallet, orders, rate: rate - lower, counted });
                }
            }
        }
        shop
    }

    fn number_of(&mut self, place: (&'static str, String)) -> usize {
        self.places.iter().position(|known| *known == place).unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        })
    }

    /// A night of it: about as many orders as on any other, some of which are tried twice.
    pub(super) fn night(&self, draw: &mut Draw, drop: Option<Drop>) -> Rates {
        let mut sums = vec![[Counts::default(); METRICS.len()]; self.places.len()];
        for cell in &self.cells {
            let dropped = drop.filter(|drop| (drop.provider, drop.wallet) == (cell.provider, cell.wallet));
            let rate = cell.rate - dropped.map_or(0.0, |drop| drop.points);
            let orders = cell.orders * 9 / 10 + draw.below(cell.orders / 5 + 1);
            let (mut first, mut second, mut retried) = (0, 0, 0);
            for _ in 0..orders {
                if draw.unit() < rate {
                    first += 1;
                } else if draw.unit() < 0.4 {
                    retried += 1;
                    // Whoever failed is likelier to fail again.
                    second += i64::from(draw.unit() < rate * 0.6);
                }
            }
            let orders = i64::try_from(orders).unwrap();
            for &at in &cell.counted {
                for (sum, (numerator, denominator)) in
                    sums[at].iter_mut().zip([(first + second, orders + retried), (first, orders), (first + second, orders)])
                {
                    sum.numerator += numerator;
                    sum.denominator += denominator;
                }
            }
        }
        let rates = self.places.iter().zip(sums).flat_map(|((cut, value), sums)| {
            METRICS.into_iter().zip(sums).map(move |(metric, counts)| {
                let place = Place { metric: metric.to_owned(), cut: (*cut).to_owned(), value: value.clone() };
                (place, counts)
            })
        });
        rates.collect()
    }
}

/// Whether a place counts orders of a pair.
pub(super) fn is_of(place: &Place, provider: &str, wallet: &str) -> bool {
    match place.cut.as_str() {
        "provider" => place.value == provider,
        "wallet" => place.value == wallet,
        PAIR => place.value == format!("{provider} x {wallet}"),
        _ => true,
    }
}
