//! A table that is opened when it is first asked for. Opening costs about as much as a look-up and each table that a
//! transaction has opened is written about in its commit, so what is touched is paid for, however many tables there are.

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::ops::RangeBounds;
use std::sync::{Arc, OnceLock};

use redb::{
    AccessGuard, Key, Range, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table,
    TableDefinition, TableStats, Value, WriteTransaction,
};

use super::error::ReadError;

/// A table of a commit.
pub(super) struct Readable<K: Key + 'static, V: Value + 'static> {
    snapshot: Arc<ReadTransaction>,
    definition: TableDefinition<'static, K, V>,
    opened: OnceLock<ReadOnlyTable<K, V>>,
}

impl<K: Key + 'static, V: Value + 'static> Readable<K, V> {
    pub(super) fn new(snapshot: Arc<ReadTransaction>, definition: TableDefinition<'static, K, V>) -> Self {
        Self { snapshot, definition, opened: OnceLock::new() }
    }

    pub(super) fn table(&self) -> Result<&ReadOnlyTable<K, V>, ReadError> {
        if let Some(table) = self.opened.get() {
            return Ok(table);
        }
        let table = self.snapshot.open_table(self.definition)?;
        Ok(self.opened.get_or_init(|| table))
    }

    pub(super) fn get<'k>(
        &self,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<AccessGuard<'static, V>>, ReadError> {
        Ok(self.table()?.get(key)?)
    }

    pub(super) fn range<'k, B: Borrow<K::SelfType<'k>>>(
        &self,
        range: impl RangeBounds<B>,
    ) -> Result<Range<'static, K, V>, ReadError> {
        Ok(self.table()?.range(range)?)
    }

    pub(super) fn all(&self) -> Result<Range<'_, K, V>, ReadError> {
        Ok(self.table()?.iter()?)
    }

    pub(super) fn len(&self) -> Result<u64, ReadError> {
        Ok(self.table()?.len()?)
    }

    pub(super) fn stats(&self) -> Result<TableStats, ReadError> {
        Ok(self.table()?.stats()?)
    }
}

/// A table of a write transaction.
pub(super) struct Writable<'t, K: Key + 'static, V: Value + 'static> {
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    opened: OnceCell<Table<'t, K, V>>,
}

impl<'t, K: Key + 'static, V: Value + 'static> Writable<'t, K, V> {
    pub(super) fn new(transaction: &'t WriteTransaction, definition: TableDefinition<'static, K, V>) -> Self {
        Self { transaction, definition, opened: OnceCell::new() }
    }

    pub(super) fn table(&self) -> Result<&Table<'t, K, V>, ReadError> {
        if let Some(table) = self.opened.get() {
            return Ok(table);
        }
        let table = self.transaction.open_table(self.definition)?;
        Ok(self.opened.get_or_init(|| table))
    }

    pub(super) fn table_mut(&mut self) -> Result<&mut Table<'t, K, V>, ReadError> {
        self.table()?;
        self.opened.get_mut().ok_or(ReadError::Reopening)
    }

    pub(super) fn get<'k>(
        &self,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<AccessGuard<'_, V>>, ReadError> {
        Ok(self.table()?.get(key)?)
    }

    pub(super) fn range<'k, B: Borrow<K::SelfType<'k>> + 'k>(
        &self,
        range: impl RangeBounds<B> + 'k,
    ) -> Result<Range<'_, K, V>, ReadError> {
        Ok(self.table()?.range(range)?)
    }

    pub(super) fn all(&self) -> Result<Range<'_, K, V>, ReadError> {
        Ok(self.table()?.iter()?)
    }

    pub(super) fn len(&self) -> Result<u64, ReadError> {
        Ok(self.table()?.len()?)
    }

    pub(super) fn insert<'k, 'v>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<Option<AccessGuard<'_, V>>, ReadError> {
        Ok(self.table_mut()?.insert(key, value)?)
    }

    pub(super) fn remove<'k>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<AccessGuard<'_, V>>, ReadError> {
        Ok(self.table_mut()?.remove(key)?)
    }

    pub(super) fn retain_in<'k, B: Borrow<K::SelfType<'k>> + 'k>(
        &mut self,
        range: impl RangeBounds<B> + 'k,
        wanted: impl for<'f> FnMut(K::SelfType<'f>, V::SelfType<'f>) -> bool,
    ) -> Result<(), ReadError> {
        Ok(self.table_mut()?.retain_in(range, wanted)?)
    }
}
