//! Look-ups of plugins and of what they keep.

use super::super::error::ReadError;
use super::super::handle::Store;
use super::super::index::hash_of;
use super::super::record::{Plugin, PluginCode, PluginValue};
use super::super::row::Record;
use super::get;
use crate::id::{OrganizationId, PluginId};

impl Store {
    /// The plugins of an organization, in the order in which they were installed.
    pub fn plugins(&self, organization: OrganizationId) -> Result<Vec<Plugin>, ReadError> {
        self.look(|tables| {
            let rows = tables.plugins.range((organization.0, 0)..=(organization.0, u64::MAX))?;
            rows.map(|row| Plugin::decode(row?.1.value())).collect()
        })
    }

    /// A plugin by its name.
    pub fn plugin(&self, organization: OrganizationId, name: &str) -> Result<Option<Plugin>, ReadError> {
        Ok(self.plugins(organization)?.into_iter().find(|plugin| plugin.name == name))
    }

    /// A plugin by its number.
    pub fn plugin_numbered(
        &self,
        organization: OrganizationId,
        id: PluginId,
    ) -> Result<Option<Plugin>, ReadError> {
        self.look(|tables| get(&tables.plugins, (organization.0, id.0)))
    }

    /// A plugin's code.
    pub fn plugin_code(
        &self,
        organization: OrganizationId,
        id: PluginId,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let found: Option<PluginCode> =
            self.look(|tables| get(&tables.plugin_codes, (organization.0, id.0)))?;
        Ok(found.map(|found| found.code))
    }

    /// A variable that a plugin keeps.
    pub fn plugin_value(
        &self,
        organization: OrganizationId,
        id: PluginId,
        name: &str,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let key = (organization.0, id.0, hash_of(name));
        let found: Option<PluginValue> = self.look(|tables| get(&tables.plugin_values, key))?;
        // Another one's name may have the same eight bytes.
        Ok(found.filter(|found| found.name == name).map(|found| found.value))
    }
}
