//! No value that the definition removes appears anywhere: not in parts, accounts, messages or staging
//! folders, and not in `Debug` output.

mod columns;
mod debug;
mod definitions;
mod keys;
mod lists;
mod names;
mod previews;
mod runs;
mod wrong_places;
