//! All stages, by their names.

use super::task::Stage;

impl Stage {
    pub(crate) const ALL: [Stage; 5] =
        [Stage::Utf8, Stage::Decode, Stage::Validate, Stage::Transform, Stage::Encode];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Utf8 => "utf8",
            Stage::Decode => "decode",
            Stage::Validate => "validate",
            Stage::Transform => "transform",
            Stage::Encode => "encode",
        }
    }
}
