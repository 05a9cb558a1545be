//! What of a list a caller may see.

use wharf_reference::RepositoryName;

use crate::{Permission, Standing};

/// Which repositories a list may show: all of them, or those that the caller may pull from. Cheap to clone, and cheap to ask
/// for each name of a long list: who the caller is was settled before.
#[derive(Debug, Clone, Default)]
pub struct View(Option<Standing>);

impl View {
    /// Everything.
    pub const EVERYTHING: Self = Self(None);

    /// What a caller may pull from.
    pub fn of(standing: Standing) -> Self {
        Self(Some(standing))
    }

    /// Whether nothing is hidden.
    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a repository may be shown.
    pub fn shows(&self, name: &RepositoryName) -> bool {
        self.0
            .as_ref()
            .is_none_or(|standing| standing.decide(Permission::Pull, Some(name.as_str())).is_allowed())
    }
}
