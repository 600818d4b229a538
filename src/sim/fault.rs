//! Where a world can be struck: before and after everything an engine takes in and gives out, and
//! wherever a driver has a fault to report.
//!
//! The steps are the variants of the engine's own enums. The matches below have no wildcard: an
//! input, an output or a result that is new does not compile until it has its point here, and a
//! point that no gate run strikes fails the gate.

use crate::engine::{Input, Output};
use crate::ports::ledger::{CommitResult, ReadError};
use crate::ports::log::{Published, ToLog};

/// Declares an enum whose variants are listed and named.
macro_rules! named {
    ($(#[$doc:meta])+ $visible:vis enum $type:ident {
        $($(#[$of:meta])* $name:ident = $text:literal,)+
    }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visible enum $type { $($(#[$of])* $name,)+ }

        impl $type {
            /// All of them.
            pub const ALL: &[$type] = &[$($type::$name,)+];

            /// Its name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($type::$name => $text,)+ }
            }
        }
    };
}

named! {
    /// What an engine takes in or gives out.
    pub enum Step {
        /// Input.
        Assigned = "in assigned",
        /// Input.
        Revoked = "in revoked",
        /// Input.
        Records = "in records",
        /// Input.
        Fence = "in fence",
        /// Input.
        Rows = "in rows",
        /// Input.
        Committed = "in committed",
        /// Input.
        Published = "in published",
        /// Input.
        Positions = "in positions",
        /// Input.
        Drain = "in drain",
        /// Input.
        Tick = "in tick",
        /// Output.
        ReadFence = "out read fence",
        /// Output.
        ReadRows = "out read rows",
        /// Output.
        Commit = "out commit",
        /// Output.
        Publish = "out publish",
        /// Output.
        ReadPositions = "out read positions",
        /// Output.
        Rewind = "out rewind",
        /// Output.
        Pause = "out pause",
        /// Output.
        Resume = "out resume",
        /// Output.
        RetakeTerm = "out retake term",
        /// Output.
        Leave = "out leave",
        /// Output.
        Refuse = "out refuse",
        /// Output.
        Drained = "out drained",
    }
}

impl Step {
    /// The step of an input.
    #[must_use]
    pub const fn of_input(input: &Input) -> Step {
        match input {
            Input::Assigned(..) => Step::Assigned,
            Input::Revoked(_) => Step::Revoked,
            Input::Records(_) => Step::Records,
            Input::Fence(..) => Step::Fence,
            Input::Rows(..) => Step::Rows,
            Input::Committed(..) => Step::Committed,
            Input::Published(_) => Step::Published,
            Input::Positions(_) => Step::Positions,
            Input::Drain => Step::Drain,
            Input::Tick => Step::Tick,
        }
    }

    /// The step of an output.
    #[must_use]
    pub const fn of_output(output: &Output) -> Step {
        match output {
            Output::ReadFence(..) => Step::ReadFence,
            Output::ReadRows(..) => Step::ReadRows,
            Output::Commit(..) => Step::Commit,
            Output::Log(ToLog::Publish(_)) => Step::Publish,
            Output::Log(ToLog::ReadPositions(_)) => Step::ReadPositions,
            Output::Log(ToLog::Rewind { .. }) => Step::Rewind,
            Output::Log(ToLog::Pause(_)) => Step::Pause,
            Output::Log(ToLog::Resume(_)) => Step::Resume,
            Output::Log(ToLog::RetakeTerm(_)) => Step::RetakeTerm,
            Output::Log(ToLog::Leave) => Step::Leave,
            Output::Refuse { .. } => Step::Refuse,
            Output::Drained => Step::Drained,
        }
    }
}

named! {
    /// What can happen to a process at any step.
    pub enum Fault {
        /// It is killed before the step.
        DieBefore = "die before",
        /// It is killed after the step.
        DieAfter = "die after",
        /// It is stopped before the step, mostly past every timeout, and goes on.
        SleepBefore = "sleep before",
        /// It is stopped after the step.
        SleepAfter = "sleep after",
        /// The group rebalances before the step.
        RebalanceBefore = "rebalance before",
        /// The group rebalances after the step.
        RebalanceAfter = "rebalance after",
    }
}

named! {
    /// What a driver can report that is not what was hoped for, and what may lie behind it.
    pub enum Report {
        /// The ledger did not answer a read of a fence.
        FenceUnavailable = "fence: no answer",
        /// A fence that no release has written.
        FenceCorrupt = "fence: cannot be",
        /// The ledger did not answer a read of rows.
        RowsUnavailable = "rows: no answer",
        /// Rows that no release has written.
        RowsCorrupt = "rows: cannot be",
        /// A batch was refused.
        BatchRejected = "batch: rejected",
        /// Nobody knows: it had not been written, and never was.
        BatchLost = "batch: unknown, never written",
        /// Nobody knows: it had been written.
        BatchWritten = "batch: unknown, written",
        /// Nobody knows: it was written later.
        BatchLate = "batch: unknown, written late",
        /// A transaction was over without being known to be committed.
        TransactionEnded = "transaction: ended",
        /// Its end never reached the brokers.
        EndLost = "transaction: end lost",
        /// It was committed, and the answer was lost.
        EndAnswerLost = "transaction: answer lost",
        /// Its end reached the brokers after the client had given up.
        EndLate = "transaction: end late",
        /// The group has no position of a partition.
        PositionNone = "position: none",
        /// Records of an assignment or rewind that is over.
        RecordsOld = "records: of an old epoch",
        /// Requests of a transaction were committed together.
        RequestsCommitted = "requests: committed together",
        /// Requests of a transaction were aborted: nobody is ever told of them.
        RequestsAborted = "requests: aborted",
        /// Requests of a transaction were held back until the brokers aborted it.
        RequestsHung = "requests: held back, aborted in the end",
        /// A partition that cannot be worked on.
        PartitionRefused = "assignment: refused by the driver",
    }
}

impl Report {
    /// What an input reports, if it is a fault. What lies behind it the drivers note themselves.
    #[must_use]
    pub fn of_input(input: &Input) -> Option<Report> {
        match input {
            Input::Fence(_, Ok(_)) | Input::Rows(_, Ok(_)) => None,
            Input::Fence(_, Err(ReadError::Unavailable(_))) => Some(Report::FenceUnavailable),
            Input::Fence(_, Err(ReadError::Corrupt(_))) => Some(Report::FenceCorrupt),
            Input::Rows(_, Err(ReadError::Unavailable(_))) => Some(Report::RowsUnavailable),
            Input::Rows(_, Err(ReadError::Corrupt(_))) => Some(Report::RowsCorrupt),
            Input::Committed(_, CommitResult::Rejected(_)) => Some(Report::BatchRejected),
            Input::Published(Published::Ended { .. }) => Some(Report::TransactionEnded),
            Input::Positions(positions) if positions.iter().any(|(_, at)| at.is_none()) => {
                Some(Report::PositionNone)
            }
            // The simulated ledger notes which of the three it was.
            Input::Committed(_, CommitResult::Applied | CommitResult::Unknown(_))
            | Input::Published(Published::Committed)
            | Input::Positions(_)
            | Input::Assigned(..)
            | Input::Revoked(_)
            | Input::Records(_)
            | Input::Drain
            | Input::Tick => None,
        }
    }
}

/// Points that cannot be struck, and why.
pub const IMPOSSIBLE: &[(Step, &str)] =
    &[(Step::Leave, "leaving is asked for by whoever runs the engine, never by the engine")];
