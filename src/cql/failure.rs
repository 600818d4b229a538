//! When a running ledger does not answer.
//!
//! No failure is ever taken for a refusal, whatever it says: not even a server's "unavailable" or
//! "invalid" proves that an earlier sending of the same batch was not written. What cannot heal is
//! told apart only to be told to people, since whoever waits for the answer sends again for ever.

use scylla::errors::{DbError, ExecutionError, RequestAttemptError};

/// What failed, in words; logged as an error when only a person can mend it.
pub(super) fn describe(doing: &str, event: &str, error: &ExecutionError) -> String {
    if cannot_heal(error) {
        tracing::error!(
            event,
            %error,
            "{doing} fails in a way that cannot heal: see that this release, the tables and the \
             rights of the user fit together"
        );
    }
    error.to_string()
}

/// Whether the same request would fail the same way for ever.
fn cannot_heal(error: &ExecutionError) -> bool {
    use RequestAttemptError as Attempt;
    matches!(
        error,
        ExecutionError::BadQuery(_)
            | ExecutionError::LastAttemptError(
                Attempt::SerializationError(_)
                    | Attempt::CqlRequestSerialization(_)
                    | Attempt::RepreparedIdChanged { .. }
                    | Attempt::DbError(
                        DbError::SyntaxError
                            | DbError::Invalid
                            | DbError::Unauthorized
                            | DbError::AuthenticationError
                            | DbError::ConfigError
                            | DbError::ProtocolError,
                        _
                    )
            )
    )
}

#[cfg(test)]
mod tests {
    use scylla::errors::WriteType;
    use scylla::statement::Consistency;

    use super::*;

    fn answered(error: DbError) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, String::new()))
    }

    #[test]
    fn only_what_cannot_heal_is_reported_as_such() {
        assert!(cannot_heal(&answered(DbError::Invalid)));
        assert!(cannot_heal(&answered(DbError::Unauthorized)));
        let timeout = DbError::WriteTimeout {
            consistency: Consistency::LocalSerial,
            received: 1,
            required: 2,
            write_type: WriteType::Cas,
        };
        assert!(!cannot_heal(&answered(timeout)));
        assert!(!cannot_heal(&answered(DbError::Overloaded)));
        assert!(!cannot_heal(&ExecutionError::EmptyPlan));
    }
}
