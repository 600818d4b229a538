//! What the safe client does not offer: who a member is, and headers as they are.
//!
//! - The generation and member id inside group metadata have getters in the C library only. Without
//!   them two captures cannot be told apart, and metadata of no member at all (generation -1),
//!   which the coordinator does not check, would pass unseen.
//! - The safe header iterator panics on a name that is not UTF-8, so one foreign record would end
//!   the owner, and its successor after it.
#![allow(unsafe_code, reason = "calls of the C library that the safe client does not wrap")]

use std::ffi::CStr;
use std::ptr;

use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::message::BorrowedMessage;

use crate::ports::log::Header;

/// Which member of the group, in which generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The group's generation; negative when there is none.
    pub(crate) generation: i32,
    /// The id the coordinator gave; empty when it gave none.
    pub(crate) member: String,
}

impl Identity {
    /// Whether the coordinator will check it: metadata of no member slips past.
    pub(crate) fn is_of_a_member(&self) -> bool {
        self.generation >= 0 && !self.member.is_empty()
    }
}

/// Group metadata together with what it says.
pub(crate) struct Membership {
    /// To be handed to the producer.
    pub(crate) metadata: ConsumerGroupMetadata,
    /// What is in it.
    pub(crate) identity: Identity,
}

/// Captures the consumer's membership; `None` while it changes or when there is no group.
///
/// The safe handle cannot be looked into, so it is taken between two looks that must agree:
/// generations never come back.
pub(crate) fn capture<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Membership> {
    let before = identity(consumer)?;
    let metadata = consumer.group_metadata()?;
    (identity(consumer)? == before).then_some(Membership { metadata, identity: before })
}

/// Who the consumer is in its group right now.
pub(crate) fn identity<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Identity> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client outlives this call. The metadata is ours until destroyed; the member id
    // lives in it, is a NUL-terminated string or null, and is copied before.
    unsafe {
        let metadata = c::rd_kafka_consumer_group_metadata(client);
        if metadata.is_null() {
            return None;
        }
        let generation = c::rd_kafka_consumer_group_metadata_generation_id(metadata);
        let member = c::rd_kafka_consumer_group_metadata_member_id(metadata);
        let member = match member.is_null() {
            true => String::new(),
            false => CStr::from_ptr(member).to_string_lossy().into_owned(),
        };
        c::rd_kafka_consumer_group_metadata_destroy(metadata);
        Some(Identity { generation, member })
    }
}

/// The headers of a record in order; what is not UTF-8 in a name is replaced.
pub(crate) fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let mut found = Vec::new();
    let mut list = ptr::null_mut();
    // SAFETY: the message is alive; the list belongs to it. Names are NUL-terminated, values have
    // the length given, and both are copied while the message is borrowed.
    unsafe {
        let none = c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        if c::rd_kafka_message_headers(message.ptr(), &raw mut list) != none {
            return found;
        }
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        while c::rd_kafka_header_get_all(
            list,
            found.len(),
            &raw mut name,
            &raw mut value,
            &raw mut length,
        ) == none
        {
            let bytes = (!value.is_null())
                .then(|| std::slice::from_raw_parts(value.cast::<u8>(), length).to_vec());
            found.push((CStr::from_ptr(name).to_string_lossy().into_owned(), bytes));
        }
    }
    found
}
