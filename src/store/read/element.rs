//! Look-ups of what programs keep on channels, accounts and recordings.

use super::super::error::ReadError;
use super::super::handle::Store;
use super::super::record::{Element, element_key};
use super::super::row::Record;
use super::super::write::{element_keys, on_recordings};
use super::get;
use crate::id::{ElementPlace, OrganizationId};

impl Store {
    /// An element.
    pub fn element(
        &self,
        organization: OrganizationId,
        on: ElementPlace,
        name: &str,
    ) -> Result<Option<Element>, ReadError> {
        let found = self.look(|tables| get(&tables.elements, element_key(organization, on, name)))?;
        // Another one's name may have the same eight bytes.
        Ok(found.filter(|found: &Element| found.name == name))
    }

    /// Whether there is an element on any recording.
    pub fn has_elements_on_recordings(&self, organization: OrganizationId) -> Result<bool, ReadError> {
        self.look(|tables| Ok(tables.elements.range(on_recordings(organization))?.next().is_some()))
    }

    /// The elements on something, by their names; as many as there can be fit one answer.
    pub fn elements(
        &self,
        organization: OrganizationId,
        on: ElementPlace,
    ) -> Result<Vec<Element>, ReadError> {
        self.look(|tables| {
            let rows = tables.elements.range(element_keys(organization, on))?;
            let mut found: Vec<Element> =
                rows.map(|row| Element::decode(row?.1.value())).collect::<Result<_, _>>()?;
            found.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(found)
        })
    }
}
