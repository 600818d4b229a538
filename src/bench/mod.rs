//! Workloads and measured baselines, behind `holdfast bench`.
//!
//! A figure is measured within one run, on real servers but for those of `decide`, and printed as
//! one line: what, how much, in which unit, under which parameters. Nothing here is part of a sale.

pub mod allocations;
pub mod decide;
pub mod expiry;
pub mod pipeline;
pub mod producing;
pub mod workload;

use serde::Serialize;

/// One measured figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured, such as `pipeline.claims`.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what, such as `1/s`.
    pub unit: &'static str,
    /// Under which parameters.
    pub params: String,
    /// How many measurements are behind it.
    pub rounds: usize,
    /// The least of them.
    pub min: f64,
    /// The greatest of them.
    pub max: f64,
}

impl Figure {
    /// A figure measured once.
    #[must_use]
    pub fn once(name: impl Into<String>, value: f64, unit: &'static str, params: &str) -> Figure {
        let params = params.to_owned();
        Figure { name: name.into(), value, unit, params, rounds: 1, min: value, max: value }
    }

    /// Of some rounds the one with the highest value.
    #[must_use]
    pub fn highest(
        name: impl Into<String>,
        rounds: &[f64],
        unit: &'static str,
        params: &str,
    ) -> Figure {
        let figure = Figure::lowest(name, rounds, unit, params);
        Figure { value: figure.max, ..figure }
    }

    /// Of some rounds the one with the lowest value.
    ///
    /// # Panics
    /// Without rounds there is no figure.
    #[must_use]
    pub fn lowest(
        name: impl Into<String>,
        rounds: &[f64],
        unit: &'static str,
        params: &str,
    ) -> Figure {
        let mut sorted = rounds.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Figure::quantile(name, &sorted, 0.0, unit, params)
    }

    /// The quantile of many measurements, with the least and the greatest.
    ///
    /// # Panics
    /// Without measurements there is no figure.
    #[must_use]
    pub fn quantile(
        name: impl Into<String>,
        sorted: &[f64],
        quantile: f64,
        unit: &'static str,
        params: &str,
    ) -> Figure {
        assert!(!sorted.is_empty(), "a quantile needs measurements");
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index of a slice, from a share of its length"
        )]
        let index = ((sorted.len() - 1) as f64 * quantile).round() as usize;
        Figure {
            name: name.into(),
            value: sorted[index],
            unit,
            params: params.to_owned(),
            rounds: sorted.len(),
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        }
    }
}
