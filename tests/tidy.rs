//! The structure of the house, checked.
