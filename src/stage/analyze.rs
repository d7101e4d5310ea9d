//! How well customers got through the checkout.
