//! A table as a list of columns, from which it is both made and checked.

/// What a column is to its table; the words are those of `system_schema.columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    PartitionKey,
    Clustering,
    Static,
    Regular,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Kind::PartitionKey => "partition_key",
            Kind::Clustering => "clustering",
            Kind::Static => "static",
            Kind::Regular => "regular",
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) cql_type: &'static str,
}

/// A table: at most one column of either key kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
}

impl Table {
    /// The statement that makes it where it is not there.
    ///
    /// A time to live is ruled out in words: rows that vanish by themselves would put sold seats
    /// up for sale.
    pub(super) fn create(&self, keyspace: &str) -> String {
        let column = |column: &Column| {
            let suffix = if column.kind == Kind::Static { " static" } else { "" };
            format!("{} {}{suffix}", column.name, column.cql_type)
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        let key = |kind| self.columns.iter().filter(move |column| column.kind == kind);
        let keys = key(Kind::PartitionKey).chain(key(Kind::Clustering));
        let keys: Vec<&str> = keys.map(|column| column.name).collect();
        format!(
            "CREATE TABLE IF NOT EXISTS {keyspace}.{} ({}, PRIMARY KEY ({})) \
             WITH default_time_to_live = 0",
            self.name,
            columns.join(", "),
            keys.join(", ")
        )
    }
}
