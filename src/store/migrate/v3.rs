//! What came with schema 3, as far as migrations write it: frozen. `tests/data/store-v3.redb` holds a file of it.

use redb::TableDefinition;

pub(super) const LOOKS: TableDefinition<'_, (u64, u64), u64> = TableDefinition::new("looks/3");
