//! What can go wrong with Kafka, and what a failed transaction call means.
//!
//! "Retry" and "unknown" are never one thing here. A call that may be repeated as it is, one whose
//! transaction must be aborted, one whose fate is unknown, and one that ends the producer are four
//! verdicts, and what follows from each is decided in one place, the transactor.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

/// Why the driver could not be started.
#[derive(Debug, Error)]
pub enum Error {
    /// The configuration cannot work, whatever the brokers say.
    #[error("{0}")]
    Config(String),
    /// The client refuses to be made.
    #[error("the Kafka client for {purpose} cannot be made: correct the client settings")]
    Client {
        /// What it was to be for.
        purpose: &'static str,
        /// What the client says.
        #[source]
        source: KafkaError,
    },
    /// The system gives no thread.
    #[error("no thread for the Kafka {purpose}: raise the limit of threads of this process")]
    Thread {
        /// What it was to be for.
        purpose: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// What a failed call means for the transaction it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing has happened; the same call may be made again.
    Retriable,
    /// The transaction is lost but the producer is not: abort, then go on.
    Abortable,
    /// The call may or may not have taken effect, and may still do so. Only a new producer under
    /// the same transactional id puts an end to that.
    Ambiguous,
    /// This producer will never do anything again.
    Fatal,
}

/// What the client itself says about an error, as far as it says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    fatal: bool,
    abort: bool,
    retriable: bool,
    timed_out: bool,
}

/// Judges an error of a transaction call, of a send, or of a flush.
///
/// Transaction calls carry the client's own marks. A send or flush has a code only: a record that
/// is refused spoils the transaction but not the producer, and a flush that times out leaves
/// records under way.
pub(crate) fn verdict(error: &KafkaError) -> Verdict {
    if let KafkaError::Transaction(inner) = error {
        return judge(Marks {
            fatal: inner.is_fatal(),
            abort: inner.txn_requires_abort(),
            retriable: inner.is_retriable(),
            timed_out: is_timeout(inner.code()),
        });
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => Verdict::Retriable,
        Some(RDKafkaErrorCode::Fatal) => Verdict::Fatal,
        Some(code) if is_timeout(code) => Verdict::Ambiguous,
        Some(_) => Verdict::Abortable,
        None => Verdict::Fatal,
    }
}

/// The order matters. Fatal beats all. An abort is safe whatever else is marked. A timeout is
/// marked retriable by the client, because *the same* call may be repeated to find out; a bounded
/// driver cannot repeat it for ever, so it counts as unknown. No mark at all is, by the client's
/// own manual, to be taken as fatal.
fn judge(marks: Marks) -> Verdict {
    if marks.fatal {
        Verdict::Fatal
    } else if marks.abort {
        Verdict::Abortable
    } else if marks.timed_out {
        Verdict::Ambiguous
    } else if marks.retriable {
        Verdict::Retriable
    } else {
        Verdict::Fatal
    }
}

/// Whether the code says that no answer came in time.
pub(crate) fn is_timeout(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::TimedOutQueue
            | RDKafkaErrorCode::MessageTimedOut
    )
}

/// Whether reading a partition cannot get past this: its position is outside the log, or the next
/// batch cannot be opened. Everything else passes by itself, or stops the whole client.
pub(crate) fn stops_a_partition(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AutoOffsetReset
            | RDKafkaErrorCode::OffsetOutOfRange
            | RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::UnsupportedCompressionType
            | RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::LogTruncation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_judged_in_order() {
        let none = Marks::default();
        let all = Marks { fatal: true, abort: true, retriable: true, timed_out: true };
        assert_eq!(judge(all), Verdict::Fatal);
        assert_eq!(judge(Marks { fatal: false, ..all }), Verdict::Abortable);
        assert_eq!(judge(Marks { retriable: true, timed_out: true, ..none }), Verdict::Ambiguous);
        assert_eq!(judge(Marks { retriable: true, ..none }), Verdict::Retriable);
        assert_eq!(judge(none), Verdict::Fatal);
    }

    #[test]
    fn sends_and_flushes_are_judged_by_code() {
        let sent = |code| verdict(&KafkaError::MessageProduction(code));
        assert_eq!(sent(RDKafkaErrorCode::QueueFull), Verdict::Retriable);
        assert_eq!(sent(RDKafkaErrorCode::MessageSizeTooLarge), Verdict::Abortable);
        assert_eq!(sent(RDKafkaErrorCode::Fatal), Verdict::Fatal);
        let flushed = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
        assert_eq!(verdict(&flushed), Verdict::Ambiguous);
        assert_eq!(verdict(&KafkaError::Canceled), Verdict::Fatal);
    }

    #[test]
    fn a_lost_broker_does_not_stop_a_partition() {
        assert!(!stops_a_partition(RDKafkaErrorCode::BrokerTransportFailure));
        assert!(!stops_a_partition(RDKafkaErrorCode::AllBrokersDown));
        assert!(stops_a_partition(RDKafkaErrorCode::AutoOffsetReset));
        assert!(stops_a_partition(RDKafkaErrorCode::BadCompression));
    }
}
