//! What an event takes in memory.

use super::sale::{Sale, opened};
use crate::bench::Figure;
use crate::bench::allocations::count;
use crate::domain::layout::Definition;

/// Bytes a seat of a new event, its layout included; and bytes a live hold of one seat takes beyond
/// that, with what is kept of its buyer: one buyer a hold, half of the seats held.
#[allow(clippy::cast_precision_loss, reason = "means")]
pub(super) fn figures(definition: &Definition) -> Vec<Figure> {
    let (state, of_event) = count(|| opened(definition.clone()));
    let mut sale = Sale::new(state);
    let places = sale.places();
    let holds = places as usize / 2;
    // All that is made here is dropped again but for what the event keeps.
    let ((), of_holds) = count(|| {
        let claims = sale.named_claims(1, holds);
        claims.iter().for_each(|claim| sale.run(claim));
    });
    let params = format!("places={places} holds={holds}");
    let figure = |what: &str, bytes: i64, by: f64| {
        let name = format!("decide.bytes_per_{what}.{places}");
        Figure::once(name, bytes as f64 / by, "bytes", &params)
    };
    let (Some(of_event), Some(of_holds)) = (of_event, of_holds) else { return vec![] };
    vec![
        figure("seat", of_event.live_bytes, f64::from(places)),
        figure("hold", of_holds.live_bytes, holds as f64),
    ]
}
