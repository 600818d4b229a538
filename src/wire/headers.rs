//! The nested record `Header`, which `DeadLetter` and `Outbox` share, and bytes that may be null.

use super::DecodeError;
use super::binary::{Input, Output};
use crate::ports::log::Header;

pub(super) fn write(output: &mut Output, headers: &[Header]) {
    output.list(headers, |output, (name, value)| {
        output.text(name);
        write_bytes(output, value.as_deref());
    });
}

pub(super) fn read(input: &mut Input<'_>) -> Result<Vec<Header>, DecodeError> {
    input.list("headers", |input| {
        Ok((input.string("header.name")?, read_bytes(input, "header.value")?))
    })
}

pub(super) fn write_bytes(output: &mut Output, bytes: Option<&[u8]>) {
    output.optional(bytes, Output::bytes);
}

pub(super) fn read_bytes(
    input: &mut Input<'_>,
    field: &str,
) -> Result<Option<Vec<u8>>, DecodeError> {
    input.optional(field, |input| input.bytes(field).map(<[u8]>::to_vec))
}
